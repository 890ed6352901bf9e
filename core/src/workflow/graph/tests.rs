//! Which steps run when.

use super::*;
use crate::api::plugin::ValueFromStep;

fn step(name: &str, takes: &[&str]) -> Step {
    let input = |from: &&str| Input {
        name: (*from).to_owned(),
        value_from_step: Some(ValueFromStep { name: (*from).to_owned(), output: "o".into() }),
        ..Input::default()
    };
    Step { name: name.to_owned(), inputs: takes.iter().map(input).collect(), ..Step::default() }
}

fn status(work: Work, name: &str, state: StepState, claimed: bool) -> StepStatus {
    StepStatus {
        work,
        name: name.to_owned(),
        state,
        attempt: 1,
        claimed,
        claim: None,
        failures: 0,
        again: 0,
        unstarted: 0,
        first_at: None,
        not_before: None,
        last: None,
    }
}

fn names(steps: &[&Step]) -> Vec<String> {
    steps.iter().map(|step| step.name.clone()).collect()
}

#[test]
fn steps_run_side_by_side_and_wait_only_for_what_they_take() {
    let steps = [step("d", &["b", "c"]), step("a", &[]), step("b", &["a"]), step("c", &["a"])];
    let graph: Vec<&Step> = steps.iter().collect();
    for (done, ready) in [
        (&[][..], &["a"][..]),
        (&["a"], &["b", "c"]),
        (&["a", "b"], &["c"]),
        (&["a", "b", "c"], &["d"]),
        (&["a", "b", "c", "d"], &[]),
    ] {
        let statuses: Vec<_> =
            done.iter().map(|name| status(Work::Create, name, StepState::Done, true)).collect();
        assert_eq!(names(&runnable(&graph, Work::Create, &statuses)), ready, "after {done:?}");
    }
}

#[test]
fn a_failed_step_runs_no_more_and_holds_up_what_takes_from_it() {
    let steps = [step("a", &[]), step("b", &["a"]), step("c", &[])];
    let graph: Vec<&Step> = steps.iter().collect();
    let statuses = [status(Work::Create, "a", StepState::Failed, true)];
    assert_eq!(names(&runnable(&graph, Work::Create, &statuses)), ["c"]);
}

#[test]
fn outputs_of_another_graph_hold_nothing_up() {
    let delete = [step("drop", &["make"]), step("sweep", &["drop"])];
    let graph: Vec<&Step> = delete.iter().collect();
    let statuses = [status(Work::Create, "make", StepState::Failed, true)];
    assert_eq!(names(&runnable(&graph, Work::Delete, &statuses)), ["drop"]);
    let refresh = [step("make", &["make"])];
    let graph: Vec<&Step> = refresh.iter().collect();
    assert_eq!(
        names(&runnable(&graph, Work::Refresh, &[])),
        ["make"],
        "a refresh step may take what it replaces"
    );
}

#[test]
fn a_step_that_does_not_apply_holds_up_nothing_that_does() {
    let delete = [step("drop", &["make"]), step("sweep", &["drop"])];
    assert_eq!(names(&runnable(&[&delete[1]], Work::Delete, &[])), ["sweep"]);
}

#[test]
fn delete_steps_apply_by_what_was_ever_claimed() {
    let create = [step("make", &[]), step("fill", &["make"])];
    let delete = [
        step("drop", &["make"]),
        step("empty", &["fill"]),
        step("both", &["make", "fill"]),
        step("always", &[]),
        step("sweep", &["drop"]),
    ];
    for (claimed, applies) in [
        (&[][..], &[][..]),
        (&["make"], &["drop", "both", "always", "sweep"]),
        (&["fill"], &["empty", "both", "always", "sweep"]),
        (&["make", "fill"], &["drop", "empty", "both", "always", "sweep"]),
    ] {
        let statuses: Vec<_> = ["make", "fill"]
            .iter()
            .map(|name| status(Work::Create, name, StepState::Failed, claimed.contains(name)))
            .collect();
        assert_eq!(names(&applicable(&delete, &create, &statuses)), applies, "claimed {claimed:?}");
    }
}
