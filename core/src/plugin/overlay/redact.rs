//! Which values in the step container come from Secrets, so that the agent can keep them inside the pod.

use std::collections::{BTreeMap, BTreeSet};

use sandbind_wire::name::CONTAINER_STEP;
use serde_json::Value;

/// Names and paths, never values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redact {
    /// Env vars, as in [`sandbind_wire::name::ENV_REDACT_ENV`].
    pub env: BTreeSet<String>,
    /// Files and folders.
    pub files: BTreeSet<String>,
}

/// Reads a pod (or pod template) whose step container is `main`.
pub fn redact(pod: &Value) -> Redact {
    let list = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let volumes: BTreeMap<String, Value> = list(pod, "/spec/volumes")
        .into_iter()
        .filter_map(|volume| Some((text(&volume, "/name")?, volume)))
        .filter(|(_, volume)| is_secret(volume))
        .collect();
    let mut found = Redact::default();
    let Some(main) = list(pod, "/spec/containers")
        .into_iter()
        .find(|container| text(container, "/name").as_deref() == Some(CONTAINER_STEP))
    else {
        return found;
    };
    let whole =
        list(&main, "/envFrom").iter().any(|source| source.get("secretRef").is_some_and(|v| !v.is_null()));
    if whole {
        found.env.insert("*".to_owned());
    }
    for variable in list(&main, "/env") {
        let Some(name) = text(&variable, "/name") else { continue };
        if variable.pointer("/valueFrom/secretKeyRef").is_some() {
            found.env.insert(name);
        } else if whole && !name.starts_with("SANDBIND_") {
            found.env.insert(format!("!{name}"));
        }
    }
    // A variable may be made of one that comes from a Secret.
    for variable in list(&main, "/env") {
        let (Some(name), Some(value)) = (text(&variable, "/name"), text(&variable, "/value")) else {
            continue;
        };
        if found.env.iter().any(|secret| value.contains(&format!("$({secret})")))
            || (whole && value.contains("$("))
        {
            found.env.remove(&format!("!{name}"));
            found.env.insert(name);
        }
    }
    for mount in list(&main, "/volumeMounts") {
        let volume = text(&mount, "/name").and_then(|name| volumes.get(&name));
        if let (Some(_), Some(path)) = (volume, text(&mount, "/mountPath")) {
            found.files.insert(path);
        }
    }
    found
}

/// Volumes whose files are, or may be, secret.
fn is_secret(volume: &Value) -> bool {
    let set = |value: &Value, field: &str| value.get(field).is_some_and(|value| !value.is_null());
    let sources = volume.pointer("/projected/sources").and_then(Value::as_array);
    set(volume, "secret")
        || set(volume, "csi")
        || sources.is_some_and(|sources| sources.iter().any(|source| set(source, "secret")))
}
