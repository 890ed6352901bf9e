//! What the desk tells whom.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sandbind_core::{
    api::instance::{Claim, InstanceKey, Phase, PinnedPlugin, StepState, StepStatus, Work},
    lifecycle::{observed::StepPodState, record::StepRun, reserve::begin},
};
use sandbind_engine::{
    desk::{Desk, DeskError, Patience},
    drive::hints,
    memory::{Cluster, Faults, Program, StepPodObject, UserPod},
    ports::{Caller, Records},
};
use sandbind_wire::{
    message::{BoundResource, ClaimRequest, Folder, PodBindings, PodResource},
    state::{StateAnswer, StateAsk, StateRequest},
};

const LIFE: &str = "aaaaaaaaaaaaaaaa";

/// A cluster with one record, Ready, that delivers `a.url` and `a.admin`, and one pod that names only `a.url`.
async fn world() -> (Arc<Cluster>, Desk<Program>, String) {
    let (cluster, _launched) = Cluster::new(1, Faults::default());
    let world = Arc::new(Program::new(Arc::clone(&cluster), sandbind_engine::trace::Untraced));
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "shop-uid".into(),
        sandbox: "pr-1".into(),
        resource: "db".into(),
        scope: None,
    };
    let (spec, mut status) = begin(key, LIFE.to_owned(), None, &[], cluster.now());
    status.phase = Phase::Ready;
    status.revision = 1;
    let keys = BTreeSet::from(["a.url".to_owned(), "a.admin".to_owned()]);
    status.delivered.clone_from(&keys);
    status.plugin = Some(PinnedPlugin {
        identity: "p@1.0.0".into(),
        uid: "u".into(),
        hash: "h".into(),
        output_keys: keys.clone(),
        refresh_seconds: None,
    });
    let record = world.create("pr-1-db", spec, status).await.unwrap();
    let stored = keys
        .into_iter()
        .map(|key| (key.clone(), ((sandbind_core::api::instance::Work::Create, 1), key.as_str().into())));
    cluster.look().outputs.insert((record.uid.clone(), 1), stored.collect());
    pod(&cluster, "pod", LIFE, Vec::new());
    let (hints, _hinted) = hints();
    (Arc::clone(&cluster), Desk::new(world, hints, Patience::default()), record.name)
}

fn pod(cluster: &Cluster, uid: &str, incarnation: &str, folders: Vec<Folder>) {
    let resource = PodResource {
        name: "db".into(),
        instance: "pr-1-db".into(),
        incarnation: incarnation.into(),
        reservation: uid.into(),
        gated: true,
        mounted: None,
        env_keys: vec!["a.url".into()],
        folders,
    };
    let bindings =
        PodBindings { resources: vec![resource], made_for: String::new(), notify: None, ready_seconds: 60 };
    let pod = UserPod { namespace_uid: "shop-uid".into(), bindings, ended: false };
    cluster.look().pods.insert(uid.to_owned(), pod);
}

