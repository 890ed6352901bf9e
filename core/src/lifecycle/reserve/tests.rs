//! What admissions find.

use super::*;
use crate::{
    api::instance::Owner,
    lifecycle::fixture::{at, creating, in_phase, request, unpinned},
};

fn held(decision: &ReserveDecision) -> (&ResourceInstanceStatus, &BTreeMap<String, Problem>) {
    let ReserveDecision::Commit { status, denied } = decision else { panic!("{decision:?}") };
    (status, denied)
}

fn keys(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn a_record_is_born_with_everyone_who_waits() {
    let requests = [request("a", &["make.url"]), request("b", &["*"])];
    let (spec, status) = begin(InstanceKey::default(), "life".into(), None, &requests, at(0));
    assert_eq!(
        (spec.format_version, status.phase, status.round, status.fence),
        (FORMAT_VERSION, Phase::Creating, 1, 1)
    );
    assert_eq!(status.reservations.iter().map(|open| &*open.id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((status.wanted, status.linger_seconds), (keys(&["*", "make.url"]), 60));
}

#[test]
fn many_reserve_in_one_write_and_again_changes_nothing() {
    let record = in_phase(Phase::Ready);
    let requests: Vec<_> = (0..500).map(|n| request(&format!("p{n}"), &["fill.rows"])).collect();
    let decision = reserve(&record, &requests, at(0));
    let (status, denied) = held(&decision);
    assert_eq!((status.reservations.len(), denied.len()), (501, 0));
    assert!(status.wanted.contains("fill.rows") && status.wanted.contains("make.url"));
    let record = Record { status: status.clone(), ..record };
    assert_eq!(*held(&reserve(&record, &requests, at(9))).0, record.status);
}

#[test]
fn the_list_of_open_reservations_is_bounded_and_those_who_hold_one_keep_it() {
    let mut record = in_phase(Phase::Ready);
    record.status.reservations =
        (0..MAX_RESERVATIONS).map(|n| Reservation { id: n.to_string(), at: at(0) }).collect();
    let decision = reserve(&record, &[request("5", &[]), request("new", &[])], at(0));
    let (status, denied) = held(&decision);
    assert_eq!(status.reservations.len(), MAX_RESERVATIONS);
    assert_eq!(denied.keys().collect::<Vec<_>>(), ["new"]);
    assert_eq!(denied["new"].code, "TooManyReservations");
}

#[test]
fn a_pod_that_names_an_output_the_round_lacks_is_denied_alone() {
    let requests = [request("good", &["fill.rows"]), request("bad", &["make.password"])];
    let decision = reserve(&in_phase(Phase::Ready), &requests, at(0));
    let (status, denied) = held(&decision);
    assert!(status.reservations.iter().any(|open| open.id == "good"));
    assert!(!status.wanted.contains("make.password"));
    let problem = &denied["bad"];
    assert_eq!(problem.code, "UnknownOutput");
    assert!(problem.reason.contains("`make.password`") && problem.reason.contains("`fill.rows`, `make.url`"));
    let decision = reserve(&unpinned(), &requests, at(0));
    assert!(held(&decision).1.is_empty(), "before the round is pinned nobody knows");
}

#[test]
fn owners_are_kept_newest_last_and_bounded() {
    let mut record = in_phase(Phase::Ready);
    let owner = |n: usize| Owner {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: n.to_string(),
        uid: n.to_string(),
    };
    for n in (0..40).chain([39, 20]) {
        let request = ReserveRequest { owner: Some(owner(n)), ..request(&format!("o{n}"), &[]) };
        record.status = held(&reserve(&record, &[request], at(0))).0.clone();
    }
    let names: Vec<_> = record.status.owners.iter().map(|owner| owner.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[MAX_OWNERS - 2], names[MAX_OWNERS - 1]), (32, "8", "39", "20"));
}

#[test]
fn each_phase_has_its_answer() {
    let wanted = keys(&["make.url"]);
    let standing = |record: &Record| standing(record, &wanted, at(1));
    assert_eq!(standing(&in_phase(Phase::Ready)), Standing::Ready);
    assert!(matches!(standing(&creating()), Standing::Creating { .. }));
    assert!(matches!(standing(&in_phase(Phase::Deleting)), Standing::Going { .. }));
    for phase in [Phase::Undoing, Phase::Failed] {
        assert!(matches!(standing(&in_phase(phase)), Standing::Failed(_)), "{phase:?}");
        assert!(matches!(reserve(&in_phase(phase), &[request("x", &[])], at(0)), ReserveDecision::Denied(_)));
    }
    let mut dying = in_phase(Phase::Ready);
    dying.deleting = true;
    assert!(matches!(standing(&dying), Standing::Going { .. }));
    assert!(matches!(reserve(&dying, &[request("x", &[])], at(0)), ReserveDecision::Going { .. }));
}

#[test]
fn ready_means_that_what_is_wanted_is_delivered() {
    let mut record = in_phase(Phase::Ready);
    for (wanted, delivered, ready) in [
        (&["fill.rows"][..], &["make.url"][..], false),
        (&["*"], &["make.url"], false),
        (&["*"], &["fill.rows", "make.url"], true),
        (&[], &[], true),
    ] {
        record.status.delivered = keys(delivered);
        assert_eq!(
            standing(&record, &keys(wanted), at(0)) == Standing::Ready,
            ready,
            "{wanted:?} {delivered:?}"
        );
    }
}

#[test]
fn a_denial_says_what_failed_and_when_it_is_tried_again() {
    let mut record = in_phase(Phase::Failed);
    let failure = |attempt, how: &str| crate::api::instance::Failure {
        code: "StepFailed".into(),
        plugin: Some("pg@1.0.0".into()),
        work: Some(crate::api::instance::Work::Create),
        step: Some("make".into()),
        attempt: Some(attempt),
        how: how.into(),
        last_line: "no route to host".into(),
        at: at(0),
    };
    record.status.first_failure = Some(failure(1, "exit 1"));
    record.status.last_failure = Some(failure(3, "exit 2"));
    record.status.next_try = Some(at(30));
    let Standing::Failed(problem) = standing(&record, &BTreeSet::new(), at(10)) else { panic!() };
    assert_eq!(problem.place, "Sandbox shop/pr-1: resource db");
    assert_eq!(
        problem.reason,
        "plugin pg@1.0.0, step make, attempt 1: exit 1: no route to host; at last: plugin pg@1.0.0, step make, attempt 3: \
         exit 2: no route to host"
    );
    assert!(problem.way_out.contains("the next try is in 20 s"), "{problem}");
    assert!(problem.way_out.contains("sandbind sandbox retry pr-1 -n shop"), "{problem}");
}
