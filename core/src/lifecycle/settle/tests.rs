//! What results do.

use super::*;
use crate::{
    api::instance::{Phase, Work},
    lifecycle::fixture::*,
};

#[test]
fn a_success_with_all_outputs_is_done_and_the_claim_goes() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let record = ended(&record, Work::Create, "make", exit(0), &["url"], 5);
    let step = &record.status.steps[0];
    assert_eq!((step.state, &step.claim, step.attempt), (StepState::Done, &None, 1));
    assert_eq!(step.last.as_ref().unwrap().exit_code, Some(0));
    assert!(record.status.last_failure.is_none());
}

#[test]
fn ends_of_create_steps_follow_the_contract_of_exit_codes() {
    // retries, end, outputs, then: state, attempt, code of the failure
    let cases = [
        (0, exit(1), vec![], StepState::Failed, 1, "StepFailed"),
        (1, exit(1), vec![], StepState::Pending, 2, "StepFailed"),
        (5, exit(78), vec![], StepState::Failed, 1, "StepFailed"),
        (0, exit(75), vec![], StepState::Pending, 2, "StepFailed"),
        (0, exit(0), vec![], StepState::Failed, 1, "OutputMissing"),
        (1, exit(0), vec!["other"], StepState::Pending, 2, "OutputMissing"),
        (0, ScriptEnd::Deadline, vec!["url"], StepState::Failed, 1, "StepDeadline"),
        (0, ScriptEnd::Signaled { signal: 9 }, vec![], StepState::Failed, 1, "StepFailed"),
        (0, ScriptEnd::NotStarted { reason: "x".into() }, vec![], StepState::Failed, 1, "StepNotStarted"),
    ];
    for (retries, end, outputs, state, attempt, code) in cases {
        let mut snapshot = snapshot();
        snapshot.plugin.create[0].retries = Some(retries);
        let record = claimed(&creating(), Work::Create, "make", 0);
        let result = result(end.clone(), &outputs);
        let arrival = Arrival { holder: "p1", result: &result, stored_bytes: 0, now: at(9), random: 0 };
        let settled = settle(&record, &run(Work::Create, "make", 1), &snapshot, &arrival);
        let Settlement::Commit { status, tell, .. } = settled else { panic!("{end:?}: {settled:?}") };
        let step = &status.steps[0];
        assert_eq!((step.state, step.attempt), (state, attempt), "{end:?} with {retries} retries");
        let failure = status.last_failure.as_ref().unwrap();
        assert_eq!((failure.code.as_str(), failure.last_line.as_str()), (code, "boom"), "{end:?}");
        assert!(
            tell[0].warning && tell[0].message.contains("plugin pg@1.0.0, step make, attempt 1"),
            "{tell:?}"
        );
        assert!(status.fence > record.status.fence);
        assert_eq!(step.not_before.is_some(), state == StepState::Pending);
    }
}

#[test]
fn try_again_holds_for_three_timeouts_and_then_counts_as_a_failure() {
    let mut record = claimed(&creating(), Work::Create, "make", 0);
    record = ended(&record, Work::Create, "make", exit(75), &[], 60);
    assert_eq!((record.status.steps[0].again, record.status.steps[0].failures), (1, 0));
    record = claimed(&record, Work::Create, "make", 120);
    record = ended(&record, Work::Create, "make", exit(75), &[], 180);
    assert_eq!((record.status.steps[0].state, record.status.steps[0].failures), (StepState::Failed, 1));
}

#[test]
fn delete_steps_are_never_given_up_whatever_they_answer() {
    for end in [exit(1), exit(75), exit(78), ScriptEnd::Deadline] {
        let mut record = in_phase(Phase::Deleting);
        for _ in 0..5 {
            let not_before = record.status.steps[2].not_before.map_or(0, |at| at.as_second() - 1_700_000_000);
            record = claimed(&record, Work::Delete, "drop", not_before + 1);
            record = ended(&record, Work::Delete, "drop", end.clone(), &[], not_before + 2);
        }
        let step = &record.status.steps[2];
        assert_eq!((step.state, step.attempt, step.failures), (StepState::Pending, 6, 5), "{end:?}");
    }
}

#[test]
fn outputs_of_failed_attempts_are_stored_and_undeclared_ones_are_not() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let settled = settled(&record, Work::Create, "make", &result(exit(1), &["url", "other"]), 1);
    let Settlement::Commit { outputs, .. } = settled else { panic!() };
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["url"]);
}

#[test]
fn too_many_bytes_fail_the_attempt_and_none_are_stored() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    for (bytes, stored, fits) in [
        (MAX_STEP_BYTES, 0, true),
        (MAX_STEP_BYTES + 1, 0, false),
        (1000, MAX_INSTANCE_BYTES - 1000, true),
        (1000, MAX_INSTANCE_BYTES - 999, false),
    ] {
        let mut result = result(exit(0), &[]);
        result.outputs.insert("url".into(), Bytes64(vec![b'x'; bytes]));
        let arrival = Arrival { holder: "p1", result: &result, stored_bytes: stored, now: at(1), random: 0 };
        let settled = settle(&record, &run(Work::Create, "make", 1), &snapshot(), &arrival);
        let Settlement::Commit { status, outputs, .. } = settled else { panic!() };
        assert_eq!(
            (status.steps[0].state == StepState::Done, !outputs.is_empty()),
            (fits, fits),
            "{bytes} {stored}"
        );
    }
}

#[test]
fn a_result_counts_once_and_only_from_the_holder_of_the_claim() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let done = result(exit(0), &["url"]);
    let post = |record: &Record, holder, nonce: &str, run: &StepRun| {
        let result = StepResult { nonce: nonce.to_owned(), ..done.clone() };
        settle(
            record,
            run,
            &snapshot(),
            &Arrival { holder, result: &result, stored_bytes: 0, now: at(2), random: 0 },
        )
    };
    let run = run(Work::Create, "make", 1);
    assert_eq!(post(&record, "p2", "n", &run), Settlement::Stale);
    assert_eq!(post(&record, "p1", "m", &run), Settlement::Stale);
    assert_eq!(post(&record, "p1", "n", &StepRun { round: 2, ..run.clone() }), Settlement::Stale);
    assert_eq!(post(&creating(), "p1", "n", &run), Settlement::Stale, "never claimed");
    let settled = ended(&record, Work::Create, "make", exit(0), &["url"], 2);
    assert_eq!(post(&settled, "p1", "n", &run), Settlement::AlreadySettled);
}

#[test]
fn a_result_that_comes_after_its_attempt_was_written_off_is_stale() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let mut seen = quiet(0);
    seen.step_pods.insert(
        run(Work::Create, "make", 1),
        pod(crate::lifecycle::observed::StepPodState::Ended, 3, "OOMKilled"),
    );
    let effects = crate::lifecycle::decide(&record, &seen);
    let (_, status) = commit(&effects);
    let record = Record { status: status.clone(), ..record };
    let arrival =
        Arrival { holder: "p1", result: &result(exit(0), &["url"]), stored_bytes: 0, now: at(2), random: 0 };
    assert_eq!(settle(&record, &run(Work::Create, "make", 1), &snapshot(), &arrival), Settlement::Stale);
}
