//! From a new record to a ready one, and what may come between.

use std::collections::BTreeSet;

use sandbind_wire::message::ScriptEnd;

use super::*;
use crate::{
    api::instance::{StepState, Work},
    lifecycle::{
        fixture::*,
        observed::{Plan, StepPod, StepPodState},
        pinned, steps,
    },
    problem::Problem,
};

fn next(record: &Record, status: &ResourceInstanceStatus) -> Record {
    Record { status: status.clone(), ..record.clone() }
}

#[test]
fn a_round_is_pinned_before_anything_else() {
    let mut seen = quiet(0);
    seen.snapshot = None;
    assert!(matches!(decide(&unpinned(), &seen)[..], [Effect::Wake(_)]), "without a plan it waits");
    seen.plan = Plan::Found(Box::new(snapshot()));
    assert_eq!(decide(&unpinned(), &seen), [Effect::Pin { snapshot: Box::new(snapshot()) }]);
    // Stored by a program that died before it wrote the record.
    let mut other = snapshot();
    other.plugin.runner.image = "newer".into();
    seen.plan = Plan::Found(Box::new(other));
    seen.snapshot = Some(snapshot());
    assert_eq!(decide(&unpinned(), &seen), [Effect::Pin { snapshot: Box::new(snapshot()) }]);
}

#[test]
fn what_cannot_be_pinned_fails_at_once_with_its_reason() {
    let mut seen = quiet(0);
    seen.snapshot = None;
    seen.plan = Plan::Impossible(Box::new(Problem::error(
        "UnknownPlugin",
        "p",
        "there is no plugin `x`",
        "publish it",
    )));
    let record = unpinned();
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, status.first_failure.as_ref().unwrap().code.as_str()),
        (Change::Undoing, "UnknownPlugin")
    );
    let effects = decide(&next(&record, status), &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, status.phase, status.next_try), (Change::Failed, Phase::Failed, Some(at(10))));
}

#[test]
fn steps_run_when_what_they_take_is_done_and_the_last_makes_it_ready() {
    let seen = quiet(0);
    let record = creating();
    assert_eq!(launches(&decide(&record, &seen)), ["make"]);
    let record = claimed(&record, Work::Create, "make", 0);
    assert_eq!(launches(&decide(&record, &seen)), Vec::<&str>::new());
    let record = ended(&record, Work::Create, "make", exit(0), &["url"], 1);
    assert_eq!(launches(&decide(&record, &seen)), ["fill"]);
    let record = claimed(&record, Work::Create, "fill", 1);
    let record = ended(&record, Work::Create, "fill", exit(0), &["rows"], 2);
    let effects = decide(&record, &seen);
    let url = BTreeSet::from(["make.url".to_owned()]);
    assert_eq!(
        effects[0],
        Effect::Deliver { revision: 1, keys: url.clone() },
        "the Secret comes before Ready"
    );
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, status.phase, status.revision, &status.delivered),
        (Change::Ready, Phase::Ready, 1, &url)
    );
    assert_eq!(effects.len(), 2);
}

#[test]
fn a_pod_of_the_run_is_not_launched_twice_and_pods_of_other_runs_are_reaped() {
    let mut seen = quiet(0);
    let make = run(Work::Create, "make", 1);
    seen.step_pods.insert(make, pod(StepPodState::Starting, 5, ""));
    let stale = StepRun { round: 7, ..run(Work::Create, "make", 1) };
    seen.step_pods.insert(stale.clone(), pod(StepPodState::Ended, 5, ""));
    let effects = decide(&creating(), &seen);
    assert_eq!(effects, [Effect::Reap { run: stale }, Effect::Wake(secs(295))]);
}

