//! What a result of an attempt does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sandbind_wire::{
    Bytes64,
    message::{ScriptEnd, StepResult},
};

use super::{
    conditions,
    effect::Notice,
    message,
    record::{Record, StepRun},
    snapshot::Snapshot,
    steps::{self, Ended, Ending},
};
use crate::{
    api::{
        instance::{ResourceInstanceStatus, StepState},
        plugin::Step,
    },
    workflow::{MAX_INSTANCE_BYTES, MAX_STEP_BYTES},
};

/// Exit code: try again.
const TRY_AGAIN: i32 = 75;
/// Exit code: give up at once.
const GIVE_UP: i32 = 78;

/// A result, as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// UID of the pod that posts it.
    pub holder: &'a str,
    /// What it posts.
    pub result: &'a StepResult,
    /// Bytes of the outputs that are stored for the round already, without those of this step.
    pub stored_bytes: usize,
    /// Wall clock.
    pub now: Timestamp,
    /// Uniform over all of `u32`, for jitter.
    pub random: u32,
}

/// What becomes of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// It counts. Store `outputs` first (of failed attempts too), then write the status by compare-and-swap; on a conflict read
    /// and settle again.
    Commit {
        /// The whole new status.
        status: Box<ResourceInstanceStatus>,
        /// What is to be stored of the outputs: the declared ones, none of them when they are too many bytes.
        outputs: BTreeMap<String, Bytes64>,
        /// What people are told once it is written.
        tell: Vec<Notice>,
    },
    /// It was recorded before.
    AlreadySettled,
    /// The attempt is over for the record, or was never this process's.
    Stale,
}

/// A result counts only for the attempt that its process holds the claim of.
pub fn settle(record: &Record, run: &StepRun, snapshot: &Snapshot, arrival: &Arrival<'_>) -> Settlement {
    let status = &record.status;
    if run.instance != record.name || run.incarnation != record.spec.incarnation || run.round != status.round
    {
        return Settlement::Stale;
    }
    let Some(found) = steps::find(status, run.work, &run.step) else { return Settlement::Stale };
    if let Some(last) = &found.last
        && last.attempt == run.attempt
        && (found.attempt > run.attempt || found.state != StepState::Pending)
    {
        let written_off = [steps::LOST, steps::NEVER_BEGAN].iter().any(|how| last.how.starts_with(how));
        return if written_off { Settlement::Stale } else { Settlement::AlreadySettled };
    }
    let held = found.claim.as_ref().filter(|claim| claim.holder == arrival.holder);
    let mine = held.is_some_and(|claim| claim.nonce == arrival.result.nonce);
    if found.attempt != run.attempt || found.state != StepState::Pending || !mine {
        return Settlement::Stale;
    }
    let Some(step) = steps::definition(snapshot, run.work, &run.step) else { return Settlement::Stale };
    let declared = declared(step, arrival.result);
    let too_much = too_much(&declared, arrival.stored_bytes);
    let ended = judge(step, arrival.result, &declared, too_much.as_deref());
    let outputs = if too_much.is_some() { BTreeMap::new() } else { declared };
    let failed = ended.ending != Ending::Done;
    let mut next = status.clone();
    steps::end(&mut next, run.work, step, &ended, arrival.now, arrival.random);
    conditions::update(&mut next, arrival.now);
    let tell =
        next.last_failure.iter().filter(|_| failed).map(|failure| message::failed_attempt(failure, &next));
    let tell = tell.collect();
    Settlement::Commit { status: Box::new(next), outputs, tell }
}

fn declared(step: &Step, result: &StepResult) -> BTreeMap<String, Bytes64> {
    let known = |name: &String| step.outputs.iter().any(|output| output.name == *name);
    result.outputs.iter().filter(|(name, _)| known(name)).map(|(name, v)| (name.clone(), v.clone())).collect()
}

fn too_much(declared: &BTreeMap<String, Bytes64>, stored_bytes: usize) -> Option<String> {
    let bytes: usize = declared.values().map(Bytes64::len).sum();
    if bytes > MAX_STEP_BYTES {
        return Some(format!("outputs of {bytes} bytes, more than {MAX_STEP_BYTES} for one step"));
    }
    let all = bytes.saturating_add(stored_bytes);
    (all > MAX_INSTANCE_BYTES)
        .then(|| format!("outputs of {all} bytes in all, more than {MAX_INSTANCE_BYTES} for one resource"))
}

fn judge(
    step: &Step,
    result: &StepResult,
    declared: &BTreeMap<String, Bytes64>,
    too_much: Option<&str>,
) -> Ended {
    let ended = |ending, code, how: String, exit_code| Ended {
        ending,
        code,
        how,
        exit_code,
        last_line: result.last_line.clone(),
    };
    match &result.end {
        ScriptEnd::Exited { code: 0 } => {
            let missing = step.outputs.iter().find(|output| !declared.contains_key(&output.name));
            match (too_much, missing) {
                (Some(how), _) => ended(Ending::Failed, "OutputTooLarge", how.to_owned(), Some(0)),
                (None, Some(output)) => {
                    let why = result.unreadable.get(&output.name);
                    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                    ended(
                        Ending::Failed,
                        "OutputMissing",
                        format!("exit 0, but missing output `{}`{why}", output.name),
                        Some(0),
                    )
                }
                (None, None) => ended(Ending::Done, "Done", "exit 0".to_owned(), Some(0)),
            }
        }
        ScriptEnd::Exited { code } => {
            let ending = match *code {
                TRY_AGAIN => Ending::Again,
                GIVE_UP => Ending::GiveUp,
                _ => Ending::Failed,
            };
            ended(ending, "StepFailed", format!("exit {code}"), Some(*code))
        }
        ScriptEnd::Signaled { signal } => {
            ended(Ending::Failed, "StepFailed", format!("ended by signal {signal}"), None)
        }
        ScriptEnd::Deadline => ended(
            Ending::Failed,
            "StepDeadline",
            format!("deadline of {} s", crate::workflow::timeout_seconds(step)),
            None,
        ),
        ScriptEnd::NotStarted { reason } => {
            ended(Ending::Failed, "StepNotStarted", format!("script not started: {reason}"), None)
        }
    }
}

#[cfg(test)]
mod tests;
