//! What steps keep for the next ones: Terraform's state, and who may write it.
//!
//! A lock belongs to the attempt whose script asked for it. It is broken only when that attempt is over for the record, which it is
//! only once nothing of it can act any more; so a killed script leaves no lock behind, and a live one is never robbed of its own.

use sandbind_wire::{
    Bytes64,
    state::{MAX_STATE_BYTES, StateAnswer, StateAsk, StateRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    record::{Record, StepRun},
    steps,
};
use crate::api::instance::StepStatus;

/// One state of a resource as it is kept. Holds values: it is stored in a Secret and never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptState {
    /// Counts the writes, so that an old one is never taken for what is there now.
    pub writes: u64,
    /// The state; none before the first and after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Bytes64>,
    /// Who holds its lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<StateLock>,
}

/// A lock on a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateLock {
    /// The attempt whose script holds it.
    pub run: StepRun,
    /// Its id, made by the script's program.
    pub id: String,
    /// What it says of itself, as JSON.
    pub info: String,
}

impl std::fmt::Debug for KeptState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.state.as_ref().map(Bytes64::len);
        f.debug_struct("KeptState")
            .field("writes", &self.writes)
            .field("bytes", &bytes)
            .field("lock", &self.lock)
            .finish()
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum StateDecision {
    /// Nothing changes.
    Answer(StateAnswer),
    /// Write this if the state is still the one that was read, then answer [`StateAnswer::Done`]. On a conflict: read and ask again.
    Write(KeptState),
}

/// Answers the script that runs under the claim `(holder, request.nonce)` of `run`. `others`: bytes of the resource's other states.
pub fn state(
    record: &Record,
    run: &StepRun,
    holder: &str,
    request: &StateRequest,
    kept: &KeptState,
    others: usize,
) -> StateDecision {
    let refused = |reason: String| StateDecision::Answer(StateAnswer::Refused { reason });
    let claim = acting(record, run).and_then(|step| step.claim.as_ref());
    if !claim.is_some_and(|claim| claim.holder == holder && claim.nonce == request.nonce) {
        return refused("the attempt is over: nothing it does counts any more".to_owned());
    }
    // What a dead attempt locked is free.
    let lock = kept.lock.as_ref().filter(|lock| acting(record, &lock.run).is_some());
    let next = |state: Option<&Bytes64>, lock: Option<StateLock>| {
        StateDecision::Write(KeptState { writes: kept.writes.saturating_add(1), state: state.cloned(), lock })
    };
    let locked = |lock: &StateLock| StateDecision::Answer(StateAnswer::Locked { info: lock.info.clone() });
    let current = kept.state.as_ref();
    match (&request.ask, lock) {
        (StateAsk::Read, _) => StateDecision::Answer(StateAnswer::State { state: kept.state.clone() }),
        (StateAsk::Lock { id, .. }, Some(held)) if held.run == *run && held.id == *id => {
            StateDecision::Answer(StateAnswer::Done)
        }
        (StateAsk::Lock { .. }, Some(held)) => locked(held),
        (StateAsk::Lock { id, info }, None) => {
            next(current, Some(StateLock { run: run.clone(), id: id.clone(), info: info.clone() }))
        }
        (StateAsk::Unlock { .. }, None) => StateDecision::Answer(StateAnswer::Done),
        (StateAsk::Unlock { id }, Some(held)) => {
            let own = held.run == *run && id.as_ref().is_none_or(|id| *id == held.id);
            if own { next(current, None) } else { locked(held) }
        }
        (StateAsk::Write { .. } | StateAsk::Remove, Some(held)) if held.run != *run => locked(held),
        (StateAsk::Write { lock: Some(id), .. }, held) if held.is_none_or(|held| held.id != *id) => {
            refused(format!("the lock `{id}` is not held by anyone: lock the state anew"))
        }
        (StateAsk::Write { state, .. }, _) if state.len().saturating_add(others) > MAX_STATE_BYTES => {
            refused(format!(
                "the state has {} bytes; all states of a resource together may have {MAX_STATE_BYTES}: split the module, or keep the \
             state elsewhere by a backend of its own",
                state.len()
            ))
        }
        (StateAsk::Write { state, .. }, held) => next(Some(state), held.cloned()),
        (StateAsk::Remove, held) => next(None, held.cloned()),
    }
}

/// The step whose current attempt is `run`, if that is claimed and may act.
fn acting<'a>(record: &'a Record, run: &StepRun) -> Option<&'a StepStatus> {
    let step = steps::find(&record.status, run.work, &run.step)?;
    (step.claim.is_some() && steps::current(record, step) == *run).then_some(step)
}

#[cfg(test)]
mod tests;
