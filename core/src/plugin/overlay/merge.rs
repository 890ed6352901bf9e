//! Strategic merge, as the API server patches pods.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const PATCH: &str = "$patch";

/// Lists whose items are told apart by a key; every other list is replaced as a whole.
fn key_of(list: &str) -> Option<&'static str> {
    Some(match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "imagePullSecrets"
        | "env"
        | "resourceClaims"
        | "schedulingGates"
        | "claims" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" => "containerPort",
        "hostAliases" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        _ => return None,
    })
}

/// The overlay laid over the base: maps are merged, keyed lists item by item, everything else is replaced; null removes;
/// `$patch: delete` removes an item or field, `$patch: replace` keeps nothing of the base.
pub fn merge(base: &Value, overlay: &Value) -> Value {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => Value::Object(merge_maps(base, overlay)),
        (_, overlay) => alone(overlay),
    }
}

/// The overlay laid over nothing.
fn alone(overlay: &Value) -> Value {
    match overlay {
        Value::Object(fields) => Value::Object(merge_maps(&Map::new(), fields)),
        Value::Array(items) => Value::Array(items.iter().map(alone).collect()),
        other => other.clone(),
    }
}

fn merge_maps(base: &Map<String, Value>, overlay: &Map<String, Value>) -> Map<String, Value> {
    let replace = directive(overlay) == Some("replace");
    let mut out = if replace { Map::new() } else { base.clone() };
    for (name, value) in overlay {
        let merged = match value {
            _ if name == PATCH => continue,
            Value::Null => None,
            Value::Object(fields) if directive(fields) == Some("delete") => None,
            Value::Array(items) => Some(match key_of(name) {
                Some(key) => merge_lists(out.get(name).and_then(Value::as_array), items, key),
                None => alone(value),
            }),
            value => Some(out.get(name).map_or_else(|| alone(value), |base| merge(base, value))),
        };
        match merged {
            Some(merged) => {
                out.insert(name.clone(), merged);
            }
            None => {
                out.shift_remove(name);
            }
        }
    }
    out
}

fn merge_lists(base: Option<&Vec<Value>>, overlay: &[Value], key: &str) -> Value {
    let is_replace = |item: &Value| {
        item.as_object().is_some_and(|item| directive(item) == Some("replace") && !item.contains_key(key))
    };
    let replace = overlay.iter().any(is_replace);
    let id = |item: &Value| item.get(key).map(Value::to_string);
    let base = base.filter(|_| !replace).map(Vec::as_slice).unwrap_or_default();
    let mut out: Vec<Option<Value>> = base.iter().cloned().map(Some).collect();
    // Where the items stand, by key; of several the first.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (at, item) in base.iter().enumerate().rev() {
        places.extend(id(item).map(|id| (id, at)));
    }
    for item in overlay.iter().filter(|item| !is_replace(item)) {
        let id = id(item);
        let at = id.as_ref().and_then(|id| places.get(id).copied());
        let delete = item.as_object().is_some_and(|item| directive(item) == Some("delete"));
        match (at.and_then(|at| out.get_mut(at)), id) {
            (Some(there), Some(id)) if delete => {
                *there = None;
                places.remove(&id);
            }
            (Some(Some(there)), _) => *there = merge(there, item),
            (_, _) if delete => {}
            (_, id) => {
                places.extend(id.map(|id| (id, out.len())));
                out.push(Some(alone(item)));
            }
        }
    }
    Value::Array(out.into_iter().flatten().collect())
}

fn directive(fields: &Map<String, Value>) -> Option<&str> {
    fields.get(PATCH).and_then(Value::as_str)
}
