use std::sync::atomic::Ordering;

use sandbind_core::api::instance::Phase;
use serde_json::json;

use super::*;
use crate::admission::memory::{self, Memory};

const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";

fn setup(wait: &Value) -> (Arc<Memory>, Arc<Admissions<Memory>>) {
    let world = memory::world(&[memory::binding(wait)]);
    (Arc::clone(&world), Arc::new(Admissions::new(world, Limits::default())))
}

fn pod(sandbox: &str, user: &str) -> Pod {
    Pod {
        namespace: "shop".into(),
        object: json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "web-", "labels": {"sandbind.dev/sandbox": sandbox}},
            "spec": {"containers": [{"name": "app", "image": "app"}]}
        }),
        user: user.into(),
        dry_run: false,
        budget: Duration::from_secs(20),
    }
}

fn asking(admissions: &Arc<Admissions<Memory>>, pod: Pod) -> tokio::task::JoinHandle<Verdict> {
    let admissions = Arc::clone(admissions);
    tokio::spawn(async move { admissions.admit(&pod).await })
}

/// The pod with the patch applied, and whether it is gated.
fn bound(pod: &Pod, verdict: Verdict) -> (Value, bool) {
    let Verdict::Bound { patch, gated } = verdict else { panic!("{verdict:?}") };
    let mut object = pod.object.clone();
    json_patch::patch(&mut object, &patch).unwrap();
    (object, gated)
}

