//! Injection: a pod (or an AdmissionReview of one), bindings and plugins. A patch fits its pod, and a pod that has it gets no other.

use std::sync::Arc;

use sandbind_core::{
    api::ResourceBinding,
    binding::{self, Binding, Bounds, Namespace, Plugins, Selection, View},
    inject::{self, Granted, Installation, Pod, bindings_of},
    problem::Problem,
    yaml,
};
use serde_json::{Value, json};

/// The law.
pub fn law(data: &[u8]) {
    let Some(text) = super::parts(data).next() else { return };
    let Ok(documents) = yaml::read_all(text, "f") else { return };
    let mut pod = None;
    let mut bindings = Vec::new();
    for document in documents {
        let value = document.value.pointer("/request/object").unwrap_or(&document.value);
        match value.get("kind").and_then(Value::as_str) {
            Some("ResourceBinding") => bindings.extend(serde_json::from_value(value.clone()).ok()),
            _ => pod = Some(value.clone()),
        }
    }
    let Some(pod) = pod else { return };
    if bindings.is_empty() {
        bindings.push(default_binding());
    }
    let view = view(bindings);
    for gated in [true, false] {
        let Some(patched) = injected(&view, &pod, gated) else { continue };
        let again = injected(&view, &patched, gated).expect("its own work is refused");
        super::same(&again, &patched, "a second injection changes the pod");
    }
}

/// The pod as it would be admitted; nothing where it is refused or not bound.
fn injected(view: &View, raw: &Value, gated: bool) -> Option<Value> {
    let pod = Pod::read(raw).ok()?;
    let selected = match binding::select(view, pod.labels(), pod.sandbox()?) {
        Ok(Selection::Bound(selected)) => selected,
        Ok(Selection::Unbound) => return None,
        Err(problems) => return refused(&problems),
    };
    let shape = match inject::check(&selected, &pod) {
        Ok(shape) => shape,
        Err(problems) => return refused(&problems),
    };
    let granted = selected.resources.iter().map(|wanted| Granted {
        resource: wanted.name.clone(),
        instance: format!("pr-1-{}", wanted.name),
        incarnation: format!("{}aaaaaaaaaaaaaa", wanted.name),
        reservation: "rrrrrrrrrrrrrrrr".to_owned(),
        gated,
    });
    let granted: Vec<Granted> = granted.collect();
    let installation = Installation {
        image: "i".into(),
        runner_url: "https://10.0.0.1:7443".into(),
        ..Installation::default()
    };
    let injection = inject::plan(&selected, &pod, &shape, &granted, &Bounds::default(), &installation);
    let told = injection.bindings.clone();
    let patch = inject::patch(&pod, injection);
    let mut patched = raw.clone();
    if let Err(error) = json_patch::patch(&mut patched, &patch) {
        panic!("the patch does not fit: {error}\n{patch:?}\n{raw}");
    }
    super::same(&bindings_of(&patched), &Some(told), "the sidecar is told something else");
    Some(patched)
}

fn refused(problems: &[Problem]) -> Option<Value> {
    assert!(problems.iter().any(Problem::is_error), "refused without an error: {problems:?}");
    None
}

fn view(bindings: Vec<ResourceBinding>) -> View {
    let bindings = bindings.into_iter().map(|mut object| {
        object.metadata.namespace.get_or_insert_with(|| "shop".to_owned());
        Arc::new(Binding::new(object, "sandbind-system"))
    });
    View {
        namespace: Arc::new(Namespace { name: "shop".into(), uid: "u".into(), ..Namespace::default() }),
        bindings: bindings.collect(),
        plugins: Arc::new(Plugins::new([
            super::binding::plugin("postgres"),
            super::binding::plugin("files"),
        ])),
        ..View::default()
    }
}

fn default_binding() -> ResourceBinding {
    let output = json!({"resource": {"name": "db", "outputKey": "provision.url"}});
    let object = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
        "metadata": {"name": "orders", "namespace": "shop"},
        "spec": {"resources": [{"name": "db", "plugin": "postgres@^1"}],
            "env": [{"name": "URL", "valueFrom": output}, {"name": "B", "value": "$(URL)$(sandbox)"}],
            "files": [{"path": "/bindings/db", "resource": "db"}]}});
    serde_json::from_value(object).expect("a binding")
}
