//! The graph that `valueFromStep` spans: independent steps run side by side, list order means nothing.

use std::collections::BTreeSet;

use crate::api::{
    instance::{StepState, StepStatus, Work},
    plugin::{Input, Step},
};

/// The steps of `graph` that may run now: not done, not failed, and every step *of the same graph* whose output they take is
/// done. Steps without a status have not been listed yet and may run as well. Inputs from outside the graph (a delete or
/// refresh step that takes create outputs) hold nothing up: what never came is unset.
pub fn runnable<'s>(graph: &[&'s Step], work: Work, statuses: &[StepStatus]) -> Vec<&'s Step> {
    let state = |name: &str| statuses.iter().find(|s| s.work == work && s.name == name).map(|s| s.state);
    let own: BTreeSet<&str> = graph.iter().map(|step| step.name.as_str()).collect();
    let ready = |step: &Step| {
        // A refresh step bears the name of the create step whose outputs it takes and replaces: no edge to itself.
        sources(step)
            .filter(|source| *source != step.name && own.contains(source))
            .all(|source| state(source) == Some(StepState::Done))
    };
    let open = |step: &Step| !matches!(state(&step.name), Some(StepState::Done | StepState::Failed));
    graph.iter().copied().filter(|step| open(step) && ready(step)).collect()
}

/// The delete steps that apply: those that take an output of a create step that was ever claimed, and, if any create step was
/// ever claimed, those that take none of a create step.
pub fn applicable<'s>(delete: &'s [Step], create: &[Step], statuses: &[StepStatus]) -> Vec<&'s Step> {
    let claimed: BTreeSet<&str> = statuses
        .iter()
        .filter(|status| status.work == Work::Create && status.claimed)
        .map(|status| status.name.as_str())
        .collect();
    if claimed.is_empty() {
        return Vec::new();
    }
    let creates: BTreeSet<&str> = create.iter().map(|step| step.name.as_str()).collect();
    let applies = |step: &Step| {
        let mut named = sources(step).filter(|source| creates.contains(source)).peekable();
        named.peek().is_none() || named.any(|source| claimed.contains(source))
    };
    delete.iter().filter(|step| applies(step)).collect()
}

/// Names of the steps whose outputs a step takes.
fn sources(step: &Step) -> impl Iterator<Item = &str> {
    step.inputs
        .iter()
        .filter_map(|input: &Input| input.value_from_step.as_ref())
        .map(|from| from.name.as_str())
}

#[cfg(test)]
mod tests;
