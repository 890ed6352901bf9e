//! What a plugin's and a binding's status says: whether the object itself is right, and whether what it names is there.

mod lacking;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{ResourceBinding, ResourcePlugin, binding::ResourceBindingStatus, plugin::ResourcePluginStatus},
    binding::{self, Binding, View},
    plugin::{
        self,
        references::{Presence, Reference},
    },
    problem::Problem,
    step::{self, StepSettings},
};

/// Whether the object itself is right.
pub const ACCEPTED: &str = "Accepted";
/// Whether what it names is there and may be used.
pub const RESOLVED_REFS: &str = "ResolvedRefs";
/// Problems that a message tells.
const TOLD: usize = 3;

/// What speaks against a condition.
#[derive(Debug, Default)]
struct Found {
    /// The condition is `False` because of these.
    against: Vec<Problem>,
    /// Else it is `Unknown` because of this.
    open: Option<Problem>,
}

/// A plugin's status. `presence`: what is known of the objects that its step pods need; `instances`: live instances that pinned this
/// version.
pub fn plugin_status(
    object: &ResourcePlugin,
    settings: &StepSettings,
    presence: impl Fn(&Reference) -> Presence,
    instances: usize,
    now: Timestamp,
) -> ResourcePluginStatus {
    let own = plugin::validate(&object.spec, object.metadata.name.as_deref());
    let refs = match step::namespace(&object.spec, settings) {
        Ok(namespace) => lacking::look(&object.spec, settings, namespace, presence),
        Err(problem) => vec![problem].into(),
    };
    let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    ResourcePluginStatus {
        instances: i64::try_from(instances).unwrap_or(i64::MAX),
        observed_generation: generation,
        conditions: conditions(&errors(own).into(), &refs, before, generation, now),
    }
}

/// A binding's status. `views`: the namespaces in which it holds, each as it sees the binding.
pub fn binding_status(
    object: &ResourceBinding,
    binding: &Arc<Binding>,
    views: &[View],
    now: Timestamp,
) -> ResourceBindingStatus {
    let mut refs: Vec<Problem> = Vec::new();
    for view in views {
        for mut problem in binding::warnings(view, binding) {
            if binding.is_cluster_wide() {
                problem.reason = format!("in namespace `{}`: {}", view.namespace.name, problem.reason);
            }
            refs.push(problem);
        }
    }
    let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    ResourceBindingStatus {
        observed_generation: generation,
        conditions: conditions(&binding.problems.clone().into(), &refs.into(), before, generation, now),
    }
}

fn errors(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.retain(Problem::is_error);
    problems
}

fn conditions(
    own: &Found,
    refs: &Found,
    before: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    [(ACCEPTED, "Accepted", own), (RESOLVED_REFS, "ResolvedRefs", refs)]
        .map(|(name, well, found)| condition(name, well, found, before, generation, now))
        .into()
}

/// The time changes only with the condition.
fn condition(
    name: &str,
    well: &str,
    found: &Found,
    before: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Condition {
    let value = match found {
        Found { against, .. } if !against.is_empty() => "False",
        Found { open: Some(_), .. } => "Unknown",
        Found { open: None, .. } => "True",
    };
    let known = before.iter().find(|known| known.type_ == name && known.status == value);
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let problems: Vec<&Problem> = found.against.iter().chain(&found.open).collect();
    Condition {
        last_transition_time: known.map_or(Time(now), |known| known.last_transition_time.clone()),
        message: message(&problems),
        observed_generation: Some(generation),
        reason: problems.first().map_or_else(|| well.to_owned(), |problem| problem.code.clone()),
        status: value.to_owned(),
        type_: name.to_owned(),
    }
}

fn message(problems: &[&Problem]) -> String {
    let told: Vec<String> = problems.iter().take(TOLD).map(ToString::to_string).collect();
    let told = told.join("; ");
    match problems.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

impl From<Vec<Problem>> for Found {
    fn from(against: Vec<Problem>) -> Self {
        Self { against, open: None }
    }
}

#[cfg(test)]
mod tests;
