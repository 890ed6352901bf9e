//! Ready.

use std::collections::BTreeSet;

use super::*;
use crate::{
    api::instance::{Phase, StepState},
    lifecycle::{decide, fixture::*, record::Record},
};

fn refreshing() -> Record {
    let record = in_phase(Phase::Ready);
    let effects = decide(&record, &quiet(300));
    let (change, status) = commit(&effects);
    assert_eq!(change, Change::RefreshStarted);
    Record { status: status.clone(), ..record }
}

#[test]
fn a_refresh_begins_when_it_is_due_and_not_before() {
    let effects = decide(&in_phase(Phase::Ready), &quiet(299));
    assert_eq!(effects, [Effect::Wake(secs(1))]);
    let record = refreshing();
    assert!(record.status.refreshing);
    assert_eq!(launches(&decide(&record, &quiet(300))), ["make"]);
}

#[test]
fn a_refresh_is_adopted_and_delivered_as_a_whole_before_the_record_says_so() {
    let record = claimed(&refreshing(), Work::Refresh, "make", 300);
    let record = ended(&record, Work::Refresh, "make", exit(0), &["url"], 301);
    let effects = decide(&record, &quiet(302));
    let keys = BTreeSet::from(["make.url".to_owned()]);
    assert_eq!(effects[0], Effect::Adopt { runs: vec![run(Work::Refresh, "make", 1)] });
    assert_eq!(effects[1], Effect::Deliver { revision: 2, keys });
    let (change, status) = commit(&effects);
    assert_eq!((change, status.revision, status.refreshing), (Change::Refreshed, 2, false));
    let record = Record { status: status.clone(), ..record };
    let effects = decide(&record, &quiet(602));
    let (change, status) = commit(&effects);
    let step = status.steps.iter().find(|step| step.work == Work::Refresh).unwrap();
    assert_eq!((change, step.attempt, step.state), (Change::RefreshStarted, 2, StepState::Pending));
}

#[test]
fn a_failing_refresh_is_repeated_and_the_resource_stays_ready() {
    let record = claimed(&refreshing(), Work::Refresh, "make", 300);
    let record = ended(&record, Work::Refresh, "make", exit(78), &[], 301);
    assert_eq!(record.status.phase, Phase::Ready);
    let failing = record.status.conditions.iter().find(|c| c.type_ == "RefreshFailing").unwrap();
    assert!(failing.message.contains("exit 78: boom"));
    assert_eq!(launches(&decide(&record, &quiet(310))), Vec::<&str>::new());
    assert_eq!(launches(&decide(&record, &quiet(311))), ["make"]);
    let ready = record.status.conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!(ready.status, "True");
}

#[test]
fn a_running_refresh_ends_before_the_resource_goes() {
    let record = claimed(&refreshing(), Work::Refresh, "make", 300);
    let mut seen = unused(301);
    assert!(matches!(decide(&record, &seen)[..], [Effect::Wake(_)]));
    let record = ended(&record, Work::Refresh, "make", exit(1), &[], 302);
    assert_eq!(decide(&record, &seen).last(), Some(&Effect::ProveUnused), "no new attempt starts");
    seen.proof = Some(seen.hint.clone());
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, status.refreshing), (Change::Deleting, false));
}

#[test]
fn what_a_refresh_has_made_reaches_the_delete_steps_although_everybody_has_left() {
    let record = claimed(&refreshing(), Work::Refresh, "make", 300);
    let record = ended(&record, Work::Refresh, "make", exit(0), &["url"], 301);
    let mut seen = unused(302);
    seen.proof = Some(seen.hint.clone());
    let effects = decide(&record, &seen);
    assert_eq!(effects[0], Effect::Adopt { runs: vec![run(Work::Refresh, "make", 1)] });
    assert_eq!(commit(&effects).0, Change::Deleting);
}

#[test]
fn more_wanted_outputs_are_delivered_before_the_record_says_so() {
    let mut record = in_phase(Phase::Ready);
    record.status.wanted.insert("fill.rows".into());
    let effects = decide(&record, &quiet(0));
    let keys = BTreeSet::from(["fill.rows".to_owned(), "make.url".to_owned()]);
    assert_eq!(effects[0], Effect::Deliver { revision: 1, keys: keys.clone() });
    let (change, status) = commit(&effects);
    assert_eq!((change, &status.delivered), (Change::Delivered, &keys));
    record.status.wanted = BTreeSet::from(["*".to_owned(), "make.url".to_owned()]);
    assert_eq!(commit(&decide(&record, &quiet(0))).1.delivered, keys, "`*` is everything");
}

#[test]
fn a_new_reservation_finds_the_secret_again() {
    let mut seen = quiet(0);
    seen.ages.reservations.insert("r1".into(), secs(0));
    let effects = decide(&in_phase(Phase::Ready), &seen);
    assert!(matches!(effects[0], Effect::Deliver { revision: 1, .. }), "{effects:?}");
}

#[test]
fn a_newer_plan_is_said_and_changes_nothing() {
    let mut newer = snapshot();
    newer.plugin.create[0].script = "#!/bin/sh\n# newer\n".into();
    let mut seen = quiet(0);
    let record = in_phase(Phase::Ready);
    seen.plan = Plan::Found(Box::new(newer));
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!(change, Change::Noted);
    assert!(status.conditions.iter().any(|c| c.type_ == "Outdated" && c.status == "True"));
    let record = Record { status: status.clone(), ..record };
    assert!(!decide(&record, &seen).iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    seen.plan = Plan::Unknown;
    assert!(
        !decide(&record, &seen).iter().any(|effect| matches!(effect, Effect::Commit { .. })),
        "not asked: it stays"
    );
    seen.plan = Plan::Found(Box::new(snapshot()));
    assert!(!commit(&decide(&record, &seen)).1.conditions.iter().any(|c| c.type_ == "Outdated"));
}
