//! Terraform's state.

use super::*;
use crate::{
    api::instance::{Phase, Work},
    lifecycle::fixture::*,
};

fn ask(ask: StateAsk) -> StateRequest {
    StateRequest { nonce: "n".into(), name: "main".into(), ask }
}

fn lock(id: &str) -> StateAsk {
    StateAsk::Lock { id: id.into(), info: format!("{{\"ID\":\"{id}\"}}") }
}

fn write(text: &str, lock: Option<&str>) -> StateAsk {
    StateAsk::Write { state: text.into(), lock: lock.map(str::to_owned) }
}

/// A record with a claimed attempt, its run, and whom the claim names.
fn at_work() -> (Record, StepRun, String, String) {
    let record = claimed(&in_phase(Phase::Deleting), Work::Delete, "drop", 0);
    let step = steps::find(&record.status, Work::Delete, "drop").unwrap();
    let claim = step.claim.clone().unwrap();
    let run = steps::current(&record, step);
    (record, run, claim.holder, claim.nonce)
}

fn decided(ask_for: StateAsk, kept: &KeptState) -> StateDecision {
    let (record, run, holder, nonce) = at_work();
    state(&record, &run, &holder, &StateRequest { nonce, ..ask(ask_for) }, kept, 0)
}

fn written(decision: StateDecision) -> KeptState {
    match decision {
        StateDecision::Write(kept) => kept,
        StateDecision::Answer(answer) => panic!("{answer:?}"),
    }
}

/// The state as another attempt left it locked.
fn locked_by(run: StepRun) -> KeptState {
    let lock = StateLock { run, id: "theirs".into(), info: "info".into() };
    KeptState { writes: 3, state: Some("old".into()), lock: Some(lock) }
}

#[test]
fn a_script_locks_writes_and_unlocks_its_state() {
    let kept = written(decided(lock("a"), &KeptState::default()));
    assert_eq!((kept.writes, kept.lock.as_ref().unwrap().id.as_str()), (1, "a"));
    assert_eq!(decided(lock("a"), &kept), StateDecision::Answer(StateAnswer::Done), "asked again");
    assert!(matches!(decided(lock("b"), &kept), StateDecision::Answer(StateAnswer::Locked { .. })));
    let kept = written(decided(write("new", Some("a")), &kept));
    assert_eq!((kept.writes, kept.state.clone()), (2, Some("new".into())));
    let other = StateAsk::Unlock { id: Some("b".into()) };
    assert!(matches!(decided(other, &kept), StateDecision::Answer(StateAnswer::Locked { .. })));
    let kept = written(decided(StateAsk::Unlock { id: Some("a".into()) }, &kept));
    assert_eq!(kept.lock, None);
    let read = StateDecision::Answer(StateAnswer::State { state: Some("new".into()) });
    assert_eq!(decided(StateAsk::Read, &kept), read);
    assert_eq!(written(decided(StateAsk::Remove, &kept)).state, None);
}

#[test]
fn a_lock_of_a_dead_attempt_is_broken_and_one_of_a_live_attempt_is_not() {
    let (record, run, holder, nonce) = at_work();
    let dead = locked_by(StepRun { attempt: run.attempt + 7, ..run.clone() });
    let kept = written(decided(lock("mine"), &dead));
    assert_eq!(kept.lock.unwrap().run, run);

    // Two steps of a graph at work at once.
    let both = claimed(&record, Work::Delete, "sweep", 0);
    let sweep = steps::current(&both, steps::find(&both.status, Work::Delete, "sweep").unwrap());
    let live = locked_by(sweep);
    for wanted in [
        lock("mine"),
        write("x", None),
        write("x", Some("theirs")),
        StateAsk::Remove,
        StateAsk::Unlock { id: None },
    ] {
        let request = StateRequest { nonce: nonce.clone(), ..ask(wanted) };
        let answer = state(&both, &run, &holder, &request, &live, 0);
        assert_eq!(answer, StateDecision::Answer(StateAnswer::Locked { info: "info".into() }), "{request:?}");
    }
}

#[test]
fn an_attempt_that_is_over_or_another_process_of_its_pod_does_nothing() {
    let (record, run, holder, nonce) = at_work();
    let refused = |record: &Record, run: &StepRun, holder: &str, nonce: &str| {
        let request = StateRequest { nonce: nonce.to_owned(), ..ask(write("x", None)) };
        let decision = state(record, run, holder, &request, &KeptState::default(), 0);
        assert!(matches!(decision, StateDecision::Answer(StateAnswer::Refused { .. })), "{decision:?}");
    };
    refused(&record, &run, &holder, "another");
    refused(&record, &run, "another", &nonce);
    refused(&record, &StepRun { attempt: run.attempt + 1, ..run.clone() }, &holder, &nonce);
    let over = ended(&record, Work::Delete, "drop", exit(1), &[], 1);
    refused(&over, &run, &holder, &nonce);
}

#[test]
fn a_write_under_a_lock_that_is_gone_and_one_too_large_are_refused_with_a_way_out() {
    let refused = |decision| match decision {
        StateDecision::Answer(StateAnswer::Refused { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(refused(decided(write("x", Some("a")), &KeptState::default())).contains("lock the state anew"));
    let huge = "x".repeat(MAX_STATE_BYTES + 1);
    assert!(refused(decided(write(&huge, None), &KeptState::default())).contains("split the module"));
}
