//! Who may run an attempt: the start of every effect outside.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    clock::since,
    conditions,
    record::{Record, StepRun},
    snapshot::Snapshot,
    steps,
};
use crate::{
    api::instance::{Claim, Phase, ResourceInstanceStatus, StepState, StepStatus, Work},
    workflow::{grace_seconds, timeout_seconds},
};

/// What an agent needs after the script's own end to kill and reap what is left.
const REAP_SECONDS: u64 = 10;
/// An answer given again this much later than the first takes nothing off the timeout: the safety margin covers it.
const SLACK: Duration = Duration::from_secs(20);

/// What becomes of a request for a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimDecision {
    /// Won, once this status is written by compare-and-swap. On a conflict: read and ask again.
    Won(Box<ResourceInstanceStatus>),
    /// This very process holds it already: the same answer again, nothing to write.
    Again {
        /// To be taken off the timeout, so that the attempt still ends when its claim says.
        late: Duration,
    },
    /// Not to be decided yet.
    Wait,
    /// The attempt is not (or no longer) wanted.
    Refused(String),
}

/// Whether the agent process `nonce` in the pod `holder` may run this attempt. One pod, one process, one claim, ever.
pub fn claim(
    record: &Record,
    run: &StepRun,
    snapshot: &Snapshot,
    holder: &str,
    nonce: &str,
    now: Timestamp,
) -> ClaimDecision {
    let refused = |reason: &str| ClaimDecision::Refused(reason.to_owned());
    let status = &record.status;
    if run.instance != record.name || run.incarnation != record.spec.incarnation {
        return refused("the pod belongs to another life of the resource");
    }
    if run.round != status.round {
        return refused("the round is over");
    }
    let suits = match run.work {
        Work::Create => status.phase == Phase::Creating && !record.deleting,
        Work::Refresh => status.phase == Phase::Ready && status.refreshing && !record.deleting,
        Work::Delete => matches!(status.phase, Phase::Undoing | Phase::Deleting),
    };
    if !suits {
        return refused("the resource is in another phase by now");
    }
    let Some(found) = steps::find(status, run.work, &run.step) else { return refused("no such step") };
    if found.attempt != run.attempt || found.state != StepState::Pending {
        return refused("the attempt is over");
    }
    let given_up = |step: &StepStatus| step.work == Work::Create && step.state == StepState::Failed;
    if run.work == Work::Create && found.claim.is_none() && status.steps.iter().any(given_up) {
        return refused("the round has failed: no new step starts");
    }
    let Some(step) = steps::definition(snapshot, run.work, &run.step) else { return refused("no such step") };
    if let Some(held) = &found.claim {
        let late = since(now, held.at).checked_sub(SLACK).unwrap_or_default();
        return match held.holder == holder && held.nonce == nonce {
            false => refused("the attempt is claimed already"),
            true if late.as_secs() >= timeout_seconds(step) => refused("the attempt is as good as over"),
            true => ClaimDecision::Again { late },
        };
    }
    if found.not_before.is_some_and(|at| at > now) {
        return ClaimDecision::Wait;
    }
    let mut next = status.clone();
    next.fence += 1;
    let fence = next.fence;
    if let Some(found) = steps::find_mut(&mut next, run.work, &run.step) {
        found.claimed = true;
        found.first_at.get_or_insert(now);
        found.unstarted = 0;
        found.claim = Some(Claim {
            holder: holder.to_owned(),
            nonce: nonce.to_owned(),
            fence,
            at: now,
            dead_after_seconds: timeout_seconds(step)
                .saturating_add(grace_seconds(&snapshot.plugin.runner, step))
                .saturating_add(REAP_SECONDS),
        });
    }
    conditions::update(&mut next, now);
    ClaimDecision::Won(Box::new(next))
}

#[cfg(test)]
mod tests;
