//! The objects on a hub: what every member cluster may read, and the account of each.

use sandbind_wire::name::{GROUP, HUB_NAMESPACE, VERSION};
use serde_json::{Value, json};

use super::{cluster_metadata, crds, labels, metadata, with};

/// Name of the role that every member has, and head of the names of what a single one has.
const MEMBER: &str = "sandbind-hub-member";
const COMPONENT: &str = "hub";
const RBAC: &str = "rbac.authorization.k8s.io";

/// The kinds, the namespace of the accounts, and the role to read plugins.
pub fn setup() -> Vec<Value> {
    let security = json!({
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    });
    let mut all = crds::all();
    all.push(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": HUB_NAMESPACE, "labels": with(labels(COMPONENT), security)},
    }));
    all.push(role(
        MEMBER,
        &json!([
            {"apiGroups": [GROUP], "resources": ["resourceplugins"], "verbs": ["get", "list", "watch"]},
            // Its UID is the hub's id.
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
        ]),
    ));
    all
}

/// The member's object. `cluster`: UID of its namespace `kube-system`.
pub fn member(name: &str, cluster: &str) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "MemberCluster",
        "metadata": cluster_metadata(name, COMPONENT),
        "spec": {"cluster": cluster},
    })
}

/// What one member needs besides: an account that reads plugins and writes the status of its own object, and a token for it.
pub fn account(name: &str) -> Vec<Value> {
    let own = format!("{MEMBER}-{name}");
    let objects = |resource: &str, verb: &str| json!({"apiGroups": [GROUP], "resources": [resource], "resourceNames": [name], "verbs": [verb]});
    let token = with(
        metadata(name, HUB_NAMESPACE, COMPONENT),
        json!({"annotations": {"kubernetes.io/service-account.name": name}}),
    );
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(name, HUB_NAMESPACE, COMPONENT),
            "automountServiceAccountToken": false,
        }),
        role(&own, &json!([objects("memberclusters", "get"), objects("memberclusters/status", "patch")])),
        binding(&own, &own, name),
        binding(&format!("{own}-reads"), MEMBER, name),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": token, "type": "kubernetes.io/service-account-token"}),
    ]
}

fn role(name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRole",
        "metadata": cluster_metadata(name, COMPONENT),
        "rules": rules,
    })
}

fn binding(name: &str, role: &str, account: &str) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": cluster_metadata(name, COMPONENT),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": HUB_NAMESPACE}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_may_write_nothing_but_the_status_of_its_own_object() {
        let all = [setup(), account("east")].concat();
        let roles = all.iter().filter(|object| object["kind"] == "ClusterRole");
        let rules: Vec<&Value> = roles.flat_map(|role| role["rules"].as_array().unwrap()).collect();
        let writes: Vec<_> = rules
            .into_iter()
            .filter(|rule| {
                rule["verbs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|verb| !["get", "list", "watch"].contains(&verb.as_str().unwrap()))
            })
            .collect();
        assert_eq!(
            writes,
            [
                &json!({"apiGroups": ["sandbind.dev"], "resources": ["memberclusters/status"], "resourceNames": ["east"], "verbs": ["patch"]})
            ]
        );
    }
}
