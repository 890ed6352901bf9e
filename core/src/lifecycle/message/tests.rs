//! One line for people.

use super::*;
use crate::lifecycle::conditions;
use crate::lifecycle::fixture::{at, claimed, creating, ended, exit, in_phase, unpinned};

#[test]
fn the_line_tells_step_attempt_and_age() {
    let record = claimed(&creating(), Work::Create, "make", 10);
    assert_eq!(describe(&record, at(24)), "step make, attempt 1, 14 s");
    assert_eq!(describe(&record, at(10 + 300)), "step make, attempt 1, 5 min");
    assert_eq!(describe(&unpinned(), at(3)), "reading plugin and bindings, 3 s");
    assert_eq!(describe(&in_phase(Phase::Ready), at(3)), "");
    assert_eq!(describe(&in_phase(Phase::Deleting), at(7)), "deleting: step drop, attempt 1, 7 s");
}

#[test]
fn the_line_tells_why_it_is_tried_again_and_when() {
    let record = claimed(&in_phase(Phase::Deleting), Work::Delete, "drop", 0);
    let record = ended(&record, Work::Delete, "drop", exit(3), &[], 1);
    assert_eq!(describe(&record, at(2)), "deleting: step drop, attempt 2 (last: exit 3), next try in 4 s");
}

#[test]
fn the_durable_line_does_not_tick() {
    let record = claimed(&creating(), Work::Create, "make", 10);
    assert_eq!(record.status.message, "step make, attempt 1");
    let mut later = record.status.clone();
    conditions::update(&mut later, at(99));
    assert_eq!(later.message, record.status.message);
}

#[test]
fn ages_are_said_as_people_say_them() {
    for (seconds, text) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")] {
        assert_eq!(ago(Duration::from_secs(seconds)), text);
    }
}
