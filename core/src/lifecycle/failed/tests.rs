//! After a failed round.

use super::*;
use crate::{
    lifecycle::{fixture::*, record::Record},
    problem::Problem,
};

fn failed() -> Record {
    let mut record = in_phase(Phase::Failed);
    record.status.next_try = Some(at(100));
    record.status.retried = Some("old".into());
    record
}

fn begins(record: &Record, seen: &crate::lifecycle::observed::Observed) -> bool {
    crate::lifecycle::decide(record, seen)
        .iter()
        .any(|effect| matches!(effect, Effect::Commit { change: Change::NextRound, .. }))
}

#[test]
fn the_next_round_begins_when_it_is_due_asked_for_or_the_plan_changed() {
    let mut newer = snapshot();
    newer.plugin.create[0].script.push_str("# newer");
    assert!(!begins(&failed(), &quiet(99)));
    assert!(begins(&failed(), &quiet(100)));
    let asked = |token: &str| crate::lifecycle::observed::Observed { retry: Some(token.into()), ..quiet(0) };
    assert!(!begins(&failed(), &asked("old")));
    assert!(begins(&failed(), &asked("new")));
    for (plan, starts) in [(snapshot(), false), (newer, true)] {
        let seen = crate::lifecycle::observed::Observed { plan: Plan::Found(Box::new(plan)), ..quiet(0) };
        assert_eq!(begins(&failed(), &seen), starts);
    }
}

#[test]
fn a_round_begins_clean_and_keeps_what_belongs_to_the_life() {
    let before = failed();
    let effects = crate::lifecycle::decide(&before, &quiet(100));
    let (_, status) = commit(&effects);
    assert_eq!((status.phase, status.round, status.steps.len()), (Phase::Creating, 2, 0));
    assert!(status.plugin.is_none() && status.next_try.is_none() && status.first_failure.is_none());
    assert!(status.fence > before.status.fence && status.wanted == before.status.wanted);
}

#[test]
fn nothing_is_made_for_nobody() {
    let mut seen = unused(100);
    seen.ages.unused = Some(secs(1));
    assert!(!begins(&failed(), &seen));
    seen.hint.seen.clear();
    assert!(begins(&failed(), &seen), "an open reservation is somebody");
}

#[test]
fn no_round_is_begun_that_cannot_be_pinned_and_the_reason_is_kept() {
    let mut seen = quiet(100);
    seen.plan = Plan::Impossible(Box::new(Problem::error(
        "NotAllowed",
        "",
        "not allowed here",
        "label the namespace",
    )));
    let effects = crate::lifecycle::decide(&failed(), &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, status.last_failure.as_ref().unwrap().code.as_str()), (Change::Noted, "NotAllowed"));
    let record = Record { status: status.clone(), ..failed() };
    assert!(
        !crate::lifecycle::decide(&record, &seen)
            .iter()
            .any(|effect| matches!(effect, Effect::Commit { .. }))
    );
}
