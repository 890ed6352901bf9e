//! What is to be done about one sandbox: its life, its preparations, its status.

use jiff::{SignedDuration, Timestamp};
use sandbind_wire::name;

use super::{
    SeenSandbox,
    prepare::{self, Missing, Preparation},
    status, ttl, unreachable,
};
use crate::api::{
    Sandbox,
    instance::Phase,
    sandbox::{Lifetime, SandboxStatus},
};

/// One thing to be done. They are to be done in the order given; each may be repeated.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a WhileUsed Sandbox with our finalizer. That there is one already is fine.
    Create,
    /// Add our finalizer.
    Hold,
    /// Take our finalizer away.
    Release,
    /// Delete it, under the condition that it is still the one that was seen.
    Delete(Farewell),
    /// Make this record, without a reservation. That there is one already is fine.
    Prepare(Preparation),
    /// Tell people that it ends at this time.
    Announce(Timestamp),
    /// Tell people that this pod waits for what is ready.
    Unreachable {
        /// Its name.
        pod: String,
        /// UID.
        uid: String,
    },
    /// Write this status.
    Write(Box<SandboxStatus>),
}

/// Why a Sandbox is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Its time to live has ended.
    Expired,
    /// It was WhileUsed, and its last resource is gone. It is to vanish at once: take our finalizer away first, and let the
    /// deletion be conditional on the revision, so that it can never be seen as one being deleted by a pod that has just come.
    Unused,
}

/// What is to be done now, and when to look again without a reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What is to be done now.
    pub actions: Vec<Action>,
    /// When time alone changes something.
    pub again: Option<Timestamp>,
}

/// Until someone who was over a limit is looked at again: what frees a place is about other sandboxes, and touches only those.
const PLACE: SignedDuration = SignedDuration::from_secs(5);

/// What is to be done about one sandbox.
pub fn decide(seen: &SeenSandbox<'_>) -> Decision {
    let Some(sandbox) = seen.sandbox() else {
        return Decision { actions: absent(seen).into_iter().collect(), again: None };
    };
    let finalizers = sandbox.metadata.finalizers.as_deref().unwrap_or_default();
    let held = finalizers.iter().any(|one| one == name::FINALIZER_SANDBOX);
    let over = seen.records.is_empty() || seen.view.namespace.terminating;
    if seen.deleting() && over {
        // The records of a terminating namespace live on elsewhere; nobody may wait for them here.
        return Decision { actions: held.then_some(Action::Release).into_iter().collect(), again: None };
    }
    if seen.view.namespace.terminating {
        return Decision::default();
    }
    let spec = &sandbox.spec;
    if spec.lifetime == Lifetime::WhileUsed
        && spec.prepare.is_empty()
        && seen.records.is_empty()
        && (held || was_used(seen, sandbox))
    {
        let kept = ttl::hold(sandbox).filter(|until| *until > seen.now);
        if kept.is_none() {
            return Decision { actions: vec![Action::Delete(Farewell::Unused)], again: None };
        }
    }

    let missing = prepare::missing(seen);
    let status = status::status(seen, &missing);
    let last_used = status.last_used_at.as_deref().and_then(|text| text.parse().ok());
    let end = ttl::end(sandbox, seen.default_ttl, seen.live().next().is_some(), last_used)
        .filter(|_| !seen.deleting());
    let mut actions = Vec::new();
    let mut again = None;
    let preparations = || missing.iter().filter_map(|one| one.way.clone().ok());
    if let Some(end) = end
        && end.at <= seen.now
    {
        actions.extend((!held && !seen.records.is_empty()).then_some(Action::Hold));
        actions.push(Action::Delete(Farewell::Expired));
    } else {
        if !seen.deleting() && !held && (!seen.records.is_empty() || preparations().next().is_some()) {
            actions.push(Action::Hold);
        }
        actions.extend(preparations().map(Action::Prepare));
        if let Some(end) = end {
            let near = end.notice <= seen.now;
            actions.extend(near.then_some(Action::Announce(end.at)));
            again = Some(if near { end.at } else { end.notice });
        }
        again = sooner(again, ttl::hold(sandbox).filter(|until| *until > seen.now));
        if missing.iter().any(Missing::waits_for_a_place) {
            again = sooner(again, Some(seen.now + PLACE));
        }
    }
    let waiting = unreachable::waiting(seen);
    again = sooner(again, waiting.again);
    actions.extend(
        waiting
            .unreachable
            .iter()
            .map(|pod| Action::Unreachable { pod: pod.name.clone(), uid: pod.uid.clone() }),
    );
    if sandbox.status.as_ref() != Some(&status) {
        actions.push(Action::Write(Box::new(status)));
    }
    Decision { actions, again }
}

/// Whether a WhileUsed one without our finalizer is over: it was used, and let go of, but not deleted yet. One that was never used
/// waits for its first pod.
fn was_used(seen: &SeenSandbox<'_>, sandbox: &Sandbox) -> bool {
    let used = sandbox.status.as_ref().is_some_and(|status| status.last_used_at.is_some());
    used && seen.live().next().is_none()
}

fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Nobody has made one: a record that is not on its way out asks for one.
fn absent(seen: &SeenSandbox<'_>) -> Option<Action> {
    let stays = |phase: Phase, deleting: bool| phase != Phase::Deleting && !deleting;
    let wanted = seen.records.iter().any(|record| stays(record.status.phase, record.deleting));
    (wanted && !seen.view.namespace.terminating).then_some(Action::Create)
}

/// The names of what is prepared and cannot be made.
pub(super) fn impossible(missing: &[Missing]) -> impl Iterator<Item = (&str, &crate::problem::Problem)> {
    missing.iter().filter_map(|one| Some((one.name.as_str(), &**one.way.as_ref().err()?)))
}

#[cfg(test)]
mod tests;