#[test]
fn a_pod_that_does_not_start_is_told_with_its_reason() {
    let mut seen = quiet(0);
    seen.step_pods
        .insert(run(Work::Create, "make", 1), pod(StepPodState::Starting, 5, "ErrImagePull: no such image"));
    let effects = decide(&creating(), &seen);
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, &*status.message),
        (Change::Noted, "step make, attempt 1: ErrImagePull: no such image")
    );
    let record = next(&creating(), status);
    assert_eq!(decide(&record, &seen), [Effect::Wake(secs(295))], "once");
    assert_eq!(
        crate::lifecycle::describe(&record, at(9)),
        "step make, attempt 1: ErrImagePull: no such image, 9 s"
    );
}

use crate::lifecycle::record::StepRun;

#[test]
fn attempts_that_nobody_will_answer_for_are_written_off() {
    let claimed = claimed(&creating(), Work::Create, "make", 0);
    let ended = Some(StepPodState::Ended);
    let running = Some(StepPodState::Running);
    let starting = Some(StepPodState::Starting);
    // record, pod, its age, age of the claim, then: how it ended
    let cases = [
        ("claimed, runs", &claimed, running, 10, 10, None),
        ("claimed, ended without a result", &claimed, ended, 10, 10, Some("lost")),
        ("claimed, vanished, may still act", &claimed, None, 0, 134, None),
        ("claimed, vanished, past its own end and the margin", &claimed, None, 0, 135, Some("lost")),
        ("claimed, unreachable, past its own end and the margin", &claimed, running, 999, 135, Some("lost")),
        ("unclaimed, starting", &creating(), starting, 299, 0, None),
        ("unclaimed, does not start", &creating(), starting, 300, 0, Some("never began: ErrImagePull")),
        ("unclaimed, ended", &creating(), ended, 3, 0, Some("never began: ErrImagePull")),
    ];
    for (name, record, state, pod_age, claim_age, how) in cases {
        let mut seen = quiet(0);
        if let Some(state) = state {
            seen.step_pods.insert(run(Work::Create, "make", 1), pod(state, pod_age, "ErrImagePull"));
        }
        seen.ages.claims.insert((Work::Create, "make".into()), secs(claim_age));
        let effects = decide(record, &seen);
        let over = effects.iter().find_map(|effect| match effect {
            Effect::Commit { status, change: Change::AttemptOver, .. } => status.steps[0].last.clone(),
            _ => None,
        });
        match how {
            None => assert_eq!(over, None, "{name}"),
            Some(how) => assert!(over.unwrap().how.starts_with(how), "{name}"),
        }
    }
}

#[test]
fn the_end_of_another_pod_of_the_same_name_is_not_the_end_of_the_claims_holder() {
    let record = claimed(&creating(), Work::Create, "make", 0);
    let mut seen = quiet(0);
    let again = StepPod { uid: "p2".into(), ..pod(StepPodState::Ended, 3, "") };
    seen.step_pods.insert(run(Work::Create, "make", 1), again);
    let effects = decide(&record, &seen);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })), "{effects:?}");
}

#[test]
fn a_failed_step_ends_the_round_once_nothing_acts_any_more() {
    let mut seen = quiet(0);
    let mut wide = snapshot();
    wide.plugin.create[1].inputs.clear();
    seen.snapshot = Some(wide);
    let record = claimed(&claimed(&creating(), Work::Create, "make", 0), Work::Create, "fill", 0);
    let record = ended(&record, Work::Create, "make", exit(1), &[], 1);
    let effects = decide(&record, &seen);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })),
        "`fill` may still act: {effects:?}"
    );
    let record = ended(&record, Work::Create, "fill", ScriptEnd::Deadline, &[], 2);
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!(change, Change::Undoing);
    let delete: Vec<_> =
        status.steps.iter().filter(|step| step.work == Work::Delete).map(|step| &step.name).collect();
    assert_eq!(delete, ["drop", "sweep"]);
    assert_eq!(status.first_failure.as_ref().unwrap().step.as_deref(), Some("make"));
}

