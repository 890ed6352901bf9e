//! What follows from the end of an attempt.

use super::*;
use crate::{
    api::instance::Phase,
    lifecycle::fixture::{at, creating, in_phase, snapshot},
};

fn ended(ending: Ending) -> Ended {
    Ended { ending, code: "X", how: "x".into(), exit_code: None, last_line: String::new() }
}

#[test]
fn three_attempts_that_never_began_are_one_failure() {
    let mut status = creating().status;
    let step = &snapshot().plugin.create[0];
    let mut counts = Vec::new();
    for _ in 0..3 {
        end(&mut status, Work::Create, step, &ended(Ending::Unclaimed), at(0), 0);
        counts.push((status.steps[0].attempt, status.steps[0].failures, status.steps[0].state));
    }
    let pending = StepState::Pending;
    assert_eq!(counts, [(2, 0, pending), (3, 0, pending), (3, 1, StepState::Failed)]);
}

#[test]
fn pauses_grow_by_kind_of_work() {
    let pauses = |work, retries| {
        let mut status = in_phase(Phase::Ready).status;
        status.steps.push(fresh(work, "x"));
        let step = Step { name: "x".into(), retries: Some(retries), ..Step::default() };
        let mut pauses = Vec::new();
        for _ in 0..4 {
            end(&mut status, work, &step, &ended(Ending::Failed), at(0), 0);
            let pause =
                find(&status, work, "x").unwrap().not_before.map(|until| since(until, at(0)).as_secs());
            pauses.push(pause.unwrap());
        }
        pauses
    };
    assert_eq!(pauses(Work::Delete, 0), [5, 10, 20, 40]);
    assert_eq!(
        pauses(Work::Refresh, 1),
        [1, 10, 20, 40],
        "after its retries a refresh is tried at the pace of rounds"
    );
    assert_eq!(pauses(Work::Create, 9), [1, 2, 4, 8]);
}

#[test]
fn what_comes_from_outside_is_cut_to_size() {
    let mut status = creating().status;
    let long = Ended { how: "ü".repeat(5000), last_line: "z".repeat(5000), ..ended(Ending::Failed) };
    end(&mut status, Work::Create, &snapshot().plugin.create[0], &long, at(0), 0);
    let failure = status.last_failure.unwrap();
    assert!(failure.how.chars().count() <= 401 && failure.last_line.chars().count() <= 201);
}
