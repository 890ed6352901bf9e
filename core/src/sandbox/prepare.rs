//! Resources that a Sandbox asks for before any pod comes.

use std::sync::Arc;

use super::{SeenSandbox, validate::ALL_RESOURCES};
use crate::{
    api::{duration::Span, instance::InstanceKey, plugin::DEFAULT_PER_NAMESPACE},
    binding::{self, View, preparable},
    problem::Problem,
};

/// A record to be made, without a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// Which resource.
    pub key: InstanceKey,
    /// How long it stays when unused.
    pub linger: Span,
    /// The plugin it will most likely be made from, `name@version`: it counts for that one's limits.
    pub identity: String,
}

/// A prepared resource that has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// The resource's name.
    pub(super) name: String,
    /// The record to be made, or why none can be.
    pub(super) way: Result<Preparation, Box<Problem>>,
}

/// Code of the problem that goes by itself when another resource is removed.
const CROWDED: &str = "TooManyInstances";

impl Missing {
    /// Whether a place has to become free first.
    pub(super) fn waits_for_a_place(&self) -> bool {
        self.way.as_ref().is_err_and(|problem| problem.code == CROWDED)
    }
}

/// The resources that `prepare` names and that have no record. A record that is on its way out is waited for.
pub(super) fn missing(seen: &SeenSandbox<'_>) -> Vec<Missing> {
    let Some(sandbox) = seen.sandbox() else { return Vec::new() };
    if seen.deleting() || seen.view.namespace.terminating {
        return Vec::new();
    }
    let declared = preparable(seen.view);
    let mut names: Vec<&str> = Vec::new();
    for name in &sandbox.spec.prepare {
        match name.as_str() {
            ALL_RESOURCES => names.extend(declared.keys()),
            name => names.push(name),
        }
    }
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !has_record(seen, name));
    // What is made for one name counts when the next is looked at.
    let mut view = seen.view.clone();
    let found = names.into_iter().map(|name| {
        let way = preparation(seen, &view, name, declared.get(name).copied());
        if let Ok(preparation) = &way {
            *Arc::make_mut(&mut view.counts).entry(preparation.identity.clone()).or_default() += 1;
        }
        Missing { name: name.to_owned(), way }
    });
    found.collect()
}

fn has_record(seen: &SeenSandbox<'_>, resource: &str) -> bool {
    seen.records.iter().any(|record| record.spec.key.resource == resource && record.spec.key.scope.is_none())
}

fn preparation(
    seen: &SeenSandbox<'_>,
    view: &View,
    name: &str,
    linger: Option<Span>,
) -> Result<Preparation, Box<Problem>> {
    let namespace = &view.namespace;
    let Some(linger) = linger else {
        return Err(Box::new(Problem::error(
            "UnknownResource",
            format!("Sandbox {}/{}: spec.prepare", namespace.name, seen.name),
            format!(
                "no ResourceBinding of namespace `{}` declares a resource `{name}` of Sandbox scope",
                namespace.name
            ),
            "apply the binding, or correct the name",
        )));
    };
    let key = InstanceKey {
        namespace: namespace.name.clone(),
        namespace_uid: namespace.uid.clone(),
        sandbox: seen.name.to_owned(),
        resource: name.to_owned(),
        scope: None,
    };
    let snapshot = binding::plan_key(view, &key, None)?;
    let longest = snapshot.plugin.limits.as_ref();
    let limit = longest.and_then(|limits| limits.per_namespace).unwrap_or(DEFAULT_PER_NAMESPACE);
    if let Some(problem) = crowded(view, seen.name, &snapshot.identity, limit) {
        return Err(Box::new(problem));
    }
    let longest = longest.and_then(|limits| limits.linger);
    let linger = longest.map_or(linger, |longest| linger.min(longest));
    Ok(Preparation { key, linger, identity: snapshot.identity })
}

fn crowded(view: &View, sandbox: &str, identity: &str, limit: u32) -> Option<Problem> {
    let count = view.counts.get(identity).copied().unwrap_or_default();
    (u32::try_from(count).unwrap_or(u32::MAX) >= limit).then(|| {
        let namespace = &view.namespace.name;
        Problem::error(
            CROWDED,
            format!("Sandbox {namespace}/{sandbox}: spec.prepare"),
            format!("namespace `{namespace}` has {count} resources of plugin `{identity}`, and {limit} is the limit"),
            "remove sandboxes that are no longer used, or ask a cluster admin to raise `spec.limits.perNamespace`",
        )
    })
}

#[cfg(test)]
mod tests;