fn caller(uid: &str, namespace_uid: &str) -> Caller {
    Caller {
        namespace: "shop".into(),
        namespace_uid: namespace_uid.into(),
        pod_name: uid.into(),
        pod_uid: uid.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_gets_the_values_it_names_and_no_others() {
    let (cluster, desk, _) = world().await;
    let answer = desk.bindings(&caller("pod", "shop-uid"), None).await.unwrap();
    let url = BTreeMap::from([("a.url".to_owned(), "a.url".into())]);
    assert_eq!(answer.resources["db"], BoundResource::Ready { revision: 1, values: url });
    pod(&cluster, "all", LIFE, vec![Folder { dir: "/f".into(), items: Vec::new() }]);
    let answer = desk.bindings(&caller("all", "shop-uid"), None).await.unwrap();
    assert!(matches!(&answer.resources["db"], BoundResource::Ready { values, .. } if values.len() == 2));
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_values_of_another_namespace_or_another_life() {
    let (cluster, desk, _) = world().await;
    let answer = desk.bindings(&caller("pod", "other-uid"), None).await.unwrap();
    assert!(matches!(answer.resources["db"], BoundResource::Gone { .. }));
    pod(&cluster, "old", "bbbbbbbbbbbbbbbb", Vec::new());
    let answer = desk.bindings(&caller("old", "shop-uid"), None).await.unwrap();
    assert!(matches!(answer.resources["db"], BoundResource::Gone { .. }));
    for error in [
        desk.bindings(&caller("nobody", "shop-uid"), None).await.unwrap_err(),
        desk.claim(&caller("pod", "shop-uid"), &ClaimRequest { nonce: "n".into() }).await.unwrap_err(),
        desk.release(&caller("nobody", "shop-uid")).await.unwrap_err(),
    ] {
        assert!(matches!(error, DeskError::Foreign { .. }) && !error.is_temporary(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_a_new_revision_and_not_for_others_reservations() {
    let (cluster, desk, name) = world().await;
    let me = caller("pod", "shop-uid");
    let known = desk.bindings(&me, None).await.unwrap().revision;
    let poll = tokio::spawn({
        let (desk, me, known) = (desk.clone(), me.clone(), known.clone());
        async move { desk.bindings(&me, Some(&known)).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let touch = |version: &str, revision| {
        cluster.change(&name, |state| {
            let record = state.records.get_mut(&name).unwrap();
            record.version = version.to_owned();
            record.status.revision = revision;
        });
    };
    touch("other", 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!poll.is_finished(), "a change that means nothing to this pod");
    touch("newer", 2);
    let answer = poll.await.unwrap();
    assert_ne!(answer.revision, known);
    assert!(matches!(answer.resources["db"], BoundResource::Ready { revision: 2, .. }));
    let before = tokio::time::Instant::now();
    let same = desk.bindings(&me, Some(&answer.revision)).await.unwrap();
    assert_eq!(same.revision, answer.revision);
    assert!(
        before.elapsed() >= Duration::from_secs(300),
        "the poll is held as long as the desk has patience"
    );
}

/// An attempt of the step `a`, claimed by the process `nonce` of its pod.
fn at_work(cluster: &Cluster, name: &str, attempt: u32) -> Caller {
    let uid = format!("step-{attempt}");
    let run = StepRun {
        instance: name.to_owned(),
        incarnation: LIFE.to_owned(),
        round: 1,
        work: Work::Refresh,
        step: "a".to_owned(),
        attempt,
    };
    let claim = Claim {
        holder: uid.clone(),
        nonce: "n".to_owned(),
        fence: 1,
        at: cluster.now(),
        dead_after_seconds: 60,
    };
    let pod = StepPodObject {
        run,
        uid: uid.clone(),
        state: StepPodState::Running,
        since: tokio::time::Instant::now(),
    };
    cluster.change(name, |state| {
        state.step_pods.insert(uid.clone(), pod);
        let step = StepStatus {
            work: Work::Refresh,
            name: "a".to_owned(),
            state: StepState::Pending,
            attempt,
            claimed: true,
            claim: Some(claim),
            failures: 0,
            again: 0,
            unstarted: 0,
            first_at: None,
            not_before: None,
            last: None,
        };
        let record = state.records.get_mut(name).unwrap();
        record.version = format!("at-work-{attempt}");
        record.status.steps = vec![step];
    });
    caller(&uid, "steps-uid")
}

#[tokio::test(start_paused = true)]
async fn a_state_outlives_its_attempt_and_a_dead_attempts_lock_does_not() {
    let (cluster, desk, name) = world().await;
    let ask = async |caller: &Caller, ask: StateAsk| {
        let request = StateRequest { nonce: "n".into(), name: "main".into(), ask };
        desk.step_state(caller, &request).await.unwrap()
    };
    let lock = |id: &str| StateAsk::Lock { id: id.into(), info: format!("lock {id}") };
    let write = |text: &str, id: &str| StateAsk::Write { state: text.into(), lock: Some(id.into()) };
    let first = at_work(&cluster, &name, 1);
    assert_eq!(ask(&first, lock("one")).await, StateAnswer::Done);
    assert_eq!(ask(&first, write("half made", "one")).await, StateAnswer::Done);

    // It is killed with its lock; the record writes it off and the next attempt begins.
    let second = at_work(&cluster, &name, 2);
    assert!(matches!(ask(&first, write("from the grave", "one")).await, StateAnswer::Refused { .. }));
    let found = StateAnswer::State { state: Some("half made".into()) };
    assert_eq!(ask(&second, StateAsk::Read).await, found);
    assert_eq!(ask(&second, lock("two")).await, StateAnswer::Done, "the dead attempt's lock is broken");
    assert_eq!(ask(&second, lock("three")).await, StateAnswer::Locked { info: "lock two".into() });
    assert_eq!(ask(&second, write("whole", "two")).await, StateAnswer::Done);

    let nobody = StateRequest { nonce: "n".into(), name: "main".into(), ask: StateAsk::Read };
    let error = desk.step_state(&caller("nobody", "steps-uid"), &nobody).await.unwrap_err();
    assert!(matches!(error, DeskError::Foreign { .. }));
}
