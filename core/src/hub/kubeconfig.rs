//! Which kubeconfig a runner takes for the way to a hub: one that stands for itself.
//!
//! It comes from a Secret, so nothing in it may run a program, name a file of the runner's, or send a token to whom it did not verify.
//! Fields are allowed by name: one that is not known here is refused.

use serde_json::{Map, Value};

use crate::{problem::Problem, yaml};

/// Where it comes from, for messages.
pub const PLACE: &str = "Secret sandbind-hub, key kubeconfig";

const CLUSTER: &[&str] = &[
    "server",
    "certificate-authority-data",
    "tls-server-name",
    "disable-compression",
    "proxy-url",
    "extensions",
];
const USER: &[&str] = &["token", "client-certificate-data", "client-key-data", "extensions"];
const PROGRAMS: &[&str] = &["exec", "auth-provider"];
const FILES: &[&str] = &["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/// The kubeconfig as data, or everything that is wrong with it. What was checked is what is to be used: another reader might take a
/// text otherwise.
pub fn read(text: &str) -> Result<Value, Vec<Problem>> {
    let refuse = |place: &str, reason: String, way_out: &str| {
        let place = if place.is_empty() { PLACE.to_owned() } else { format!("{PLACE}: {place}") };
        Problem::error("RefusedKubeconfig", place, reason, way_out)
    };
    let make = "let `sandbind hub join` write it";
    let value = match yaml::read_first(text, PLACE) {
        Ok(document) => document.value,
        // The problem may quote a token.
        Err(problem) => return Err(vec![refuse("", format!("it cannot be read ({})", problem.code), make)]),
    };
    let mut problems = Vec::new();
    if used(&value).is_none() {
        let reason = "`current-context` names no context with a cluster and a user that are there".to_owned();
        problems.push(refuse("current-context", reason, make));
    }
    for (list, part, known) in [("clusters", "cluster", CLUSTER), ("users", "user", USER)] {
        for (at, item) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            for (field, content) in item.get(part).and_then(Value::as_object).into_iter().flatten() {
                let reason = match field.as_str() {
                    "insecure-skip-tls-verify" if *content == Value::Bool(false) => continue,
                    "insecure-skip-tls-verify" => "the hub would not be verified".to_owned(),
                    "server" if !content.as_str().is_some_and(|url| url.starts_with("https://")) => {
                        "the hub is reached by `https://` alone".to_owned()
                    }
                    field if known.contains(&field) => continue,
                    field if PROGRAMS.contains(&field) => "it would run a program".to_owned(),
                    field if FILES.contains(&field) => {
                        "it names a file, which would be the runner's own".to_owned()
                    }
                    field => format!("`{field}` is not known here"),
                };
                problems.push(refuse(&format!("{list}[{at}].{part}.{field}"), reason, make));
            }
        }
    }
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

/// `server` of the cluster in use.
pub fn server(value: &Value) -> Option<&str> {
    used(value)?.get("server")?.as_str()
}

/// The cluster of the current context, if its user is there too.
fn used(value: &Value) -> Option<&Map<String, Value>> {
    let named = |list: &str, part: &str, name: &str| -> Option<&Map<String, Value>> {
        let mut items = value.get(list)?.as_array()?.iter();
        items.find(|item| item.get("name").and_then(Value::as_str) == Some(name))?.get(part)?.as_object()
    };
    let context = named("contexts", "context", value.get("current-context")?.as_str()?)?;
    named("users", "user", context.get("user")?.as_str()?)?;
    let cluster = named("clusters", "cluster", context.get("cluster")?.as_str()?)?;
    cluster.contains_key("server").then_some(cluster)
}
