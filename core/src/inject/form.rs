//! Whether an object has the form of a pod, as far as an injection touches it: a patch fits nothing else.

use serde_json::Value;

use super::pod::{List, array};

/// The field path of the first part that is of another type than in a pod.
pub(super) fn wrong_part(raw: &Value) -> Option<String> {
    let maps = ["metadata", "metadata.labels", "metadata.annotations", "spec"];
    let wrong = maps.into_iter().find(|path| {
        let pointer = format!("/{}", path.replace('.', "/"));
        raw.pointer(&pointer).is_some_and(|value| !value.is_object() && !value.is_null())
    });
    let spec = raw.get("spec")?;
    wrong
        .map(str::to_owned)
        .or_else(|| no_maps(spec, "spec", "volumes"))
        .or_else(|| [List::Init, List::Main].into_iter().find_map(|list| in_containers(spec, list)))
}

fn in_containers(spec: &Value, list: List) -> Option<String> {
    no_maps(spec, "spec", list.field()).or_else(|| {
        array(spec, list.field()).iter().enumerate().find_map(|(at, container)| {
            let place = format!("spec.{}[{at}]", list.field());
            ["env", "volumeMounts"].into_iter().find_map(|field| no_maps(container, &place, field))
        })
    })
}

/// The place of a field, or of its first item, if the field is no list of maps.
fn no_maps(object: &Value, place: &str, field: &str) -> Option<String> {
    let here = format!("{place}.{field}");
    match object.get(field) {
        None | Some(Value::Null) => None,
        Some(Value::Array(items)) => {
            items.iter().position(|item| !item.is_object()).map(|at| format!("{here}[{at}]"))
        }
        Some(_) => Some(here),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_patch_would_not_fit_is_found() {
        let app = json!([{"name": "app"}]);
        for (pod, wrong) in [
            (json!({"metadata": {"labels": null}, "spec": {"containers": app, "volumes": null}}), None),
            (json!({"metadata": [], "spec": {"containers": app}}), Some("metadata")),
            (
                json!({"metadata": {"annotations": "a"}, "spec": {"containers": app}}),
                Some("metadata.annotations"),
            ),
            (json!({"spec": {"containers": [null]}}), Some("spec.containers[0]")),
            (json!({"spec": {"containers": app, "initContainers": {}}}), Some("spec.initContainers")),
            (json!({"spec": {"containers": [{"env": "a"}]}}), Some("spec.containers[0].env")),
            (json!({"spec": {"containers": [{"env": [1]}]}}), Some("spec.containers[0].env[0]")),
            (
                json!({"spec": {"containers": [{"volumeMounts": {}}]}}),
                Some("spec.containers[0].volumeMounts"),
            ),
            (json!({"spec": {"containers": app, "volumes": ["v"]}}), Some("spec.volumes[0]")),
        ] {
            assert_eq!(wrong_part(&pod).as_deref(), wrong, "{pod}");
        }
    }
}