#[test]
fn a_round_that_can_never_give_what_a_pod_names_fails_before_it_does_anything() {
    for promised_only in [false, true] {
        let mut record = creating();
        let mut seen = quiet(0);
        let key = "make.password".to_owned();
        if promised_only {
            seen.promised.insert(key);
        } else {
            record.status.wanted.insert(key);
        }
        let effects = decide(&record, &seen);
        let (change, status) = commit(&effects);
        let failure = status.first_failure.as_ref().unwrap();
        assert_eq!((change, failure.code.as_str()), (Change::Undoing, "UnknownOutput"));
        assert!(failure.how.contains("`make.password`"));
        let effects = decide(&next(&record, status), &seen);
        assert_eq!(commit(&effects).0, Change::Failed, "nothing was claimed, so nothing is undone");
    }
}

#[test]
fn deleting_during_create_starts_nothing_new_and_waits_for_what_runs() {
    let mut record = claimed(&creating(), Work::Create, "make", 0);
    record.deleting = true;
    let effects = decide(&record, &quiet(0));
    assert!(matches!(effects[..], [Effect::Wake(_)]), "{effects:?}");
    let record = ended(&record, Work::Create, "make", exit(0), &["url"], 1);
    let effects = decide(&record, &quiet(0));
    let (change, status) = commit(&effects);
    assert_eq!(
        (change, status.steps.len()),
        (Change::Deleting, 4),
        "`fill` did not start, both delete steps apply"
    );
    assert_eq!(launches(&decide(&next(&record, status), &quiet(0))), ["drop"]);
}

#[test]
fn a_record_waits_for_its_turn_and_says_so() {
    let mut seen = quiet(0);
    seen.may_start = false;
    let record = creating();
    let effects = decide(&record, &seen);
    let (change, status) = commit(&effects);
    assert_eq!((change, status.message.as_str()), (Change::Noted, Aside::queued().message.as_str()));
    let waiting = next(&record, status);
    assert!(matches!(decide(&waiting, &seen)[..], [Effect::Wake(_)]));
    seen.may_start = true;
    assert_eq!(launches(&decide(&waiting, &seen)), ["make"]);
    let mut begun = claimed(&waiting, Work::Create, "make", 0);
    begun = ended(&begun, Work::Create, "make", exit(0), &["url"], 1);
    seen.may_start = false;
    assert_eq!(launches(&decide(&begun, &seen)), ["fill"], "what has begun goes on");
}

#[test]
fn giving_up_is_a_persons_order_and_removes_what_is_ours() {
    let mut record = in_phase(Phase::Deleting);
    record.orders.forget = Some("account closed".into());
    let effects = decide(&record, &quiet(0));
    assert_eq!(effects, [Effect::Withdraw, Effect::Remove { forgotten: Some("account closed".into()) }]);
}

#[test]
fn records_of_a_newer_format_are_left_alone() {
    let mut record = in_phase(Phase::Ready);
    record.spec.format_version = FORMAT_VERSION + 1;
    assert_eq!(decide(&record, &unused(0)), []);
}

#[test]
fn without_its_snapshot_nothing_is_guessed() {
    for phase in [Phase::Creating, Phase::Ready, Phase::Undoing, Phase::Deleting] {
        let mut seen = quiet(0);
        seen.snapshot = None;
        let effects = decide(&in_phase(phase), &seen);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Wake(_))), "{phase:?}: {effects:?}");
    }
}

#[test]
fn a_pinned_round_lists_its_create_steps() {
    let status = pinned(&unpinned(), &snapshot(), at(0));
    let names: Vec<_> = status.steps.iter().map(|step| (step.work, step.name.as_str(), step.state)).collect();
    assert_eq!(
        names,
        [(Work::Create, "make", StepState::Pending), (Work::Create, "fill", StepState::Pending)]
    );
    assert_eq!(status.plugin.unwrap().refresh_seconds, Some(300));
    assert!(steps::find(&creating().status, Work::Create, "make").is_some());
}
