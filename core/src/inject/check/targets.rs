//! Which containers get which variables and folders.

use std::{borrow::Cow, collections::BTreeSet};

use sandbind_wire::name::ENV_CONTAINER;
use serde_json::Value;

use super::Target;
use crate::{
    api::binding::{BoundEnv, OnConflict},
    binding::{Selected, Taken, validate::below},
    inject::{
        env_value, mesh,
        pod::{List, Pod, array, name_of},
    },
    problem::Problem,
};

/// The containers after the sidecar, with what the bindings give them.
pub(super) fn targets(
    selected: &Selected,
    pod: &Pod<'_>,
    sidecar_at: usize,
    problems: &mut Vec<Problem>,
) -> Vec<Target> {
    for taken in &selected.bindings {
        filter(taken, pod, sidecar_at, problems);
    }
    let mut told = BTreeSet::new();
    let mut targets = Vec::new();
    for (list, skipped) in [(List::Init, sidecar_at), (List::Main, 0)] {
        for (index, container) in pod.containers(list).iter().enumerate().skip(skipped) {
            let mut target = Target::new(list, index);
            let at = Place { selected, list, index, container };
            at.env(&mut target, &mut told, problems);
            at.folders(&mut target, &mut told, problems);
            if !(target.env.is_empty() && target.folders.is_empty()) {
                targets.push(target);
            }
        }
    }
    targets
}

/// Sees to it that the container of this name is told its name.
pub(super) fn signalled(pod: &Pod<'_>, name: &str, targets: &mut Vec<Target>) {
    for list in [List::Main, List::Init] {
        let Some(index) = pod.containers(list).iter().position(|container| name_of(container) == name) else {
            continue;
        };
        let known = targets.iter().position(|target| target.list == list && target.index == index);
        let mut target = match known {
            Some(at) => targets.remove(at),
            None => Target::new(list, index),
        };
        let own =
            pod.containers(list).get(index).map(|container| array(container, "env")).unwrap_or_default();
        let named = own.iter().enumerate().filter(|(_, entry)| name_of(entry) == ENV_CONTAINER);
        target.replaced.extend(named.map(|(at, _)| at));
        target.replaced.sort_unstable();
        target.replaced.dedup();
        target.signalled = true;
        targets.insert(known.unwrap_or(targets.len()), target);
        return;
    }
}

fn gives_to(taken: &Taken, container: &str) -> bool {
    match &taken.binding.spec.containers {
        Some(names) => names.iter().any(|name| name == container),
        None => !mesh::is_known(container),
    }
}

/// Names in `spec.containers` that the pod does not have, or has too early.
fn filter(taken: &Taken, pod: &Pod<'_>, sidecar_at: usize, problems: &mut Vec<Problem>) {
    for (index, wanted) in taken.binding.spec.containers.iter().flatten().enumerate() {
        let place = || taken.binding.at(&format!("spec.containers[{index}]"));
        let at = |list: List| pod.containers(list).iter().position(|container| name_of(container) == wanted);
        match (at(List::Main), at(List::Init)) {
            (None, Some(before)) if before < sidecar_at => problems.push(Problem::error(
                "ContainerBeforeSidecar",
                place(),
                format!("`{wanted}` starts before the sidecar, when there is nothing to give it yet"),
                "take it out of the list",
            )),
            (Some(_), _) | (None, Some(_)) => {}
            (None, None) => {
                let init = pod.containers(List::Init).iter().skip(sidecar_at);
                let names = init.chain(pod.containers(List::Main)).map(|one| format!("`{}`", name_of(one)));
                problems.push(Problem::error(
                    "UnknownContainer",
                    place(),
                    format!("the pod has no container `{wanted}`"),
                    format!("use one of {}", names.collect::<Vec<_>>().join(", ")),
                ));
            }
        }
    }
}

/// One container of the pod.
struct Place<'a> {
    selected: &'a Selected,
    list: List,
    index: usize,
    container: &'a Value,
}

impl<'a> Place<'a> {
    fn field(&self, rest: &str) -> String {
        format!("spec.{}[{}].{rest}", self.list.field(), self.index)
    }

