//! `spec.resources`.

use std::collections::BTreeSet;

use super::duplicate;
use crate::{
    api::{
        ResourceBindingSpec,
        binding::{BoundResource, Scope},
    },
    binding::{resolve::unknown_name, substitute},
    problem::Problem,
    selector,
    version::PluginRef,
};

pub(super) fn check(spec: &ResourceBindingSpec, problems: &mut Vec<Problem>) {
    if spec.resources.is_empty() {
        problems.push(Problem::error(
            "NoResources",
            "spec.resources",
            "a binding gives at least one resource",
            "add one: `- {name: db, plugin: NAME}`",
        ));
    }
    let mut seen = BTreeSet::new();
    for (index, resource) in spec.resources.iter().enumerate() {
        let place = format!("spec.resources[{index}]");
        if !selector::is_dns_label(&resource.name) {
            problems.push(Problem::error(
                "InvalidName",
                format!("{place}.name"),
                format!("`{}` is not a resource name", resource.name),
                "use 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
            ));
        } else if !seen.insert(&resource.name) {
            problems.push(duplicate(format!("{place}.name"), "resource", &resource.name));
        }
        if let Err(error) = resource.plugin.parse::<PluginRef>() {
            problems.push(Problem::error(
                "InvalidReference",
                format!("{place}.plugin"),
                error.to_string(),
                "write `name`, `name@1.2.0`, `name@^1`, `name@latest` or `name@draft`",
            ));
        }
        params(resource, &place, problems);
    }
}

fn params(resource: &BoundResource, place: &str, problems: &mut Vec<Problem>) {
    for (name, text) in &resource.params {
        let place = format!("{place}.params.{name}");
        if name.is_empty() {
            problems.push(Problem::error("InvalidName", place.clone(), "a param has a name", "name it"));
        }
        let known = |used: &str| match used {
            "sandbox" | "namespace" => true,
            "workload" => resource.scope != Scope::Sandbox,
            _ => false,
        };
        let unknown = substitute::used(text).find(|used| !known(used));
        problems.extend(unknown.map(|used| unknown_name(place, used)));
    }
}
