//! The smallest patch that gives a pod its injection.

use json_patch::{AddOperation, PatchOperation, jsonptr::PointerBuf};
use sandbind_wire::name;
use serde_json::{Map, Value, json};

use super::{
    plan::Injection,
    pod::{List, Pod, array, is_our_volume, name_of, remove_at},
};

/// The patch, to be applied to the pod as it was read. Empty when the pod has it all already.
pub fn patch(pod: &Pod<'_>, injection: Injection) -> Vec<PatchOperation> {
    let added = additions(pod, injection);
    if pod.removals.is_empty() {
        return added;
    }
    let mut intended = pod.clean.clone().into_owned();
    if json_patch::patch(&mut intended, &added).is_ok() && is_there(pod.raw, &intended) {
        return Vec::new();
    }
    pod.removals.iter().cloned().chain(added).collect()
}

/// What is added to the pod as it was before any injection.
fn additions(pod: &Pod<'_>, injection: Injection) -> Vec<PatchOperation> {
    let spec = pod.spec();
    let mut ops = Vec::new();
    for part in injection.parts {
        let Some(container) = pod.containers(part.list).get(part.index) else { continue };
        let index = part.index.to_string();
        let path = |field: &'static str| ["spec", part.list.field(), index.as_str(), field];
        let env = array(container, "env");
        let owned: Vec<String> = path("env").map(str::to_owned).to_vec();
        for at in part.replaced.iter().rev() {
            if let Some(entry) = env.get(*at) {
                remove_at(&mut ops, &owned, *at, "name", entry);
            }
        }
        // Ours first, so that the pod's own `$(VAR)` finds them.
        insert(&mut ops, &path("env"), container.get("env"), 0, part.env);
        let mounts = container.get("volumeMounts");
        insert(&mut ops, &path("volumeMounts"), mounts, usize::MAX, part.mounts);
    }
    let field = List::Init.field();
    insert(&mut ops, &["spec", field], spec.get(field), injection.sidecar_at, vec![injection.sidecar]);
    insert(&mut ops, &["spec", "volumes"], spec.get("volumes"), usize::MAX, injection.volumes);
    if let Some(secret) = &injection.pull_secret
        && !array(spec, "imagePullSecrets").iter().any(|one| name_of(one) == secret)
    {
        let entry = vec![json!({"name": secret})];
        insert(&mut ops, &["spec", "imagePullSecrets"], spec.get("imagePullSecrets"), usize::MAX, entry);
    }
    annotations(&mut ops, pod, &injection.annotations);
    ops
}

/// Adds entries to a list, or the whole list where there is none.
fn insert(
    ops: &mut Vec<PatchOperation>,
    path: &[&str],
    present: Option<&Value>,
    at: usize,
    entries: Vec<Value>,
) {
    if entries.is_empty() {
        return;
    }
    let Some(present) = present.and_then(Value::as_array) else {
        ops.push(add(path.iter().copied(), Value::Array(entries)));
        return;
    };
    for (offset, entry) in entries.into_iter().enumerate() {
        let index = at.min(present.len()) + offset;
        // The end of the list is named by `-`: entries of the same list may have been taken out before.
        let index = if at == usize::MAX { "-".to_owned() } else { index.to_string() };
        ops.push(add(path.iter().copied().chain([index.as_str()]), entry));
    }
}

fn add<'t>(path: impl IntoIterator<Item = &'t str>, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path), value })
}

fn annotations(ops: &mut Vec<PatchOperation>, pod: &Pod<'_>, wanted: &[(&'static str, String)]) {
    let metadata = pod.clean.get("metadata").filter(|metadata| metadata.is_object());
    let present = metadata.and_then(|metadata| metadata.get("annotations")).filter(|there| there.is_object());
    if present.is_some() {
        for (key, value) in wanted.iter().filter(|(key, value)| pod.annotation(key) != Some(value)) {
            ops.push(add(["metadata", "annotations", *key], json!(value)));
        }
        return;
    }
    let all: Map<String, Value> =
        wanted.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    match metadata {
        Some(_) => ops.push(add(["metadata", "annotations"], Value::Object(all))),
        None => ops.push(add(["metadata"], json!({"annotations": all}))),
    }
}

/// Whether the pod is as intended. In what we add, fields that others have filled in since (defaults of the API server, an image
/// taken from a mirror) are left to them.
fn is_there(pod: &Value, intended: &Value) -> bool {
    match (pod, intended) {
        (Value::Object(pod), Value::Object(wanted)) => {
            let name = name_of(intended);
            let ours =
                name == name::CONTAINER_SIDECAR || is_our_volume(name) && wanted.get("mountPath").is_none();
            if ours {
                return covers(pod, wanted, &["image", "imagePullPolicy", "resources"]);
            }
            pod.len() == wanted.len()
                && wanted.iter().all(|(key, value)| pod.get(key).is_some_and(|there| is_there(there, value)))
        }
        (Value::Array(pod), Value::Array(wanted)) => {
            pod.len() == wanted.len() && pod.iter().zip(wanted).all(|(there, value)| is_there(there, value))
        }
        _ => pod == intended,
    }
}

/// Whether everything wanted is there, whatever else is.
fn covers(there: &Map<String, Value>, wanted: &Map<String, Value>, left_to_others: &[&str]) -> bool {
    wanted.iter().filter(|(key, _)| !left_to_others.contains(&key.as_str())).all(|(key, value)| {
        there.get(key).is_some_and(|found| match (found, value) {
            (Value::Object(found), Value::Object(value)) => covers(found, value, &[]),
            (Value::Array(found), Value::Array(value)) => {
                found.len() == value.len()
                    && found.iter().zip(value).all(|pair| match pair {
                        (Value::Object(found), Value::Object(value)) => covers(found, value, &[]),
                        (found, value) => found == value,
                    })
            }
            _ => found == value,
        })
    })
}