    fn bindings(&self) -> impl Iterator<Item = (usize, &'a Taken)> {
        let name = name_of(self.container);
        self.selected.bindings.iter().enumerate().filter(move |(_, taken)| gives_to(taken, name))
    }

    fn env(&self, target: &mut Target, told: &mut BTreeSet<String>, problems: &mut Vec<Problem>) {
        let own = array(self.container, "env");
        let mut given: Vec<(&str, &Taken)> = Vec::new();
        for (nth, taken) in self.bindings() {
            for (index, env) in taken.env() {
                let place = || taken.binding.at(&format!("spec.env[{index}].name"));
                if let Some((_, other)) = given.iter().find(|(name, _)| *name == env.name) {
                    if told.insert(format!("env {}", env.name)) {
                        problems.push(Problem::error(
                            "ConflictingBindings",
                            place(),
                            format!("`{}` gives the variable `{}` too", other.binding.place(), env.name),
                            "give one of them another name, or narrow the selectors so that only one selects the pod",
                        ));
                    }
                    continue;
                }
                given.push((&env.name, taken));
                let named = || own.iter().enumerate().filter(|(_, entry)| name_of(entry) == env.name);
                let differs = named().find(|(_, entry)| !self.is_same(entry, env));
                match (taken.binding.spec.on_conflict, differs) {
                    (OnConflict::Keep, Some(_)) => continue,
                    (OnConflict::Deny, Some((at, _))) => problems.push(Problem::error(
                        "EnvConflict",
                        self.field(&format!("env[{at}]")),
                        format!("the pod sets `{}` itself, and `{}` denies that", env.name, taken.binding.place()),
                        format!("remove the variable from container `{}`, or set `onConflict` to `Replace` or `Keep`", name_of(self.container)),
                    )),
                    (_, _) => {}
                }
                target.replaced.extend(named().map(|(at, _)| at));
                target.env.push((nth, index));
            }
        }
        target.replaced.sort_unstable();
    }

    /// Whether the pod's own entry is just what the binding would add: so it is after an earlier injection.
    fn is_same(&self, entry: &Value, env: &BoundEnv) -> bool {
        let text: Option<Cow<'_, str>> = env.value.as_deref().map(|value| env_value(self.selected, value));
        let own = entry.get("value").and_then(Value::as_str);
        text.is_some() && own == text.as_deref()
    }

    fn folders(&self, target: &mut Target, told: &mut BTreeSet<String>, problems: &mut Vec<Problem>) {
        let mut given: Vec<(&str, &Taken)> = Vec::new();
        let mut number = 0;
        let name = name_of(self.container);
        for taken in &self.selected.bindings {
            for (index, files) in taken.files() {
                let folder = number;
                number += 1;
                if !gives_to(taken, name) {
                    continue;
                }
                let place = || taken.binding.at(&format!("spec.files[{index}].path"));
                let path = files.path.as_str();
                if let Some((_, other)) = given.iter().find(|(one, _)| below(path, one) || below(one, path)) {
                    if told.insert(format!("path {path}")) {
                        problems.push(Problem::error(
                            "ConflictingBindings",
                            place(),
                            format!("`{}` gives a folder at, in or above `{path}` too", other.binding.place()),
                            "give each folder a path of its own, or narrow the selectors so that only one selects the pod",
                        ));
                    }
                    continue;
                }
                given.push((path, taken));
                let taken_by = array(self.container, "volumeMounts").iter().position(|mount| {
                    let at = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
                    below(at.trim_end_matches('/'), path)
                });
                if let Some(mount) = taken_by {
                    problems.push(Problem::error(
                        "PathTaken",
                        place(),
                        format!(
                            "container `{name}` mounts something at or in `{path}` itself ({})",
                            self.field(&format!("volumeMounts[{mount}]"))
                        ),
                        format!("choose another path, or leave `{name}` out by `spec.containers`"),
                    ));
                }
                target.folders.push(folder);
            }
        }
    }
}
