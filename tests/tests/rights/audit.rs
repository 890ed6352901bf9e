//! What the programs asked the API server for, by its audit log.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde::Deserialize;

/// Namespace of the programs, and so of their identities.
pub const SYSTEM: &str = "sandbind-system";
/// How the user names of the programs begin.
const USERS: &str = "system:serviceaccount:sandbind-system:";

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Name of the ServiceAccount.
    pub identity: String,
    pub verb: String,
    pub group: String,
    /// With its subresource: `sandboxes/status`.
    pub resource: String,
    /// Empty for the whole cluster.
    pub namespace: String,
    /// Empty for a listing, and for a creation without a name in its path.
    pub name: String,
    /// Whether authorization let it pass.
    pub allowed: bool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, verb, group, resource, namespace, name, .. } = self;
        write!(f, "{identity}: {verb} {resource}.{group} {namespace}/{name}")
    }
}

/// A line of the log, what is of interest of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    user: User,
    /// None: not about an object, such as `/version`.
    object_ref: Option<Object>,
    response_status: Option<Status>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Every request of the programs and how often it was made, of all log files in a folder: the log is cut when it grows.
pub fn requests(folder: &Path) -> BTreeMap<Request, usize> {
    let mut all = BTreeMap::new();
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = false;
    for file in files.map(|file| file.unwrap()) {
        let path = file.path();
        let is_audit = file.file_name().to_string_lossy().starts_with("audit");
        if !is_audit || path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        found = true;
        for line in BufReader::new(File::open(path).unwrap()).lines() {
            for request in line_requests(&line.unwrap()) {
                *all.entry(request).or_default() += 1;
            }
        }
    }
    assert!(found, "no audit log in {}: the cluster is to be started with --audit", folder.display());
    all
}

/// What a line of the log tells about the programs.
pub fn line_requests(line: &str) -> Vec<Request> {
    // Most lines are about others, and some are long.
    if !line.contains(USERS) {
        return Vec::new();
    }
    // The last line may be half written.
    let Ok(Event { verb, uri, user, object_ref, response_status, annotations }) = serde_json::from_str(line)
    else {
        return Vec::new();
    };
    let Some(identity) = user.username.strip_prefix(USERS) else { return Vec::new() };
    let object = object_ref.unwrap_or_else(|| Object { resource: uri, ..Object::default() });
    let resource = if object.subresource.is_empty() {
        object.resource
    } else {
        format!("{}/{}", object.resource, object.subresource)
    };
    // Whoever creates by POST is asked for a right that knows no name.
    let name = if verb == "create" { String::new() } else { object.name };
    let request = Request {
        identity: identity.to_owned(),
        verb,
        group: object.api_group,
        resource,
        namespace: object.namespace,
        name,
        allowed: annotations.get("authorization.k8s.io/decision").is_none_or(|decision| decision != "forbid"),
    };
    // A server-side apply that makes the object was asked for the right to create it too, by name, which the log does not tell.
    let made = request.verb == "patch" && response_status.is_some_and(|status| status.code == 201);
    let creation = made.then(|| Request { verb: "create".to_owned(), ..request.clone() });
    std::iter::once(request).chain(creation).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(change: impl Fn(&mut serde_json::Value)) -> Vec<Request> {
        let mut event = json!({
            "verb": "patch",
            "requestURI": "/api/v1/namespaces/shop/secrets/sandbind-a?force=true",
            "user": {"username": "system:serviceaccount:sandbind-system:sandbind-plugin-runner"},
            "objectRef": {"resource": "secrets", "namespace": "shop", "name": "sandbind-a", "apiVersion": "v1"},
            "responseStatus": {"code": 200},
            "annotations": {"authorization.k8s.io/decision": "allow"},
        });
        change(&mut event);
        line_requests(&event.to_string())
    }

    fn shown(requests: &[Request]) -> Vec<String> {
        requests.iter().map(|request| format!("{request} {}", request.allowed)).collect()
    }

    #[test]
    fn a_request_is_told_with_its_outcome() {
        assert_eq!(shown(&event(|_| ())), ["sandbind-plugin-runner: patch secrets. shop/sandbind-a true"]);
        let forbidden =
            event(|event| event["annotations"]["authorization.k8s.io/decision"] = json!("forbid"));
        assert_eq!(shown(&forbidden), ["sandbind-plugin-runner: patch secrets. shop/sandbind-a false"]);
        let status = event(|event| event["objectRef"]["subresource"] = json!("status"));
        assert_eq!(shown(&status), ["sandbind-plugin-runner: patch secrets/status. shop/sandbind-a true"]);
    }

    #[test]
    fn an_apply_that_makes_the_object_used_the_right_to_create_it() {
        assert_eq!(
            shown(&event(|event| event["responseStatus"]["code"] = json!(201))),
            [
                "sandbind-plugin-runner: patch secrets. shop/sandbind-a true",
                "sandbind-plugin-runner: create secrets. shop/sandbind-a true",
            ]
        );
    }

    #[test]
    fn what_others_ask_for_in_a_programs_name_is_theirs() {
        let others = event(|event| {
            event["impersonatedUser"] = event["user"].clone();
            event["user"]["username"] = json!("admin");
        });
        assert_eq!(others, []);
        assert_eq!(line_requests("{\"user\": {\"username\": \"system:serviceaccount:sandbind-system:a"), []);
    }
}
