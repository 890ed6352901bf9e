//! A fork or local workload, and the bindings that give it what it gets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fields::{Env, File, Of, Resource, Source, Spec},
    made::Made,
    names::{Names, label},
};
use crate::{
    binding::substitute,
    problem::{Problem, Problems},
};

/// What takes outputs of resources.
pub(super) struct Workload<'d> {
    /// Its place in the document.
    place: String,
    /// Where it is named, and as what.
    origin: String,
    kind: &'d str,
    name: &'d str,
    pub(super) namespace: Option<&'d str>,
    env: &'d [Env],
    /// Place of its env vars.
    env_place: String,
    files: &'d [File],
}

impl<'d> Workload<'d> {
    /// All of a document.
    pub(super) fn all(spec: &'d Spec) -> Vec<Self> {
        let forks = spec.forks.iter().enumerate().map(|(at, fork)| {
            let place = format!("spec.forks[{at}]");
            let env_place = format!("{place}.customizations.env");
            Self { env: &fork.customizations.env, env_place, ..Self::of(&fork.fork_of, place, "forkOf") }
        });
        let local = spec.local.iter().enumerate().map(|(at, local)| {
            let place = format!("spec.local[{at}]");
            let env_place = format!("{place}.env");
            let base = match &local.from {
                Some(from) => Self::of(from, place, "from"),
                None => Self { kind: "workload", name: &local.name, ..Self::of(&NOWHERE, place, "name") },
            };
            Self { env: &local.env, env_place, files: &local.files, ..base }
        });
        forks.chain(local).collect()
    }

    fn of(of: &'d Of, place: String, field: &str) -> Self {
        let kind = if of.kind.is_empty() { "workload" } else { &of.kind };
        let namespace = of.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        let origin = format!("{place}.{field}");
        Self {
            place,
            origin,
            kind,
            name: &of.name,
            namespace,
            env: &[],
            env_place: String::new(),
            files: &[],
        }
    }

    /// A binding for what all its containers get, and one for each container that gets more.
    pub(super) fn bindings(
        &self,
        names: &Names<'_>,
        resources: &[Resource],
        problems: &mut Problems,
    ) -> Vec<Made> {
        let mut containers: BTreeMap<Option<&str>, Vec<(usize, &Env)>> = BTreeMap::new();
        if !self.files.is_empty() {
            containers.entry(None).or_default();
        }
        for (at, env) in self.env.iter().enumerate() {
            let container = env.container.as_deref().filter(|container| !container.is_empty());
            containers.entry(container).or_default().push((at, env));
        }
        let mut bindings = Vec::new();
        for (container, env) in containers {
            let mut made = self.binding(container);
            for (at, env) in &env {
                let place = format!("{}[{at}]", self.env_place);
                if let Some(item) = Self::env(env, &place, &mut made, names, resources, problems) {
                    made.push("env", item, &place);
                }
            }
            if container.is_none() {
                self.files(&mut made, names, resources, problems);
            }
            if made.gives_outputs() {
                bindings.push(made);
                continue;
            }
            // Without an output of a resource there is nothing to bind.
            for (at, env) in env.iter().filter(|(_, env)| env.value_from.is_none() && !is_delete(env)) {
                problems.push(without(&format!("{}[{at}]", self.env_place), &env.name));
            }
        }
        if !bindings.is_empty() {
            let reason = format!(
                "the document does not say the labels of {} `{}`: its pods are selected by `app: {}`",
                self.kind,
                self.name,
                label(self.name)
            );
            let way_out = "correct `spec.selector` of the binding; deploy those pods yourself, with the label `sandbind.dev/sandbox`";
            problems.push(Problem::warning("SelectorGuessed", self.origin.clone(), reason, way_out));
        }
        bindings
    }

    fn binding(&self, container: Option<&str>) -> Made {
        let name = match container {
            Some(container) => label(&format!("{}-{container}", self.name)),
            None => label(self.name),
        };
        let mut made =
            Made::binding(&name, self.namespace, &json!({"matchLabels": {"app": label(self.name)}}));
        made.from("spec", &self.place);
        made.from("spec.selector", &self.origin);
        if let Some(container) = container {
            made.spec.insert("containers".to_owned(), json!([container]));
        }
        made
    }

    /// An env var of a binding; none where it has no counterpart.
    fn env(
        env: &Env,
        place: &str,
        made: &mut Made,
        names: &Names<'_>,
        resources: &[Resource],
        problems: &mut Problems,
    ) -> Option<Value> {
        if is_delete(env) {
            let reason = format!("a binding does not remove variables: `{}` stays", env.name);
            let way_out = "remove it from the pod template";
            problems.push(Problem::warning("NotMigrated", place, reason, way_out));
            return None;
        }
        let mut item = Map::from_iter([("name".to_owned(), json!(env.name))]);
        if let Some(from) = &env.value_from {
            let Some(output) = &from.resource else {
                problems.push(without(place, &env.name));
                return None;
            };
            declare(made, &output.name, names, resources);
            let name = names.resource(&output.name);
            let from = json!({"resource": {"name": name, "outputKey": output.output_key}});
            item.insert("valueFrom".to_owned(), from);
        }
        if env.value.is_some() || env.value_from.is_none() {
            let value = substitute::shield(env.value.as_deref().unwrap_or_default());
            item.insert("value".to_owned(), json!(value));
        }
        Some(Value::Object(item))
    }

    /// Folders of files: one for all outputs of a resource, or of those that are named by output and path.
    fn files(&self, made: &mut Made, names: &Names<'_>, resources: &[Resource], problems: &mut Problems) {
        let mut folders: Vec<(String, String, Vec<Value>, String)> = Vec::new();
        for (at, file) in self.files.iter().enumerate() {
            let place = format!("{}.files[{at}]", self.place);
            let Some(output) = output(file.value_from.as_ref()) else {
                problems.push(without(&place, &file.path));
                continue;
            };
            declare(made, &output.name, names, resources);
            let resource = names.resource(&output.name);
            if output.output_key.is_empty() {
                folders.push((file.path.clone(), resource, Vec::new(), place));
                continue;
            }
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let item = json!({"outputKey": output.output_key, "path": name});
            let same = |(path, of, items, _): &&mut (String, String, Vec<Value>, String)| {
                path == folder && *of == resource && !items.is_empty()
            };
            match folders.iter_mut().find(same) {
                Some((_, _, items, _)) => items.push(item),
                None => folders.push((folder.to_owned(), resource, vec![item], place)),
            }
        }
        for (path, resource, items, place) in folders {
            let folder = if items.is_empty() {
                json!({"path": path, "resource": resource})
            } else {
                json!({"path": path, "resource": resource, "items": items})
            };
            made.push("files", folder, &place);
        }
    }
}

/// What a local workload stands on that is a copy of nothing.
static NOWHERE: Of = Of { kind: String::new(), namespace: None, name: String::new() };

fn declare(made: &mut Made, resource: &str, names: &Names<'_>, resources: &[Resource]) {
    if let Some(at) = resources.iter().position(|one| one.name == resource) {
        made.declare(names, resources, at);
    }
}

fn output(source: Option<&Source>) -> Option<&super::fields::Output> {
    source?.resource.as_ref()
}

fn is_delete(env: &Env) -> bool {
    env.operation.as_deref() == Some("delete")
}

fn without(place: &str, name: &str) -> Problem {
    let reason = format!("a binding passes only outputs of resources, and `{name}` is not one");
    Problem::warning("NotMigrated", place, reason, "set it in the pod template")
}
