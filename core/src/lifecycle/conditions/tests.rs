//! What kstatus reads.

use super::*;
use crate::lifecycle::fixture::{at, in_phase};

fn value<'s>(status: &'s ResourceInstanceStatus, name: &str) -> Option<&'s str> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == name)
        .map(|condition| condition.status.as_str())
}

#[test]
fn each_phase_reads_as_one_kstatus() {
    use Phase::{Creating, Deleting, Failed, Ready, Undoing};
    for (phase, ready, reconciling, stalled) in [
        (Creating, "False", Some("True"), None),
        (Ready, "True", None, None),
        (Undoing, "False", Some("True"), None),
        (Failed, "False", None, Some("True")),
        (Deleting, "False", Some("True"), None),
    ] {
        let mut status = in_phase(phase).status;
        update(&mut status, at(1));
        let got = (value(&status, READY), value(&status, RECONCILING), value(&status, STALLED));
        assert_eq!(got, (Some(ready), reconciling, stalled), "{phase:?}");
    }
}

#[test]
fn a_transition_has_its_time_and_a_repetition_does_not() {
    let mut status = in_phase(Phase::Creating).status;
    update(&mut status, at(5));
    let time = |status: &ResourceInstanceStatus| status.conditions[0].last_transition_time.0;
    assert_eq!(time(&status), at(0));
    status.phase = Phase::Ready;
    update(&mut status, at(9));
    assert_eq!(time(&status), at(9));
}

#[test]
fn bringing_up_to_date_twice_is_the_same_as_once() {
    for phase in [Phase::Creating, Phase::Ready, Phase::Undoing, Phase::Failed, Phase::Deleting] {
        let mut once = in_phase(phase).status;
        update(&mut once, at(1));
        let mut twice = once.clone();
        update(&mut twice, at(2));
        assert_eq!(once, twice);
    }
}

#[test]
fn a_removal_that_stalls_tells_what_its_script_said_last() {
    let mut status = in_phase(Phase::Deleting).status;
    let step = StepStatus { failures: 3, ..crate::lifecycle::steps::fresh(Work::Delete, "drop") };
    status.steps.push(step);
    status.last_failure = Some(crate::api::instance::Failure {
        code: "StepFailed".to_owned(),
        plugin: Some("pg@1.0.0".to_owned()),
        work: Some(Work::Delete),
        step: Some("drop".to_owned()),
        attempt: Some(3),
        how: "exit 1".to_owned(),
        last_line: "no such server".to_owned(),
        at: at(1),
    });
    update(&mut status, at(1));
    let stalled = status.conditions.iter().find(|condition| condition.type_ == STALLED).unwrap();
    assert_eq!(stalled.message, "plugin pg@1.0.0, delete step drop, attempt 3: exit 1: no such server");
}
