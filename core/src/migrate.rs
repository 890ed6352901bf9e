//! Sandbox documents of the older framework, said as bindings and Sandboxes.
//!
//! Such a document says for one sandbox what sandbind says apart: which pods of a namespace get which outputs (a ResourceBinding, the
//! same for every sandbox), and what one sandbox is made of (a Sandbox). What has no counterpart is told with its place, and what
//! is made is checked by the rules of its own kind.

mod fields;
mod made;
mod names;
mod sandbox;
mod workload;

use std::collections::BTreeMap;

use sandbind_wire::name::{GROUP, VERSION};
use serde_json::{Value, json};

use self::{fields::Spec, made::Made, names::Names, workload::Workload};
use crate::{
    plugin::document::fit,
    problem::{Problem, Problems},
    yaml::{Document, Locator},
};

/// What a sandbox document becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Migrated {
    /// ResourceBinding and Sandbox objects, ready to be applied.
    pub objects: Vec<Value>,
    /// What has no counterpart, was guessed or renamed; places begin with `file:line:column`.
    pub warnings: Vec<Problem>,
}

/// Says a sandbox document as bindings and Sandboxes, or everything that is wrong with it. Its template is expanded before.
pub fn migrate(document: &Document) -> Result<Migrated, Vec<Problem>> {
    let mut problems = Problems::default();
    let objects = read(&document.value, &mut problems)
        .map(|(name, spec)| objects(&name, &spec, &mut problems))
        .unwrap_or_default();
    let problems = told(document, problems.into_vec());
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    Ok(Migrated { objects, warnings: problems })
}

/// Name and content of the document; none where there is no sense in going on.
fn read(value: &Value, problems: &mut Problems) -> Option<(String, Spec)> {
    let holds = |field: &str| value.get("spec").is_some_and(|spec| spec.get(field).is_some());
    let other = if value.get("kind").is_some() || value.get("apiVersion").is_some() {
        Some("apply it as it is: it is an object already")
    } else if holds("runner") || holds("create") {
        Some("`sandbind plugin apply` takes plugin documents as they are")
    } else {
        None
    };
    if let Some(way_out) = other {
        let reason = "this is no sandbox document of the older framework";
        problems.push(Problem::error("WrongKind", "", reason, way_out));
        return None;
    }
    let top = fit::top(value, &["name", "spec"], problems);
    let name = top.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        let way_out = "write `name: my-sandbox` at the top";
        problems.push(Problem::error("MissingName", "name", "the sandbox has no name", way_out));
    }
    let mut found = Problems::default();
    let spec = fit::fit(top.get("spec").cloned().unwrap_or_default(), &fields::SPEC, "spec", &mut found);
    // The older framework has more fields than matter here.
    problems.extend(found.into_vec().into_iter().map(|problem| {
        if problem.code != "UnknownField" {
            return problem;
        }
        Problem::warning("NotMigrated", problem.place, problem.reason, problem.way_out)
    }));
    without(&Value::Object(spec.clone()), "spec", problems);
    match serde_json::from_value(Value::Object(spec)) {
        Ok(spec) => Some((name, spec)),
        Err(error) => {
            let way_out = "write it as the older framework reads it";
            problems.push(Problem::error("InvalidObject", "spec", error.to_string(), way_out));
            None
        }
    }
}

/// Tells of fields without a counterpart.
fn without(value: &Value, place: &str, problems: &mut Problems) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let here = crate::yaml::field(place, name);
                match fields::WITHOUT.iter().find(|(known, _)| known == name) {
                    Some((_, way_out)) => problems.push(not_migrated(&here, name, way_out)),
                    // Names of their own stand in these.
                    None if matches!(name.as_str(), "params" | "labels" | "value" | "valueFrom") => {}
                    None => without(value, &here, problems),
                }
            }
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| without(item, &format!("{place}[{at}]"), problems));
        }
        _ => {}
    }
}

fn not_migrated(place: &str, what: &str, way_out: &str) -> Problem {
    Problem::warning("NotMigrated", place, format!("`{what}` has no counterpart"), way_out)
}

/// Everything that the document becomes, checked.
fn objects(name: &str, spec: &Spec, problems: &mut Problems) -> Vec<Value> {
    if spec.resources.is_empty() {
        let reason = "the sandbox has no resources, so there is nothing to bind";
        problems.push(Problem::error(
            "NoResources",
            "spec.resources",
            reason,
            "apply your workloads as they are",
        ));
        return Vec::new();
    }
    let names = Names::of(name, &spec.resources, problems);
    let mut spaces: BTreeMap<Option<&str>, Vec<Made>> = BTreeMap::new();
    for workload in Workload::all(spec) {
        let made = workload.bindings(&names, &spec.resources, problems);
        spaces.entry(workload.namespace).or_default().extend(made);
    }
    spaces.retain(|_, bindings| !bindings.is_empty());
    if spaces.len() > 1 {
        let reason =
            "the workloads are in several namespaces: in each of them the sandbox gets resources of its own";
        let way_out = "deploy what shares a resource into one namespace";
        problems.push(Problem::warning("SeveralNamespaces", "spec.forks", reason, way_out));
    }
    unused(&names, spec, &mut spaces);
    let mut bindings = Vec::new();
    let mut sandboxes = Vec::new();
    for (namespace, mut made) in spaces {
        made::distinguish(&mut made);
        sandboxes.push(sandbox::of(namespace, &names, spec, &made, problems));
        bindings.extend(made);
    }
    let all = bindings.into_iter().chain(sandboxes);
    all.map(|made| {
        problems.extend(made.check());
        made.object()
    })
    .collect()
}

/// Resources that nothing takes an output of are made all the same.
fn unused<'d>(names: &Names<'_>, spec: &'d Spec, spaces: &mut BTreeMap<Option<&'d str>, Vec<Made>>) {
    let taken = |resource: &fields::Resource| {
        spaces.values().flatten().any(|made| made.resources.contains(&names.resource(&resource.name)))
    };
    let rest: Vec<usize> =
        (0..).zip(&spec.resources).filter_map(|(at, resource)| (!taken(resource)).then_some(at)).collect();
    if rest.is_empty() {
        return;
    }
    let of_workload = || Workload::all(spec).first().and_then(|workload| workload.namespace);
    let namespace = spaces.keys().next().copied().unwrap_or_else(of_workload);
    let first = spaces.entry(namespace).or_default();
    if first.is_empty() {
        first.push(Made::binding(&names.sandbox, namespace, &json!({})));
    }
    if let Some(binding) = first.first_mut() {
        for at in rest {
            binding.declare(names, &spec.resources, at);
        }
    }
}

/// What is told, with its places; nothing about strings whose placeholders could not be replaced.
fn told(document: &Document, problems: Vec<Problem>) -> Vec<Problem> {
    let mut locator = Locator::new(document);
    let found = problems.into_iter().filter(|problem| !document.is_failed(&problem.place));
    let all = document.problems.iter().cloned().chain(found);
    let locate = |problem: Problem| match problem.location() {
        Some(_) => problem,
        None => locator.locate(problem, None),
    };
    all.map(locate).collect()
}

fn api_version() -> String {
    format!("{GROUP}/{VERSION}")
}

#[cfg(test)]
mod tests;
