//! Ends of attempts: what follows from each, by the kind of work.

use std::time::Duration;

use jiff::Timestamp;
use sandbind_wire::backoff::{DELETE, ROUND, STEP};

use super::{
    clock::{after, since},
    record::{Record, StepRun},
    snapshot::Snapshot,
};
use crate::{
    api::{
        instance::{AttemptEnd, Failure, ResourceInstanceStatus, StepState, StepStatus, Work},
        plugin::Step,
    },
    workflow::{steps_of, timeout_seconds},
};

/// Attempts in a row that never began count as one failure.
const UNSTARTED_PER_FAILURE: u32 = 3;
/// How an attempt ended that was claimed and of which nobody will say how it ended.
pub(super) const LOST: &str = "lost: its pod ended or vanished without a result";
/// How an attempt ended that nobody claimed; a reason may follow.
pub(super) const NEVER_BEGAN: &str = "never began";
/// Exit code 75 asks for another attempt for this many timeouts.
const AGAIN_TIMEOUTS: u64 = 3;

/// How an attempt ended, as far as what follows depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Exit 0 and every declared output.
    Done,
    /// Exit 75: another attempt, please.
    Again,
    /// Exit 78: no other attempt.
    GiveUp,
    /// Anything else the agent reports.
    Failed,
    /// It was claimed and nobody will ever say how it ended.
    Lost,
    /// It was never claimed, so it had no effect.
    Unclaimed,
}

/// An ended attempt.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) ending: Ending,
    /// Reason code of the failure.
    pub(super) code: &'static str,
    /// For people, as in [`AttemptEnd::how`].
    pub(super) how: String,
    pub(super) exit_code: Option<i32>,
    /// The script's last line, redacted by the agent.
    pub(super) last_line: String,
}

/// A step that has not run in this round.
pub(super) fn fresh(work: Work, name: &str) -> StepStatus {
    StepStatus {
        work,
        name: name.to_owned(),
        state: StepState::Pending,
        attempt: 1,
        claimed: false,
        claim: None,
        failures: 0,
        again: 0,
        unstarted: 0,
        first_at: None,
        not_before: None,
        last: None,
    }
}

pub(super) fn find<'s>(status: &'s ResourceInstanceStatus, work: Work, name: &str) -> Option<&'s StepStatus> {
    status.steps.iter().find(|step| step.work == work && step.name == name)
}

pub(super) fn find_mut<'s>(
    status: &'s mut ResourceInstanceStatus,
    work: Work,
    name: &str,
) -> Option<&'s mut StepStatus> {
    status.steps.iter_mut().find(|step| step.work == work && step.name == name)
}

/// The steps of one kind of work that are in force.
pub(super) fn graph(snapshot: &Snapshot, work: Work) -> &[Step] {
    match work {
        Work::Delete => snapshot.delete_steps(),
        Work::Create | Work::Refresh => steps_of(&snapshot.plugin, work),
    }
}

/// A step as the round's snapshot has it.
pub fn definition<'s>(snapshot: &'s Snapshot, work: Work, name: &str) -> Option<&'s Step> {
    graph(snapshot, work).iter().find(|step| step.name == name)
}

/// The current attempt of a step.
pub(super) fn current(record: &Record, step: &StepStatus) -> StepRun {
    StepRun {
        instance: record.name.clone(),
        incarnation: record.spec.incarnation.clone(),
        round: record.status.round,
        work: step.work,
        step: step.name.clone(),
        attempt: step.attempt,
    }
}

/// The refresh steps that are done in the refresh that is under way: what they made is not current before all are done, but
/// the steps that come after them take it.
pub fn refreshed(record: &Record) -> Vec<StepRun> {
    let done = |step: &&StepStatus| step.work == Work::Refresh && step.state == StepState::Done;
    let runs = record.status.steps.iter().filter(done).map(|step| current(record, step));
    runs.filter(|_| record.status.refreshing).collect()
}

/// Record the end of the current attempt of `step` and what follows from it.
pub(super) fn end(
    status: &mut ResourceInstanceStatus,
    work: Work,
    step: &Step,
    ended: &Ended,
    now: Timestamp,
    random: u32,
) {
    let plugin = status.plugin.as_ref().map(|plugin| plugin.identity.clone());
    let Some(found) = find_mut(status, work, &step.name) else { return };
    let attempt = found.attempt;
    let how = clip(&ended.how, 400);
    found.claim = None;
    found.last = Some(AttemptEnd { attempt, how: how.clone(), exit_code: ended.exit_code, at: now });
    if ended.ending == Ending::Done {
        found.state = StepState::Done;
        found.unstarted = 0;
        status.fence += 1;
        return;
    }
    match next(found, work, step, ended.ending, now, random) {
        Some(pause) => {
            found.attempt = attempt.saturating_add(1);
            found.not_before = Some(after(now, pause));
        }
        None => found.state = StepState::Failed,
    }
    status.fence += 1;
    let failure = Failure {
        code: ended.code.to_owned(),
        plugin,
        work: Some(work),
        step: Some(step.name.clone()),
        attempt: Some(attempt),
        how,
        last_line: clip(&ended.last_line, 200),
        at: now,
    };
    status.first_failure.get_or_insert_with(|| failure.clone());
    status.last_failure = Some(failure);
}

/// At most `most` characters: what comes from outside must not make a record too large to write.
pub(super) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The pause before the next attempt; none when there is no other. Counts the end.
fn next(
    found: &mut StepStatus,
    work: Work,
    step: &Step,
    ending: Ending,
    now: Timestamp,
    random: u32,
) -> Option<Duration> {
    let gentle = |tries: u32| Some(if work == Work::Delete { DELETE } else { STEP }.jittered(tries, random));
    if ending == Ending::Unclaimed {
        found.unstarted = found.unstarted.saturating_add(1);
        if found.unstarted < UNSTARTED_PER_FAILURE {
            return gentle(found.unstarted);
        }
    }
    found.unstarted = 0;
    if ending == Ending::Again && work != Work::Delete {
        let first = found.first_at.unwrap_or(now);
        found.again = found.again.saturating_add(1);
        if since(now, first) < Duration::from_secs(timeout_seconds(step).saturating_mul(AGAIN_TIMEOUTS)) {
            return gentle(found.again);
        }
    }
    found.failures = found.failures.saturating_add(1);
    let retries = step.retries.unwrap_or(0);
    match work {
        Work::Delete => gentle(found.failures),
        Work::Create if ending == Ending::GiveUp => None,
        Work::Create => (found.failures <= retries).then(|| gentle(found.failures)).flatten(),
        // Refreshing is never given up while the resource is in use: the values there are stay valid until it succeeds.
        Work::Refresh if ending != Ending::GiveUp && found.failures <= retries => gentle(found.failures),
        Work::Refresh => Some(ROUND.jittered(found.failures.saturating_sub(retries).max(1), random)),
    }
}

#[cfg(test)]
mod tests;
