//! When a resource may go.

use super::*;
use crate::{
    api::instance::Phase,
    lifecycle::{
        decide,
        effect::{Change, Effect},
        fixture::*,
        observed::{Evidence, Observed},
    },
};

fn proves(seen: &Observed) -> bool {
    decide(&in_phase(Phase::Ready), seen).contains(&Effect::ProveUnused)
}

#[test]
fn it_stays_while_there_is_any_evidence_or_doubt() {
    assert!(!proves(&quiet(0)));
    for evidence in [
        Evidence::Sandbox,
        Evidence::Vanished { name: "p".into() },
        Evidence::Hold { until: at(9) },
        Evidence::Unknown { what: "list pods".into() },
    ] {
        let mut seen = unused(0);
        seen.hint.evidence = vec![evidence];
        assert!(!proves(&seen));
    }
    assert!(proves(&unused(0)));
}

#[test]
fn an_open_reservation_keeps_it_until_its_pod_was_seen_or_its_window_is_over() {
    let mut seen = unused(0);
    seen.hint.seen.clear();
    for (age, goes) in [(0, false), (119, false), (120, true)] {
        seen.ages.reservations.insert("r1".into(), secs(age));
        assert_eq!(proves(&seen), goes, "{age} s");
    }
    seen.ages.reservations.insert("r1".into(), secs(1));
    seen.now = at(719);
    assert!(!proves(&seen), "a program that restarts often measures by the wall clock, with a margin");
    seen.now = at(720);
    assert!(proves(&seen));
}

#[test]
fn it_lingers_unless_its_sandbox_is_deleted() {
    let mut seen = unused(0);
    seen.ages.unused = Some(secs(59));
    assert!(!proves(&seen));
    assert!(decide(&in_phase(Phase::Ready), &seen).contains(&Effect::Wake(secs(1))));
    seen.sandbox_deleted = true;
    assert!(proves(&seen));
}

#[test]
fn only_a_proof_without_users_ends_it() {
    let mut seen = unused(0);
    seen.proof = Some(Use {
        seen: seen.hint.seen.clone(),
        evidence: vec![Evidence::Pods { count: 1, names: vec![] }],
        ..Use::default()
    });
    let effects = decide(&in_phase(Phase::Ready), &seen);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Commit { .. } | Effect::ProveUnused)),
        "{effects:?}"
    );
    seen.proof = Some(Use { seen: seen.hint.seen.clone(), ..Use::default() });
    assert_eq!(commit(&decide(&in_phase(Phase::Ready), &seen)).0, Change::Deleting);
    let failed = in_phase(Phase::Failed);
    assert_eq!(decide(&failed, &seen), [Effect::Withdraw, Effect::Remove { forgotten: None }]);
}

#[test]
fn a_record_that_is_deleted_goes_at_once() {
    let mut record = in_phase(Phase::Ready);
    record.deleting = true;
    assert_eq!(commit(&decide(&record, &quiet(0))).0, Change::Deleting);
    let mut undoing = in_phase(Phase::Undoing);
    undoing.deleting = true;
    assert_eq!(launches(&decide(&undoing, &quiet(0))), ["drop"], "what is being undone is undone to the end");
}

#[test]
fn reservations_that_are_over_are_pruned_together() {
    let record = in_phase(Phase::Ready);
    let mut seen = quiet(0);
    assert!(!decide(&record, &seen).iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    seen.ages.reservations.insert("r1".into(), secs(30));
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, status.reservations.len()), (Change::Pruned, 0));
}
