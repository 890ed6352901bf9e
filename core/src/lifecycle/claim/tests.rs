//! Who gets a claim.

use super::*;
use crate::lifecycle::fixture::*;

fn ask(record: &Record, run: &StepRun, holder: &str, nonce: &str, now: i64) -> ClaimDecision {
    claim(record, run, &snapshot(), holder, nonce, at(now))
}

#[test]
fn a_claim_names_its_holder_its_end_and_a_fence_of_its_own() {
    let record = creating();
    let before = record.status.fence;
    let record = claimed(&record, Work::Create, "make", 7);
    let step = &record.status.steps[0];
    let held = step.claim.as_ref().unwrap();
    assert_eq!((held.holder.as_str(), held.nonce.as_str(), held.at), ("p1", "n", at(7)));
    assert_eq!((held.fence, record.status.fence), (before + 1, before + 1));
    assert_eq!(held.dead_after_seconds, 60 + 5 + REAP_SECONDS);
    assert!(step.claimed && step.first_at == Some(at(7)));
}

#[test]
fn the_same_process_gets_the_same_answer_and_nobody_else_gets_any() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let run = run(Work::Create, "make", 1);
    assert_eq!(ask(&record, &run, "p1", "n", 3), ClaimDecision::Again { late: Duration::ZERO });
    for (holder, nonce) in [("p1", "other process"), ("p2", "n")] {
        assert!(
            matches!(ask(&record, &run, holder, nonce, 3), ClaimDecision::Refused(_)),
            "{holder} {nonce}"
        );
    }
}

#[test]
fn an_answer_given_again_late_shortens_the_timeout_and_ends_with_it() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let run = run(Work::Create, "make", 1);
    assert_eq!(ask(&record, &run, "p1", "n", 20 + 15), ClaimDecision::Again { late: secs(15) });
    assert!(matches!(ask(&record, &run, "p1", "n", 20 + 60), ClaimDecision::Refused(_)));
}

#[test]
fn what_is_over_or_elsewhere_is_refused() {
    let fine = run(Work::Create, "make", 1);
    let ready = in_phase(Phase::Ready);
    let mut going = creating();
    going.deleting = true;
    let mut failed = creating();
    failed.status.steps[1].state = StepState::Failed;
    let cases = [
        ("another round", creating(), StepRun { round: 2, ..fine.clone() }),
        ("another life", creating(), StepRun { incarnation: "other".into(), ..fine.clone() }),
        ("a later attempt", creating(), StepRun { attempt: 2, ..fine.clone() }),
        ("an unknown step", creating(), StepRun { step: "nope".into(), ..fine.clone() }),
        ("delete while creating", creating(), run(Work::Delete, "drop", 1)),
        ("refresh while creating", creating(), run(Work::Refresh, "make", 1)),
        ("create while ready", ready.clone(), fine.clone()),
        ("refresh that was not begun", ready, run(Work::Refresh, "make", 1)),
        ("create while undoing", in_phase(Phase::Undoing), fine.clone()),
        ("create in a record that is being deleted", going, fine.clone()),
        ("create beside a step that is given up", failed, fine),
    ];
    for (name, record, run) in cases {
        assert!(matches!(ask(&record, &run, "p1", "n", 0), ClaimDecision::Refused(_)), "{name}");
    }
}

#[test]
fn an_attempt_waits_for_its_time() {
    let mut record = creating();
    record.status.steps[0].not_before = Some(at(10));
    let run = run(Work::Create, "make", 1);
    assert_eq!(ask(&record, &run, "p1", "n", 9), ClaimDecision::Wait);
    assert!(matches!(ask(&record, &run, "p1", "n", 10), ClaimDecision::Won(_)));
}