fn denied(verdict: Verdict) -> Vec<String> {
    let Verdict::Denied(denial) = verdict else { panic!("{verdict:?}") };
    denial.problems.into_iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn the_first_pod_makes_the_resource_and_is_held_until_it_is_ready() {
    let (world, admissions) = setup(&json!({}));
    let pod = pod("pr-1", "jane");
    let asked = asking(&admissions, pod.clone());
    world.watcher.held(1).await;
    let record = world.records.some().await;
    assert_eq!(record.status.reservations.len(), 1);
    world.records.change(&record.name, memory::make_ready);
    let (object, gated) = bound(&pod, asked.await.unwrap());
    assert!(!gated);
    let had = inject::bindings_of(&object).unwrap();
    assert_eq!(had.resources[0].incarnation, record.spec.incarnation);
    assert_eq!(had.resources[0].reservation, record.status.reservations[0].id);
    world.watcher.held(0).await;
}

#[tokio::test]
async fn a_ready_resource_costs_one_write_and_no_wait() {
    let (world, admissions) = setup(&json!({}));
    admissions.admit(&Pod { budget: Duration::ZERO, ..pod("pr-1", "jane") }).await;
    world.records.change(&world.records.only().name, memory::make_ready);
    let before = world.records.writes();
    assert!(!bound(&pod("pr-1", "jane"), admissions.admit(&pod("pr-1", "jane")).await).1);
    assert_eq!(world.records.writes() - before, 1);
    assert_eq!(world.watcher.most_held.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn at_the_end_of_the_budget_auto_is_gated_and_block_is_denied_and_gate_never_waits() {
    for (wait, budget, gated) in [
        (json!({"block": "10s"}), 30, true),
        (json!({"mode": "Block"}), 30, false),
        (json!({"mode": "Gate"}), 60_000, true),
        (json!({"block": "0s"}), 60_000, true),
    ] {
        let (world, admissions) = setup(&wait);
        let pod = Pod { budget: Duration::from_millis(budget), ..pod("pr-1", "jane") };
        let verdict = tokio::time::timeout(Duration::from_secs(5), admissions.admit(&pod)).await.unwrap();
        if gated {
            assert!(bound(&pod, verdict).1, "{wait}");
        } else {
            assert_eq!(denied(verdict), ["NotReady"], "{wait}");
        }
        assert_eq!(world.records.only().status.reservations.len(), 1, "the hold stays");
    }
}

#[tokio::test]
async fn beyond_the_places_pods_are_gated_at_once() {
    let (world, admissions) = setup(&json!({}));
    let first = asking(&admissions, pod("pr-1", REPLICA_SETS));
    world.watcher.held(1).await;
    let other = pod("pr-2", REPLICA_SETS);
    assert!(bound(&other, admissions.admit(&other).await).1);
    let people: Vec<_> = (0..49).map(|_| asking(&admissions, pod("pr-1", "jane"))).collect();
    world.watcher.held(50).await;
    let late = pod("pr-1", "jane");
    assert!(bound(&late, admissions.admit(&late).await).1);
    let name =
        world.records.hint_all().iter().find(|one| one.spec.key.sandbox == "pr-1").unwrap().name.clone();
    world.records.change(&name, memory::make_ready);
    for asked in people.into_iter().chain([first]) {
        assert!(!bound(&late, asked.await.unwrap()).1);
    }
}

#[tokio::test]
async fn when_this_program_ends_held_pods_are_gated_and_blocked_ones_denied() {
    for (wait, gated) in [(json!({}), true), (json!({"mode": "Block"}), false)] {
        let (world, admissions) = setup(&wait);
        let pod = pod("pr-1", "jane");
        let asked = asking(&admissions, pod.clone());
        world.watcher.held(1).await;
        admissions.drain();
        if gated {
            assert!(bound(&pod, asked.await.unwrap()).1);
        } else {
            assert_eq!(denied(asked.await.unwrap()), ["NotReady"]);
        }
    }
}

#[tokio::test]
async fn a_round_that_fails_denies_those_who_are_held_and_those_who_come() {
    let (world, admissions) = setup(&json!({}));
    let asked = asking(&admissions, pod("pr-1", "jane"));
    world.watcher.held(1).await;
    world.records.change(&world.records.only().name, |record| record.status.phase = Phase::Undoing);
    assert_eq!(denied(asked.await.unwrap()).len(), 1);
    assert_eq!(denied(admissions.admit(&pod("pr-1", "jane")).await).len(), 1);
    assert_eq!(world.watcher.most_held.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_life_that_ends_is_waited_for_and_the_next_one_begun() {
    let (world, admissions) = setup(&json!({}));
    admissions.admit(&Pod { budget: Duration::ZERO, ..pod("pr-1", "jane") }).await;
    let old = world.records.only();
    world.records.change(&old.name, |record| record.status.phase = Phase::Deleting);
    let pod = pod("pr-1", "jane");
    let asked = asking(&admissions, pod.clone());
    world.watcher.held(1).await;
    world.records.drop_record(&old.name);
    let new = world.records.some().await;
    assert_ne!(new.spec.incarnation, old.spec.incarnation);
    world.records.change(&new.name, memory::make_ready);
    let (object, gated) = bound(&pod, asked.await.unwrap());
    assert!(!gated);
    assert_eq!(inject::bindings_of(&object).unwrap().resources[0].incarnation, new.spec.incarnation);
}

#[tokio::test]
async fn after_one_waited_in_vain_for_an_end_later_ones_are_denied_at_once() {
    let (world, admissions) = setup(&json!({}));
    admissions.admit(&Pod { budget: Duration::ZERO, ..pod("pr-1", "jane") }).await;
    let name = world.records.only().name.clone();
    world.records.change(&name, |record| record.status.phase = Phase::Deleting);
    let short = Pod { budget: Duration::from_millis(50), ..pod("pr-1", "jane") };
    assert_eq!(denied(admissions.admit(&short).await), ["StillDeleting"]);
    let later = tokio::time::timeout(Duration::from_secs(5), admissions.admit(&pod("pr-1", "jane"))).await;
    assert_eq!(denied(later.unwrap()), ["StillDeleting"]);
    assert!(world.records.only().status.reservations.len() <= 1, "nobody holds a dying life");
}

#[tokio::test]
async fn a_dry_run_answers_alike_and_writes_nothing() {
    let (world, admissions) = setup(&json!({}));
    let pod = Pod { dry_run: true, ..pod("pr-1", "jane") };
    let (object, gated) = bound(&pod, admissions.admit(&pod).await);
    assert!(gated && inject::bindings_of(&object).unwrap().resources[0].reservation == PLACEHOLDER);
    assert_eq!((world.records.writes(), world.records.hint_all().len()), (0, 0));
    let real = Pod { dry_run: false, budget: Duration::ZERO, ..pod.clone() };
    let (real_object, _) = bound(&real, admissions.admit(&real).await);
    let shape = |object: &Value| -> Vec<String> {
        object["spec"]["initContainers"][0]["env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|env| env["name"].to_string())
            .collect()
    };
    assert_eq!(shape(&object), shape(&real_object));
    world.records.change(&world.records.only().name, |record| record.status.phase = Phase::Failed);
    assert_eq!(denied(admissions.admit(&pod).await).len(), 1, "bad news is as it would be");
}

#[tokio::test]
async fn called_again_it_changes_nothing_and_a_copy_is_injected_anew() {
    let (world, admissions) = setup(&json!({}));
    let first = Pod { budget: Duration::ZERO, ..pod("pr-1", "jane") };
    let (object, _) = bound(&first, admissions.admit(&first).await);
    let writes = world.records.writes();
    let again = Pod { object, ..first.clone() };
    assert_eq!(admissions.admit(&again).await, Verdict::Bound { patch: Vec::new(), gated: true });
    assert_eq!(world.records.writes(), writes);

    // The pod was seen, so its reservation is closed; then it is copied.
    world.records.change(&world.records.only().name, |record| record.status.reservations.clear());
    let (copy, _) = bound(&again, admissions.admit(&again).await);
    let had = |object: &Value| inject::bindings_of(object).unwrap().resources[0].reservation.clone();
    assert_ne!(had(&copy), had(&again.object));
    assert_eq!(copy["spec"]["initContainers"].as_array().unwrap().len(), 1);

    // A hold that is open for long is of another call: the pod is made again under its name, from what it was.
    world.records.change(&world.records.only().name, |record| {
        for hold in &mut record.status.reservations {
            hold.at -= REINVOKED;
        }
    });
    let later = Pod { object: copy, ..first };
    let (anew, _) = bound(&later, admissions.admit(&later).await);
    assert_ne!(had(&anew), had(&later.object));
}

#[tokio::test]
async fn a_pod_that_no_binding_selects_is_denied_unless_its_namespace_lets_it_run() {
    let world = memory::world(&[]);
    let admissions = Admissions::new(Arc::clone(&world), Limits::default());
    assert_eq!(denied(admissions.admit(&pod("pr-1", "jane")).await), ["NoBinding"]);
    let namespace = binding::Namespace {
        name: "shop".into(),
        annotations: [("sandbind.dev/unmatched".to_owned(), "Allow".to_owned())].into(),
        ..binding::Namespace::default()
    };
    world.views.view.lock().unwrap().as_mut().unwrap().namespace = Arc::new(namespace);
    assert_eq!(admissions.admit(&pod("pr-1", "jane")).await, Verdict::Unbound);
    let unlabelled =
        Pod { object: json!({"spec": {"containers": [{"name": "app"}]}}), ..pod("pr-1", "jane") };
    assert_eq!(admissions.admit(&unlabelled).await, Verdict::Unlabelled);
    let broken = Pod { object: json!({"spec": 3}), ..pod("pr-1", "jane") };
    assert_eq!(denied(admissions.admit(&broken).await), ["MalformedPod"]);
}

#[tokio::test]
async fn each_pod_of_pod_scope_gets_a_resource_of_its_own() {
    let mut spec = memory::binding(&json!({"mode": "Gate"}));
    spec["resources"][0]["scope"] = json!("Pod");
    let world = memory::world(&[spec]);
    let admissions = Admissions::new(Arc::clone(&world), Limits::default());
    for _ in 0..2 {
        assert!(bound(&pod("pr-1", "jane"), admissions.admit(&pod("pr-1", "jane")).await).1);
    }
    let records = world.records.hint_all();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.spec.key.scope.as_deref(), Some(&*record.status.reservations[0].id));
        assert_eq!(record.spec.workload.as_deref(), Some("web"));
    }
}
