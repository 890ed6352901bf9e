//! `sandbind inject`: the admission's own rules, offline. What it reserves stands for what a cluster would reserve.

use std::{collections::BTreeMap, sync::Arc};

use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin, Sandbox, binding::Scope},
    binding::{self, Binding, Bounds, Namespace, Plugins, Selection, View},
    identity,
    inject::{self, Granted, Installation, Pod},
    plugin::document,
    problem::Problem,
    yaml::{self, Document},
};
use sandbind_wire::name::{LABEL_SANDBOX, RUNNER_PORT, runner_dns_name};
use serde_json::Value;

use crate::{
    args::{AssumedState, Global, InjectArgs},
    exit::{Failure, Outcome},
    input::{self, Beside, Plugins as Reader},
    output::{self, Shell},
};

/// What the files hold.
#[derive(Default)]
struct Given {
    pod: Option<(Value, String)>,
    bindings: Vec<ResourceBinding>,
    plugins: Vec<Arc<ResourcePlugin>>,
    sandboxes: Vec<Sandbox>,
}

/// Prints the pod as it would be admitted, or everything that stands against it.
pub(crate) fn run(global: &Global, args: &InjectArgs, shell: &Shell) -> Outcome {
    let mut given = Given::default();
    let mut plugins = Reader::new(&args.template)?;
    for filename in &args.filename {
        let mut input = input::read(filename)?;
        for document in yaml::read_all(&input.text, &input.name)? {
            given.take(document, &mut plugins, &mut input.beside)?;
        }
    }
    input::refuse(plugins.end(), shell)?;
    let Some((raw, place)) = given.pod.take() else {
        return Err(Failure::usage(
            "NoPod",
            args.filename.join(", "),
            "no file holds a pod, or a workload with a pod template",
            "name the pod's file with -f too",
        ));
    };
    let patch = answer(global, args, given, &raw, &place, shell)?;
    let mut pod = raw;
    if args.patch {
        let patch = serde_json::to_value(&patch)?;
        return shell.show(&patch, || output::yaml(&patch));
    }
    json_patch::patch(&mut pod, &patch).map_err(|error| {
        Failure::failed("BadPatch", place, error.to_string(), "report this as a fault of sandbind")
    })?;
    shell.show(&pod, || output::yaml(&pod))
}

fn answer(
    global: &Global,
    args: &InjectArgs,
    given: Given,
    raw: &Value,
    place: &str,
    shell: &Shell,
) -> Outcome<Vec<json_patch::PatchOperation>> {
    let pod = Pod::read(raw).map_err(|problem| *problem)?;
    let Some(sandbox) = pod.sandbox().map(str::to_owned) else {
        shell.problem(&Problem::warning(
            "Unlabelled",
            place,
            format!("the pod has no label `{LABEL_SANDBOX}`: it never reaches the webhook"),
            format!("add `{LABEL_SANDBOX}: NAME` to the labels of the pod template"),
        ));
        return Ok(Vec::new());
    };
    let view = view(global, args, given, raw, &sandbox)?;
    let selected = match binding::select(&view, pod.labels(), &sandbox)? {
        Selection::Bound(selected) => selected,
        Selection::Unbound => {
            shell.note("no binding selects the pod, and its namespace lets it run unbound");
            return Ok(Vec::new());
        }
    };
    let workload = raw.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("workload");
    let against: Vec<Problem> =
        selected.resources.iter().flat_map(|wanted| wanted.refuse_new(&view, &sandbox, workload)).collect();
    if !against.is_empty() {
        return Err(against.into());
    }
    let shape = inject::check(&selected, &pod)?;
    let granted: Vec<Granted> = selected
        .resources
        .iter()
        .map(|wanted| granted(&sandbox, &wanted.name, wanted.scope, args.state == AssumedState::Creating))
        .collect();
    let system = &global.system_namespace;
    let installation = Installation {
        image: args.image.clone(),
        runner_url: format!("https://{}:{RUNNER_PORT}", runner_dns_name(system)),
        runner_name: runner_dns_name(system),
        runner_ca: "(the CA bundle of the installation)".to_owned(),
        ..Installation::default()
    };
    let injection = inject::plan(&selected, &pod, &shape, &granted, &view.bounds, &installation);
    Ok(inject::patch(&pod, injection))
}

