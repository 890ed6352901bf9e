//! What the installation grants, one right at a time, and which right a request needs.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::audit::Request;

/// One verb on one resource for one identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Name of the ServiceAccount.
    pub identity: String,
    /// Where; none: everywhere.
    pub namespace: Option<String>,
    pub group: String,
    /// With its subresource: `sandboxes/status`.
    pub resource: String,
    /// Which object; none: any.
    pub name: Option<String>,
    pub verb: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, namespace, group, resource, name, verb } = self;
        write!(f, "{identity} may {verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if let Some(name) = name {
            write!(f, " named {name}")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => write!(f, " everywhere"),
        }
    }
}

impl Grant {
    fn covers(&self, request: &Request) -> bool {
        self.identity == request.identity
            && self.verb == request.verb
            && self.group == request.group
            && self.resource == request.resource
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == request.namespace)
            && self.name.as_ref().is_none_or(|name| *name == request.name)
    }
}

/// The right that a request needed: of those that cover it the narrowest, so that a wide one is only used by what needs it.
pub fn narrowest<'g>(granted: &'g [Grant], request: &Request) -> Option<&'g Grant> {
    let covering = granted.iter().filter(|grant| grant.covers(request));
    covering.max_by_key(|grant| (grant.namespace.is_some(), grant.name.is_some()))
}

/// Every right of the ServiceAccounts of a namespace, from two lists of roles and their bindings.
pub fn of(of_cluster: &Value, of_namespaces: &Value, system: &str) -> Vec<Grant> {
    let objects: Vec<&Value> =
        [of_cluster, of_namespaces].into_iter().flat_map(|list| items(&list["items"])).collect();
    let rules: BTreeMap<(&str, &str, &str), &Value> = objects
        .iter()
        .filter(|object| !object["rules"].is_null())
        .map(|role| (place(role), &role["rules"]))
        .collect();
    let mut granted = Vec::new();
    for binding in objects.iter().filter(|object| object["roleRef"].is_object()) {
        let role = &binding["roleRef"];
        let (_, namespace, _) = place(binding);
        let kind = text(&role["kind"]);
        let home = if kind == "Role" { namespace } else { "" };
        let rules = rules.get(&(kind, home, text(&role["name"])));
        for subject in items(&binding["subjects"]) {
            if text(&subject["kind"]) != "ServiceAccount" || text(&subject["namespace"]) != system {
                continue;
            }
            let identity = text(&subject["name"]);
            let scope = (!namespace.is_empty()).then(|| namespace.to_owned());
            let rules = rules.unwrap_or_else(|| panic!("{binding} binds a role that is not there"));
            granted.extend(items(rules).flat_map(|rule| expand(rule, identity, scope.as_ref())));
        }
    }
    granted.sort();
    granted.dedup();
    granted
}

fn expand(rule: &Value, identity: &str, namespace: Option<&String>) -> Vec<Grant> {
    let mut names: Vec<Option<String>> =
        items(&rule["resourceNames"]).map(|name| Some(text(name).to_owned())).collect();
    if names.is_empty() {
        names.push(None);
    }
    let mut grants = Vec::new();
    for group in items(&rule["apiGroups"]) {
        for resource in items(&rule["resources"]) {
            for name in &names {
                grants.extend(items(&rule["verbs"]).map(|verb| Grant {
                    identity: identity.to_owned(),
                    namespace: namespace.cloned(),
                    group: text(group).to_owned(),
                    resource: text(resource).to_owned(),
                    name: name.clone(),
                    verb: text(verb).to_owned(),
                }));
            }
        }
    }
    grants
}

fn place(object: &Value) -> (&str, &str, &str) {
    let metadata = &object["metadata"];
    (text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(verb: &str, resource: &str, place: (&str, &str)) -> Request {
        Request {
            identity: "runner".to_owned(),
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            namespace: place.0.to_owned(),
            name: place.1.to_owned(),
            allowed: true,
        }
    }

    fn granted() -> Vec<Grant> {
        let role = |kind: &str, namespace: &str, rules: &Value| json!({"kind": kind, "metadata": {"name": "r", "namespace": namespace}, "rules": rules});
        let binding = |kind: &str, role: &str, namespace: &str| {
            json!({
                "kind": kind,
                "metadata": {"name": "b", "namespace": namespace},
                "roleRef": {"kind": role, "name": "r"},
                "subjects": [
                    {"kind": "ServiceAccount", "name": "runner", "namespace": "sys"},
                    {"kind": "ServiceAccount", "name": "other", "namespace": "elsewhere"},
                    {"kind": "Group", "name": "runner"},
                ],
            })
        };
        let wide = json!([{"apiGroups": [""], "resources": ["secrets", "pods"], "verbs": ["patch"]}]);
        let near = json!([
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch", "get"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls"], "verbs": ["get"]},
        ]);
        of(
            &json!({"items": [role("ClusterRole", "", &wide), binding("ClusterRoleBinding", "ClusterRole", "")]}),
            &json!({"items": [role("Role", "sys", &near), binding("RoleBinding", "Role", "sys")]}),
            "sys",
        )
    }

    #[test]
    fn roles_come_apart_into_single_rights_of_the_programs() {
        let shown: Vec<String> = granted().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "runner may patch pods everywhere",
                "runner may patch secrets everywhere",
                "runner may get secrets in sys",
                "runner may patch secrets in sys",
                "runner may get secrets named tls in sys",
            ]
        );
    }

    #[test]
    fn a_request_uses_the_narrowest_right_that_covers_it() {
        let granted = granted();
        let of = |verb, resource, place| {
            narrowest(&granted, &request(verb, resource, place)).map(ToString::to_string)
        };
        assert_eq!(of("patch", "secrets", ("sys", "a")).unwrap(), "runner may patch secrets in sys");
        assert_eq!(of("patch", "secrets", ("shop", "a")).unwrap(), "runner may patch secrets everywhere");
        assert_eq!(of("get", "secrets", ("sys", "tls")).unwrap(), "runner may get secrets named tls in sys");
        assert_eq!(of("get", "secrets", ("sys", "b")).unwrap(), "runner may get secrets in sys");
        assert_eq!(of("get", "secrets", ("shop", "tls")), None);
        assert_eq!(of("patch", "secrets/status", ("sys", "a")), None);
    }
}
