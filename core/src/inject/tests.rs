#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "tables of JSON values read better so"
)]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    binding::{
        Bounds, Selected, Selection, View,
        fixtures::{binding, view},
        select,
    },
    problem::Problem,
};

mod examples;
mod laws;
mod refusals;

fn installation() -> Installation {
    Installation {
        image: "localhost/sandbind:dev".into(),
        runner_url: "https://10.96.0.7:7443".into(),
        runner_name: "sandbind-plugin-runner.sandbind-system.svc".into(),
        runner_ca: "-----BEGIN CERTIFICATE-----\n".into(),
        ..Installation::default()
    }
}

fn selected(view: &View, pod: &Pod<'_>) -> Selected {
    match select(view, pod.labels(), pod.sandbox().unwrap()) {
        Ok(Selection::Bound(selected)) => selected,
        other => panic!("{other:?}"),
    }
}

fn granted(selected: &Selected, gated: bool) -> Vec<Granted> {
    let grant = |name: &str| Granted {
        resource: name.into(),
        instance: format!("pr-1-{name}"),
        incarnation: format!("{name}aaaaaaaaaaaaaa"),
        reservation: format!("{name}rrrrrrrrrrrrrr"),
        gated,
    };
    selected.resources.iter().map(|wanted| grant(&wanted.name)).collect()
}

/// The patched pod, and how many operations it took.
fn inject(view: &View, raw: &Value, gated: bool) -> Result<(Value, usize), Vec<Problem>> {
    let pod = Pod::read(raw).map_err(|problem| vec![*problem])?;
    let selected = selected(view, &pod);
    let shape = check(&selected, &pod)?;
    let granted = match pod.existing() {
        Some(existing) => existing.resources.iter().map(Granted::from).collect(),
        None => granted(&selected, gated),
    };
    let injection = plan(&selected, &pod, &shape, &granted, &view.bounds, &installation());
    let told = injection.bindings.clone();
    let ops = patch(&pod, injection);
    let mut patched = raw.clone();
    json_patch::patch(&mut patched, &ops).unwrap();
    assert_eq!(bindings_of(&patched), Some(told));
    Ok((patched, ops.len()))
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "orders-", "labels": {"app": "orders", "sandbind.dev/sandbox": "pr-1"}},
        "spec": spec})
}

fn with_db(more: Value) -> Value {
    let mut spec = json!({
        "resources": [{"name": "db", "plugin": "postgres@^1"}],
        "env": [
            {"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.url"}}},
            {"name": "OPTIONS", "value": "u=$(URL)&s=$(sandbox)&n=$(namespace)&d=$$(sandbox)"},
        ],
        "files": [{"path": "/bindings/db", "resource": "db"}],
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn one(more: Value) -> View {
    view(vec![binding("shop", "orders", with_db(more))])
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap()).collect()
}