/// A reservation with ids that are a function of the names, so that the same files give the same answer.
fn granted(sandbox: &str, resource: &str, scope: Scope, gated: bool) -> Granted {
    let id = |what: &str| identity::hash(&["offline", what, sandbox, resource, &format!("{scope:?}")], 16);
    Granted {
        resource: resource.to_owned(),
        instance: format!("{}-{}", identity::slug(&format!("{sandbox}-{resource}"), 40), id("instance")),
        incarnation: id("incarnation"),
        reservation: id("reservation"),
        gated,
    }
}

fn view(global: &Global, args: &InjectArgs, given: Given, raw: &Value, sandbox: &str) -> Outcome<View> {
    let own = raw.pointer("/metadata/namespace").and_then(Value::as_str);
    let namespace = global.namespace.as_deref().or(own).unwrap_or("default").to_owned();
    let mut labels = BTreeMap::new();
    for label in &args.namespace_labels {
        let Some((key, value)) = label.split_once('=') else {
            return Err(Failure::usage(
                "WrongLabel",
                "--namespace-label",
                format!("`{label}` is no label"),
                "write KEY=VALUE",
            ));
        };
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels.insert("kubernetes.io/metadata.name".to_owned(), namespace.clone());
    let bindings = given.bindings.into_iter().map(|mut object| {
        object.metadata.namespace.get_or_insert_with(|| namespace.clone());
        Arc::new(Binding::new(object, &global.system_namespace))
    });
    let sandboxes = given.sandboxes.into_iter();
    let mut sandboxes = sandboxes.filter(|object| object.metadata.name.as_deref() == Some(sandbox));
    Ok(View {
        bindings: bindings.collect(),
        sandbox: sandboxes.next().map(Arc::new),
        plugins: Arc::new(Plugins::new(given.plugins)),
        bounds: Bounds::default(),
        counts: Arc::default(),
        namespace: Arc::new(Namespace {
            uid: identity::hash(&["offline", &namespace], 16),
            name: namespace,
            labels,
            ..Namespace::default()
        }),
    })
}

impl Given {
    fn take(&mut self, document: Document, plugins: &mut Reader, beside: &mut Beside) -> Outcome {
        if document::is_plugin(&document) {
            let plugin = plugins.read(&document, beside)?;
            self.plugins.push(Arc::new(serde_json::from_value(document::as_object(&plugin))?));
            return Ok(());
        }
        let place = document.mark("");
        let unreadable = |error: serde_json::Error| {
            Failure::failed("BadObject", place.clone(), error.to_string(), "write it as the reference says")
        };
        match document.value.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "ResourceBinding" => {
                self.bindings.push(serde_json::from_value(document.value).map_err(unreadable)?);
            }
            "Sandbox" => self.sandboxes.push(serde_json::from_value(document.value).map_err(unreadable)?),
            _ => {
                if let Some(pod) = pod(document.value)
                    && self.pod.is_none()
                {
                    self.pod = Some((pod, place));
                }
            }
        }
        Ok(())
    }
}

/// A pod, or the one that a workload's template makes; other kinds hold none.
fn pod(value: Value) -> Option<Value> {
    if value.get("kind").and_then(Value::as_str) == Some("Pod") {
        return Some(value);
    }
    let namespace = value.pointer("/metadata/namespace").cloned();
    let name = value.pointer("/metadata/name").cloned();
    let template =
        value.pointer("/spec/template").or_else(|| value.pointer("/spec/jobTemplate/spec/template"))?;
    template.pointer("/spec/containers")?;
    let mut metadata = template.get("metadata").cloned().unwrap_or_else(|| serde_json::json!({}));
    for (field, inherited) in [("name", name), ("namespace", namespace)] {
        if let (Some(inherited), Some(metadata)) = (inherited, metadata.as_object_mut()) {
            metadata.entry(field).or_insert(inherited);
        }
    }
    Some(serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec"),
    }))
}
