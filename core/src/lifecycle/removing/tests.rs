//! The delete graph.

use super::*;
use crate::{
    api::instance::StepState,
    lifecycle::{decide, fixture::*, observed::Observed, record::Record, replaced},
};

#[test]
fn the_delete_graph_runs_in_its_own_order_and_then_the_record_goes() {
    let record = in_phase(Phase::Deleting);
    assert_eq!(launches(&decide(&record, &quiet(0))), ["drop"]);
    let record =
        ended(&claimed(&record, Work::Delete, "drop", 0), Work::Delete, "drop", exit(0), &["done"], 1);
    assert_eq!(launches(&decide(&record, &quiet(1))), ["sweep"]);
    let record = ended(&claimed(&record, Work::Delete, "sweep", 1), Work::Delete, "sweep", exit(0), &[], 2);
    assert_eq!(decide(&record, &quiet(2)), [Effect::Withdraw, Effect::Remove { forgotten: None }]);
}

#[test]
fn a_lost_delete_attempt_is_followed_by_another() {
    let record = claimed(&in_phase(Phase::Deleting), Work::Delete, "drop", 0);
    let mut seen = quiet(0);
    seen.ages.claims.insert((Work::Delete, "drop".into()), secs(135));
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, status.steps[2].attempt, status.steps[2].state),
        (Change::AttemptOver, 2, StepState::Pending)
    );
}

#[test]
fn a_delete_that_fails_three_times_or_for_a_quarter_of_an_hour_is_stalled() {
    let stalled =
        |record: &Record| record.status.conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True");
    let mut record = in_phase(Phase::Deleting);
    for (count, now) in [(1, 0), (2, 100), (3, 200)] {
        record = claimed(&record, Work::Delete, "drop", now);
        record = ended(&record, Work::Delete, "drop", exit(1), &[], now + 1);
        assert_eq!(stalled(&record), count == 3);
    }
    let record = claimed(&in_phase(Phase::Deleting), Work::Delete, "drop", 0);
    let record = ended(&record, Work::Delete, "drop", exit(1), &[], 1);
    let effects = decide(&record, &quiet(900));
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Commit { change: Change::Noted, status, .. }
        if status.conditions.iter().any(|c| c.type_ == "Stalled"))),
        "{effects:?}"
    );
}

#[test]
fn an_order_to_try_now_takes_the_pause_away_once() {
    let mut record = in_phase(Phase::Deleting);
    record.status.steps[2].not_before = Some(at(900));
    record.orders.delete_now = Some("token".into());
    let effects = decide(&record, &quiet(0));
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, status.delete_now.as_deref(), status.steps[2].not_before),
        (Change::Ordered, Some("token"), None)
    );
    let record = Record { status: status.clone(), ..record };
    assert_eq!(launches(&decide(&record, &quiet(0))), ["drop"]);
}

#[test]
fn ordered_delete_steps_take_the_place_of_the_snapshots_between_attempts() {
    let mut record = in_phase(Phase::Deleting);
    record.orders.delete_with = Some("pg@1.0.1".into());
    let steps = vec![step("drop", &[], &["make.url"]), step("extra", &[], &[])];
    let mut seen = quiet(0);
    seen.replacement = Replacement::Found { identity: "pg@1.0.1".into(), steps: steps.clone() };
    let running = claimed(&record, Work::Delete, "drop", 0);
    let effects = decide(&running, &seen);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Override { .. })),
        "not beside a running attempt"
    );
    let record = ended(&running, Work::Delete, "drop", exit(1), &[], 1);
    let effects = decide(&record, &seen);
    assert_eq!(effects.last(), Some(&Effect::Override { identity: "pg@1.0.1".into(), steps: steps.clone() }));

    let corrected = Snapshot { delete_override: Some(steps), ..snapshot() };
    let status = replaced(&record, &corrected, "pg@1.0.1", at(2));
    assert_eq!(status.delete_with.as_deref(), Some("pg@1.0.1"));
    let record = Record { status, ..record };
    seen.snapshot = Some(corrected);
    assert_eq!(launches(&decide(&record, &seen)), ["drop", "extra"], "at once, and the steps that are new");
    seen.replacement = Replacement::Found { identity: "pg@1.0.1".into(), steps: vec![] };
    assert!(!decide(&record, &seen).iter().any(|effect| matches!(effect, Effect::Override { .. })), "once");
}

#[test]
fn delete_steps_that_a_dead_program_stored_are_all_run_even_those_done_before_in_their_old_form() {
    let record = in_phase(Phase::Deleting);
    let old = record.status.steps.iter().filter(|step| step.work == Work::Delete).count();
    let running = claimed(&record, Work::Delete, "drop", 0);
    let steps =
        vec![Step { script: "other".into(), ..step("drop", &[], &["make.url"]) }, step("extra", &[], &[])];
    let corrected = Snapshot { delete_override: Some(steps), ..snapshot() };
    let seen = Observed { snapshot: Some(corrected.clone()), ..quiet(0) };
    let effects = decide(&running, &seen);
    assert!(launches(&effects).is_empty(), "nothing new beside an attempt of either kind: {effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })), "{effects:?}");

    let done = ended(&running, Work::Delete, "drop", exit(0), &["done"], 1);
    let effects = decide(&done, &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, &status.delete_steps), (Change::Ordered, &corrected.override_hash()));
    assert_eq!(status.steps.iter().filter(|step| step.work == Work::Delete).count(), old + 1);
    let record = Record { status: status.clone(), ..done };
    assert_eq!(launches(&decide(&record, &seen)), ["drop", "extra"]);
}

#[test]
fn a_replacement_without_delete_steps_removes_nothing_and_an_order_for_it_is_answered() {
    let mut record = in_phase(Phase::Deleting);
    let mut seen = quiet(0);
    seen.replacement = Replacement::Found { identity: "pg@0.0.0".into(), steps: vec![] };
    assert_eq!(launches(&decide(&record, &seen)), ["drop"], "a draft without them changes nothing");
    record.orders.delete_with = Some("pg@0.0.0".into());
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    let failure = status.last_failure.as_ref().unwrap();
    assert_eq!((change, &*failure.code), (Change::Noted, "NoDeleteSteps"));
    let record = Record { status: status.clone(), ..record };
    assert_eq!(launches(&decide(&record, &seen)), ["drop"], "said once, and those there are go on");
}

#[test]
fn a_drafts_newer_delete_steps_are_taken_unless_a_person_ordered_others() {
    let mut record = in_phase(Phase::Deleting);
    let mut seen = quiet(0);
    let newer = vec![step("drop", &[], &[])];
    seen.replacement = Replacement::Found { identity: "pg@0.0.0".into(), steps: newer.clone() };
    assert!(decide(&record, &seen).contains(&Effect::Override { identity: "pg@0.0.0".into(), steps: newer }));
    record.status.delete_with = Some("pg@1.0.1".into());
    assert!(!decide(&record, &seen).iter().any(|effect| matches!(effect, Effect::Override { .. })));
}
