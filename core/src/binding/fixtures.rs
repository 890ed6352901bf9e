//! A view of a small namespace, for tests.

#![allow(clippy::needless_pass_by_value, reason = "tables of JSON values read better so")]

use std::sync::Arc;

use sandbind_wire::name;
use serde_json::{Value, json};

use super::{Binding, Namespace, Plugins, View};
use crate::api::{ResourceBinding, ResourcePlugin, Sandbox};

pub(crate) fn plugin(name: &str, version: Option<&str>, more: Value) -> Arc<ResourcePlugin> {
    let mut spec = json!({
        "name": name, "runner": {"image": "x"},
        "create": [{"name": "provision", "script": "x", "outputs": [
            {"name": "url", "valueFromPath": "/u"}, {"name": "admin", "valueFromPath": "/a", "deliver": false}]}],
    });
    if let Some(version) = version {
        spec["version"] = json!(version);
    }
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let metadata = json!({"name": name, "uid": format!("uid-{name}-{}", version.unwrap_or("draft"))});
    Arc::new(
        serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": metadata, "spec": spec}))
        .unwrap(),
    )
}

pub(crate) fn binding(namespace: &str, name: &str, spec: Value) -> Arc<Binding> {
    let object: ResourceBinding = serde_json::from_value(json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1}, "spec": spec}))
    .unwrap();
    Arc::new(Binding::new(object, "sandbind-system"))
}

pub(crate) fn sandbox(spec: Value) -> Arc<Sandbox> {
    Arc::new(
        serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "Sandbox",
            "metadata": {"name": "pr-1", "namespace": "shop"}, "spec": spec}))
        .unwrap(),
    )
}

pub(crate) fn view(bindings: Vec<Arc<Binding>>) -> View {
    View {
        namespace: Arc::new(Namespace {
            name: "shop".into(),
            uid: "ns-uid".into(),
            labels: [(name::LABEL_ENABLED.to_owned(), "true".to_owned())].into(),
            ..Namespace::default()
        }),
        bindings,
        plugins: Arc::new(Plugins::new([
            plugin("postgres", Some("1.0.0"), json!({})),
            plugin("postgres", Some("1.2.0"), json!({"limits": {"perNamespace": 2, "linger": "1h"}})),
            plugin("postgres", Some("2.0.0"), json!({"allowedNamespaces": {"from": "None"}})),
            plugin(
                "strict",
                None,
                json!({"params": [
                {"name": "seed", "pattern": "small|large"}, {"name": "size", "default": "1"}]}),
            ),
            plugin("open", Some("1.0.0"), json!({"allowedNamespaces": {"from": "All"}})),
        ])),
        ..View::default()
    }
}
