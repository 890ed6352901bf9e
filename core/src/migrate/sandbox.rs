//! What of a sandbox document is about this one sandbox.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fields::Spec,
    made::Made,
    names::{self, Names},
};
use crate::{
    problem::{Problem, Problems},
    selector,
};

/// The Sandbox of a namespace: its resources are made at once, as the older framework does.
pub(super) fn of(
    namespace: Option<&str>,
    names: &Names<'_>,
    spec: &Spec,
    bindings: &[Made],
    problems: &mut Problems,
) -> Made {
    let mut made = Made::new("Sandbox", &names.sandbox, namespace);
    made.from("metadata.name", "name");
    let mut content = Map::new();
    if let Some(ttl) = &spec.ttl {
        made.from("spec.ttl", "spec.ttl");
        let mut written = Map::from_iter([("duration".to_owned(), json!(ttl.duration))]);
        if ttl.offset_from.as_deref() == Some("updatedAt") {
            let reason =
                "a TTL cannot count from the last update: `lastUsedAt`, the last pod, takes its place";
            let way_out = "leave it so, or write `createdAt`";
            problems.push(Problem::warning("NotMigrated", "spec.ttl.offsetFrom", reason, way_out));
            written.insert("offsetFrom".to_owned(), json!("lastUsedAt"));
        }
        content.insert("ttl".to_owned(), Value::Object(written));
    }
    let mut params = Map::new();
    let mut prepare = Vec::new();
    for (at, resource) in spec.resources.iter().enumerate() {
        let name = names.resource(&resource.name);
        if prepare.contains(&name) || !bindings.iter().any(|binding| binding.resources.contains(&name)) {
            continue;
        }
        if !resource.params.is_empty() {
            made.from(&format!("spec.params.{name}"), &format!("spec.resources[{at}].params"));
            let values =
                resource.params.iter().map(|(name, text)| (name.clone(), json!(names::literal(text))));
            params.insert(name.clone(), Value::Object(values.collect()));
        }
        made.from(&format!("spec.prepare[{}]", prepare.len()), &format!("spec.resources[{at}].name"));
        prepare.push(name);
    }
    if !params.is_empty() {
        content.insert("params".to_owned(), Value::Object(params));
    }
    content.insert("prepare".to_owned(), json!(prepare));
    made.spec = content;
    labels(&mut made, spec, problems);
    made
}

/// Labels that Kubernetes has too.
fn labels(made: &mut Made, spec: &Spec, problems: &mut Problems) {
    let mut kept = Map::new();
    for (key, value) in &spec.labels {
        let one = BTreeMap::from([(key.clone(), value.clone())]);
        let wanted = serde_json::from_value(json!({"matchLabels": one})).unwrap_or_default();
        match selector::validate(&wanted, "spec.labels").pop() {
            None => {
                kept.insert(key.clone(), json!(value));
            }
            Some(wrong) => {
                let place = format!("spec.labels.{key}");
                problems.push(Problem::warning("NotMigrated", place, wrong.reason, wrong.way_out));
            }
        }
    }
    made.labels = kept;
}
