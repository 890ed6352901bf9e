use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    api::{
        Sandbox,
        instance::{Failure, Work},
    },
    lifecycle::record::Record,
    sandbox::{
        fixture::{Scene, at, binding, pod},
        prepare::missing,
    },
};

fn of(scene: &Scene) -> SandboxStatus {
    let seen = scene.seen();
    status(&seen, &missing(&seen))
}

fn alter(scene: &mut Scene, nth: usize, change: impl FnOnce(&mut Record)) {
    change(Arc::make_mut(&mut scene.records[nth]));
}

fn explicit() -> Scene {
    Scene::with(&json!({}))
}

/// `Ready=False/Reason Stalled …`.
fn said(status: &SandboxStatus) -> Vec<String> {
    let show = |one: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        format!("{}={}/{}", one.type_, one.status, one.reason)
    };
    status.conditions.iter().map(show).collect()
}

fn stalled(record: &mut Record, reason: &str) {
    let condition = json!({"type": "Stalled", "status": "True", "reason": reason, "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    record.status.conditions = vec![serde_json::from_value(condition).unwrap()];
}

#[test]
fn the_phase_is_that_of_the_resource_that_is_worst_off() {
    use Phase::{Creating, Deleting, Failed, Ready, Undoing};
    for (phases, expected, summary) in [
        (&[][..], SandboxPhase::Pending, None),
        (&[Ready], SandboxPhase::Ready, Some("1/1 ready")),
        (&[Ready, Creating], SandboxPhase::Provisioning, Some("1/2 ready")),
        (&[Ready, Deleting], SandboxPhase::Provisioning, Some("1/2 ready")),
        (&[Creating, Undoing], SandboxPhase::Failed, Some("0/2 ready")),
        (&[Ready, Failed], SandboxPhase::Failed, Some("1/2 ready")),
        (&[Deleting], SandboxPhase::Deleting, Some("0/1 ready")),
    ] {
        let mut scene = explicit();
        for (nth, phase) in phases.iter().enumerate() {
            scene = scene.record(&format!("r{nth}"), *phase);
        }
        let status = of(&scene);
        assert_eq!((status.phase, status.summary.as_deref()), (Some(expected), summary), "{phases:?}");
        assert_eq!(of(&scene.deleted()).phase, Some(SandboxPhase::Deleting), "{phases:?}, deleted");
    }
    let preparing = Scene::with(&json!({"prepare": ["db"]}));
    assert_eq!(of(&preparing).phase, Some(SandboxPhase::Pending));
    assert_eq!(of(&preparing.record("other", Ready)).phase, Some(SandboxPhase::Provisioning));
}

#[test]
fn conditions_are_what_people_and_tools_wait_for() {
    for (scene, expected) in [
        (explicit(), vec!["Ready=False/NothingPromised"]),
        (explicit().record("db", Phase::Ready), vec!["Ready=True/Ready"]),
        (
            explicit().record("db", Phase::Creating),
            vec!["Ready=False/Provisioning", "Reconciling=True/Provisioning"],
        ),
        (
            explicit().record("db", Phase::Undoing),
            vec!["Ready=False/RoundFailed", "Reconciling=True/RoundFailed"],
        ),
        (explicit().record("db", Phase::Failed), vec!["Ready=False/RoundFailed"]),
        (explicit().record("db", Phase::Ready).deleted(), vec!["Ready=False/Deleting"]),
        (Scene::with(&json!({"prepare": ["db"]})), vec!["Ready=False/Pending", "Reconciling=True/Pending"]),
        (
            Scene::with(&json!({"prepare": ["cache"]})),
            vec!["Ready=False/UnknownResource", "Stalled=True/UnknownResource"],
        ),
    ] {
        assert_eq!(said(&of(&scene)), expected);
    }
}

#[test]
fn the_failed_round_of_a_sandbox_that_goes_does_not_stall_it_but_a_failing_delete_does() {
    for (reason, deleted, expected) in [
        ("RoundFailed", false, true),
        ("RoundFailed", true, false),
        ("DeleteFailing", false, true),
        ("DeleteFailing", true, true),
    ] {
        let mut scene = explicit().record("db", Phase::Failed);
        alter(&mut scene, 0, |record| stalled(record, reason));
        let scene = if deleted { scene.deleted() } else { scene };
        let says = said(&of(&scene)).contains(&format!("Stalled=True/{reason}"));
        assert_eq!(says, expected, "{reason} {deleted}");
    }
}

#[test]
fn the_time_of_a_condition_moves_only_with_it() {
    let time = |status: &SandboxStatus| status.conditions[0].last_transition_time.0;
    let mut scene = explicit().record("db", Phase::Creating);
    let first = of(&scene);
    assert_eq!(time(&first), at(100));
    scene.change(|sandbox: &mut Sandbox| sandbox.status = Some(first));
    scene.now = at(200);
    alter(&mut scene, 0, |record| "step make, attempt 2".clone_into(&mut record.status.message));
    let second = of(&scene);
    assert_eq!((time(&second), second.message.as_deref()), (at(100), Some("db: step make, attempt 2")));
    alter(&mut scene, 0, |record| record.status.phase = Phase::Ready);
    assert_eq!(time(&of(&scene)), at(200));
}

#[test]
fn a_resource_says_what_it_delivers_and_where() {
    let mut scene = explicit().record("db", Phase::Ready).record("queue", Phase::Creating);
    alter(&mut scene, 1, |record| record.spec.key.scope = Some("w1".into()));
    let status = of(&scene);
    assert_eq!(status.resources[0].output_keys, ["make.url"]);
    assert_eq!(status.resources[0].secret_name.as_deref(), Some("sandbind-incdb"));
    assert_eq!(status.resources[0].message, None);
    assert_eq!(status.resources[1].name, "queue/w1");
    assert_eq!(
        (status.resources[1].secret_name.as_ref(), status.resources[1].phase.as_str()),
        (None, "Creating")
    );
}

#[test]
fn a_failed_round_says_what_it_failed_of_while_it_is_undone_and_after() {
    for phase in [Phase::Undoing, Phase::Failed] {
        let mut scene = explicit().record("db", phase);
        alter(&mut scene, 0, |record| {
            record.status.next_try = Some(at(160));
            record.status.first_failure = Some(Failure {
                code: "StepFailed".into(),
                plugin: Some("pg@1.0.0".into()),
                work: Some(Work::Create),
                step: Some("make".into()),
                attempt: Some(2),
                how: "exit 1".into(),
                last_line: "disk full".into(),
                at: at(20),
            });
        });
        let status = of(&scene);
        let resource = &status.resources[0];
        assert_eq!((resource.step.as_deref(), resource.attempt), (Some("make"), Some(2)));
        let told = resource.message.clone().unwrap();
        assert!(told.starts_with("plugin pg@1.0.0, step make, attempt 2: exit 1: disk full; "), "{told}");
        assert_eq!(status.message, Some(format!("db: {told}")));
    }
}

#[test]
fn pods_are_named_by_how_they_stand_up_to_a_bound() {
    let mut scene = explicit().record("db", Phase::Ready);
    scene.pods = (0..150).map(|nth| pod(&format!("web-{nth:03}"))).collect();
    let held = SeenPod { gated: true, open: false, ..pod("z-held") };
    let opened = SeenPod { gated: true, ..pod("a-opened") };
    scene.pods.extend([held, opened, SeenPod { finished: true, ..pod("done") }]);
    scene.pods.push(SeenPod { injected: false, ..pod("stray") });
    let status = of(&scene);
    assert_eq!((status.pods.len(), status.pod_count), (MAX_PODS, 153));
    let state = |name: &str| status.pods.iter().find(|pod| pod.name == name).map(|pod| pod.state);
    assert_eq!(state("z-held"), Some(PodState::Gated));
    assert_eq!(state("a-opened"), Some(PodState::Bound));
    assert_eq!(state("stray"), Some(PodState::Unbound));
    assert_eq!(state("done"), None);
}

#[test]
fn a_pod_that_came_past_the_webhook_is_named_unless_the_namespace_lets_it() {
    let mut scene = explicit();
    scene.pods.push(SeenPod { injected: false, ..pod("stray") });
    assert!(said(&of(&scene)).contains(&"NotInjected=True/NotInjected".to_owned()));
    let allow = [("sandbind.dev/unmatched".to_owned(), "Allow".to_owned())];
    Arc::make_mut(&mut scene.view.namespace).annotations = allow.into();
    assert_eq!(said(&of(&scene)), ["Ready=False/NothingPromised"]);
}

#[test]
fn bindings_that_disagree_are_named() {
    let mut scene = explicit().record("db", Phase::Ready);
    scene.view.bindings.push(binding("other", &json!([{"name": "db", "plugin": "pg@1.0.0"}])));
    let status = of(&scene);
    assert_eq!(said(&status), ["Ready=True/Ready", "Conflicted=True/ConflictingBindings"]);
}

#[test]
fn one_that_is_deleted_names_the_pods_it_waits_for() {
    let mut scene = explicit().record("db", Phase::Ready).deleted();
    assert_eq!(of(&scene).message.as_deref(), Some("removing what is left"));
    scene.pods.push(pod("web-1"));
    assert_eq!(of(&scene).message.as_deref(), Some("waits for pod web-1 that still uses it"));
    scene.pods.extend((2..9).map(|nth| pod(&format!("web-{nth}"))));
    let message = of(&scene).message.unwrap();
    assert!(message.ends_with("web-5 and 3 more that still use it"), "{message}");
}

#[test]
fn the_last_use_is_noted_when_use_begins_and_ends() {
    let mut scene = explicit();
    let used = |scene: &mut Scene, now: i64| {
        scene.now = at(now);
        let status = of(scene);
        let last = status.last_used_at.clone();
        scene.change(|sandbox| sandbox.status = Some(status));
        last
    };
    assert_eq!(used(&mut scene, 100), None);
    scene.pods.push(pod("web"));
    assert_eq!(used(&mut scene, 110), Some(at(110).to_string()));
    assert_eq!(used(&mut scene, 120), Some(at(110).to_string()));
    scene.pods.clear();
    assert_eq!(used(&mut scene, 130), Some(at(130).to_string()));
    assert_eq!(used(&mut scene, 140), Some(at(130).to_string()));
}
