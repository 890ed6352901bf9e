//! What a new round of a resource would be pinned to, by the live objects.

use std::collections::BTreeMap;

use super::{resolve, view::View};
use crate::{
    api::{binding::Scope, duration::Span, instance::InstanceKey},
    identity,
    lifecycle::snapshot::{Params, Snapshot},
    problem::Problem,
};

/// What a round of this key would be pinned to, or why there is nothing to pin it to. `workload` is the record's.
pub fn plan_key(view: &View, key: &InstanceKey, workload: Option<&str>) -> Result<Snapshot, Box<Problem>> {
    let holding = view.holding();
    let declaring = holding
        .iter()
        .filter(|binding| binding.declares(&key.resource).is_some())
        .find(|binding| !resolve::is_hidden(&holding, binding, &key.resource));
    let Some(binding) = declaring else {
        return Err(Box::new(Problem::error(
            "NoDeclaration",
            format!("Namespace {}", view.namespace.name),
            format!("no ResourceBinding declares the resource `{}` here any more", key.resource),
            "apply the binding again, or remove the pods that use the resource",
        )));
    };
    if let Some(problem) = binding.problems.first() {
        return Err(Box::new(problem.clone()));
    }
    let declaration = resolve::declaration(&holding, binding, &key.resource)?;
    let scoped = declaration.resource().scope != Scope::Sandbox;
    if scoped != key.scope.is_some() {
        return Err(Box::new(Problem::error(
            "ScopeChanged",
            binding.at(&format!("spec.resources[{}].scope", declaration.index)),
            format!("the scope of `{}` is another by now than that of this resource", key.resource),
            "set it back, or start the pods of the sandbox anew",
        )));
    }
    let plugin = resolve::plugin(view, &declaration)?;
    let workload = workload.filter(|_| scoped);
    let params = resolve::params(view, &plugin, &declaration, &key.sandbox, workload)
        .map_err(|problems| Box::new(first(problems)))?;
    let asked = view.sandbox.as_ref().and_then(|sandbox| sandbox.spec.routing_key.clone());
    Ok(Snapshot {
        identity: plugin.spec.identity(),
        uid: plugin.metadata.uid.clone().unwrap_or_default(),
        plugin: plugin.spec.clone(),
        params: Params(params),
        routing_key: asked.unwrap_or_else(|| identity::routing_key(&key.namespace_uid, &key.sandbox)),
        delete_override: None,
    })
}

/// Several problems as one: the first, with the number of the others.
fn first(problems: Vec<Problem>) -> Problem {
    let others = problems.len().saturating_sub(1);
    let mut problems = problems.into_iter();
    let mut problem =
        problems.next().unwrap_or_else(|| Problem::error("InvalidParams", "", "the params are wrong", ""));
    if others > 0 {
        problem.reason = format!("{} (and {others} more)", problem.reason);
    }
    problem
}

/// The resources of Sandbox scope that the bindings of a namespace declare, with how long each stays when unused: what
/// `prepare` may name. Those that cannot be made are among them; [`plan_key`] says why.
pub fn preparable(view: &View) -> BTreeMap<&str, Span> {
    let holding = view.holding();
    let mut found: BTreeMap<&str, Span> = BTreeMap::new();
    for binding in &view.bindings {
        if !holding.iter().any(|held| std::sync::Arc::ptr_eq(held, binding)) {
            continue;
        }
        let resources = binding.spec.resources.iter().filter(|resource| resource.scope == Scope::Sandbox);
        for resource in resources.filter(|resource| !resolve::is_hidden(&holding, binding, &resource.name)) {
            let linger = found.entry(resource.name.as_str()).or_insert(Span::from_secs(0));
            *linger = (*linger).max(binding.linger());
        }
    }
    found
}
