//! Bindings and Sandboxes: what can be decoded is written as itself, and checked without a panic; what is accepted once is
//! accepted again, and can be asked what a pod gets.

use std::sync::Arc;

use sandbind_core::{
    api::{ResourceBinding, Sandbox},
    binding::{self, Binding, Namespace, Plugins, View},
    problem::Problem,
    sandbox, yaml,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The law.
pub fn law(data: &[u8]) {
    let Some(text) = super::parts(data).next() else { return };
    let Ok(documents) = yaml::read_all(text, "f") else { return };
    for document in documents {
        if let Some(object) = decoded::<ResourceBinding>(&document.value) {
            bound(object, "shop");
        }
        if let Some(object) = decoded::<ResourceBinding>(&document.value) {
            bound(object, "sandbind-system");
        }
        if let Some(object) = decoded::<Sandbox>(&document.value) {
            let name = object.metadata.name.clone().unwrap_or_default();
            are_told(&sandbox::validate::validate(&name, &object.spec));
            are_told(&sandbox::validate::warnings(&View::default(), &object.spec));
        }
    }
}

/// The object that a value is, if it is one; written it is read as itself.
fn decoded<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(value: &Value) -> Option<T> {
    // What Kubernetes itself puts into metadata is not ours.
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("a");
    let object = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": value.get("kind")?,
        "metadata": {"name": name}, "spec": value.get("spec")?});
    let object: T = serde_json::from_value(object).ok()?;
    let written = serde_json::to_value(&object).expect("cannot be written");
    let again: T = serde_json::from_value(written.clone()).expect("what was written is refused");
    super::same(&again, &object, "read back as another");
    super::yaml::is_written(&written);
    Some(object)
}

fn bound(mut object: ResourceBinding, namespace: &str) {
    object.metadata.namespace = Some(namespace.to_owned());
    let problems = binding::validate(&object.spec, namespace == "sandbind-system");
    are_told(&problems);
    let bound = Arc::new(Binding::new(object, "sandbind-system"));
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    super::same(&bound.problems.len(), &errors, "another number of errors");
    let view = View {
        namespace: Arc::new(Namespace { name: "shop".into(), uid: "u".into(), ..Namespace::default() }),
        bindings: vec![Arc::clone(&bound)],
        plugins: Arc::new(Plugins::new([plugin("postgres"), plugin("files")])),
        ..View::default()
    };
    are_told(&binding::warnings(&view, &bound));
    let labels = bound.spec.selector.match_labels.clone().unwrap_or_default();
    match binding::select(&view, &labels, "pr-1") {
        Ok(_) => {}
        Err(problems) => {
            assert!(problems.iter().any(Problem::is_error), "denied without an error");
            are_told(&problems);
        }
    }
    let _ = binding::preparable(&view);
}

/// A plugin of that name.
pub(crate) fn plugin(name: &str) -> Arc<sandbind_core::api::ResourcePlugin> {
    let step = json!({"name": "provision", "script": "x", "outputs": [
        {"name": "url", "valueFromPath": "/u"}, {"name": "admin", "valueFromPath": "/a", "deliver": false}]});
    let object = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
        "metadata": {"name": name, "uid": name},
        "spec": {"name": name, "version": "1.0.0", "runner": {"image": "x"}, "create": [step],
            "allowedNamespaces": {"from": "All"}}});
    Arc::new(serde_json::from_value(object).expect("a plugin"))
}

fn are_told(problems: &[Problem]) {
    for problem in problems {
        assert!(
            !problem.code.is_empty() && !problem.place.is_empty() && !problem.reason.is_empty(),
            "{problem:?}"
        );
    }
}
