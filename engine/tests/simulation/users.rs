//! Users: admissions as the webhook does them, pods that are stored late or never, sidecars that open gates, apps that rely on
//! the resource.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sandbind_core::{
    api::instance::{InstanceKey, Reservation},
    identity,
    lifecycle::{
        ReserveDecision, ReserveRequest, Standing,
        record::Record,
        reserve::{begin, reserve, standing},
    },
};
use sandbind_engine::{
    memory::{Program, UserPod},
    ports::{Caller, PortError, Records},
    wait,
};
use sandbind_wire::message::{BoundResource, PodBindings, PodResource};
use tokio::time::{Instant, sleep, timeout};

use crate::{house::House, plugin::STEPS, runner::ask};

/// Longer than any admission: then its answer, if there was one, counts for nothing.
const ADMISSION: Duration = Duration::from_secs(15);
/// How long an admission is held.
const BUDGET: Duration = Duration::from_secs(10);
/// From the answer of an admission until its pod is stored.
const STORED: Duration = Duration::from_secs(19);
/// No gated pod waits longer, whatever went wrong on the way.
const SERVED: Duration = Duration::from_secs(4 * 3600);

struct Admitted {
    record: Record,
    reservation: String,
    gated: bool,
}

/// A controller that wants one pod: it tries until one has run.
pub(crate) async fn controller(house: Arc<House>, sandbox: String) {
    let start = house.cluster.chance().up_to(Duration::from_secs(240));
    sleep(start).await;
    let mut pause = Duration::from_secs(1);
    for _ in 0..400 {
        let webhook = Program::new(Arc::clone(&house.cluster), sandbind_engine::trace::Untraced);
        let admitted = timeout(ADMISSION, Box::pin(admission(&house, &webhook, &sandbox))).await;
        let dropped = house.cluster.chance().happens(house.mishap_per_mille());
        match admitted {
            Ok(Some(admitted)) if !dropped => {
                let late = house.cluster.chance().up_to(STORED);
                sleep(late).await;
                return pod(&house, admitted).await;
            }
            _ => {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(60));
            }
        }
    }
    house.outside().violations.push(format!("no pod of {sandbox} was ever admitted"));
}

fn key(sandbox: &str) -> InstanceKey {
    InstanceKey {
        namespace: "shop".to_owned(),
        namespace_uid: "shop-uid".to_owned(),
        sandbox: sandbox.to_owned(),
        resource: "db".to_owned(),
        scope: None,
    }
}

async fn admission(house: &House, webhook: &Program, sandbox: &str) -> Option<Admitted> {
    let key = key(sandbox);
    let name = identity::instance_name(&key);
    let (reservation, incarnation) = {
        let mut chance = house.cluster.chance();
        let mut ten = || std::array::from_fn(|_| chance.below(256) as u8);
        (identity::reservation(ten()), identity::incarnation(ten()))
    };
    let wanted: BTreeSet<String> = BTreeSet::from(["a.url".to_owned()]);
    let request = ReserveRequest {
        reservation: Reservation { id: reservation.clone(), at: house.cluster.now() },
        wanted: wanted.clone(),
        owner: None,
        linger_seconds: 60,
    };
    let deadline = Instant::now() + BUDGET;
    let held = loop {
        match hold(house, webhook, &name, &key, &incarnation, &request).await {
            Hold::Held(record) => break *record,
            Hold::Again if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
            Hold::Again | Hold::Denied => return None,
        }
    };
    let life = held.spec.incarnation.clone();
    let judge = |record: Option<&Record>| match record {
        Some(record) if record.spec.incarnation == life => {
            match standing(record, &wanted, house.cluster.now()) {
                Standing::Ready => Some(Some(record.clone())),
                Standing::Creating { .. } => None,
                Standing::Failed(_) | Standing::Going { .. } => Some(None),
            }
        }
        _ => Some(None),
    };
    match tokio::time::timeout_at(deadline, wait::until(webhook, &name, judge)).await {
        Ok(Ok(Some(record))) => Some(Admitted { record, reservation, gated: false }),
        Ok(Ok(None) | Err(_)) => None,
        Err(_) => Some(Admitted { record: held, reservation, gated: true }),
    }
}

enum Hold {
    Held(Box<Record>),
    Again,
    Denied,
}

async fn hold(
    house: &House,
    webhook: &Program,
    name: &str,
    key: &InstanceKey,
    incarnation: &str,
    request: &ReserveRequest,
) -> Hold {
    let now = house.cluster.now();
    let Ok(found) = webhook.read(name).await else { return Hold::Again };
    let Some(record) = found else {
        let (spec, status) =
            begin(key.clone(), incarnation.to_owned(), None, std::slice::from_ref(request), now);
        return match webhook.create(name, spec, status).await {
            Ok(record) => Hold::Held(Box::new(record)),
            Err(_) => Hold::Again,
        };
    };
    match reserve(&record, std::slice::from_ref(request), now) {
        ReserveDecision::Commit { denied, .. } if !denied.is_empty() => Hold::Denied,
        ReserveDecision::Commit { status, .. } if *status == record.status => Hold::Held(Box::new(record)),
        ReserveDecision::Commit { status, .. } => match webhook.commit(&record, *status).await {
            Ok(record) => Hold::Held(Box::new(record)),
            Err(PortError::Conflict { .. } | PortError::Failed { .. }) => Hold::Again,
            Err(_) => Hold::Denied,
        },
        ReserveDecision::Denied(_) => Hold::Denied,
        ReserveDecision::Going { .. } => Hold::Again,
    }
}

async fn pod(house: &House, admitted: Admitted) {
    let Admitted { record, reservation, gated } = admitted;
    let incarnation = record.spec.incarnation.clone();
    let namespace_uid = record.spec.key.namespace_uid.clone();
    let bound = PodResource {
        name: "db".to_owned(),
        instance: record.name.clone(),
        incarnation: incarnation.clone(),
        reservation,
        gated,
        mounted: None,
        env_keys: vec!["a.url".to_owned()],
        folders: Vec::new(),
    };
    let bindings =
        PodBindings { resources: vec![bound], made_for: String::new(), notify: None, ready_seconds: 1800 };
    let uid = house.cluster.change(&record.name, |state| {
        let uid = state.id("pod-");
        let pod = UserPod { namespace_uid: namespace_uid.clone(), bindings, ended: false };
        state.pods.insert(uid.clone(), pod);
        uid
    });
    house.log(&format!("{uid} of {incarnation} is stored, gated: {gated}"));
    let caller = Caller {
        namespace: "shop".to_owned(),
        namespace_uid: namespace_uid.clone(),
        pod_name: uid.clone(),
        pod_uid: uid.clone(),
    };
    let opened = if gated { timeout(SERVED, gate(house, &caller)).await.ok().flatten() } else { Some(None) };
    if let Some(revision) = opened {
        secret(house, &uid, &namespace_uid, &incarnation).await;
        house.outside().use_begins(&incarnation, &STEPS);
        house.log(&format!("{uid} runs"));
        let life = house.cluster.chance().up_to(Duration::from_secs(600));
        let _ = timeout(life, follow(house, &caller, revision)).await;
        house.outside().use_ends(&incarnation);
    } else {
        house.outside().violations.push(format!("{uid} of {incarnation} was gated and never served"));
    }
    house.cluster.change(&record.name, |state| {
        if let Some(pod) = state.pods.get_mut(&uid) {
            pod.ended = true;
        }
    });
    house.log(&format!("{uid} has ended"));
    let _ = ask(house, async |desk| desk.release(&caller).await).await;
    let removed = house.cluster.chance().up_to(Duration::from_secs(30));
    sleep(removed).await;
    house.cluster.change(&record.name, |state| state.pods.remove(&uid));
}

/// Waits for the runner's word that the resource is Ready.
async fn gate(house: &House, caller: &Caller) -> Option<Option<String>> {
    let mut known: Option<String> = None;
    loop {
        let answer = ask(house, async |desk| desk.bindings(caller, known.as_deref()).await).await;
        let Some(Ok(answer)) = answer else {
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        match answer.resources.get("db") {
            Some(BoundResource::Ready { values, .. }) => {
                if !values.contains_key("a.url") {
                    house.outside().violations.push("a gate opens without the value it is for".to_owned());
                }
                return Some(Some(answer.revision));
            }
            Some(BoundResource::Waiting { .. } | BoundResource::Failed { .. }) => {
                known = Some(answer.revision);
            }
            gone => {
                house.outside().violations.push(format!("{} is gated on nothing: {gone:?}", caller.pod_uid));
                return None;
            }
        }
    }
}

/// The kubelet resolves `secretKeyRef`: it tries until the Secret is there.
async fn secret(house: &House, uid: &str, namespace_uid: &str, incarnation: &str) {
    let key = (namespace_uid.to_owned(), incarnation.to_owned());
    for _ in 0..600 {
        let there = house.cluster.look().delivered.get(&key).is_some_and(|(_, v)| v.contains_key("a.url"));
        if there {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    house.outside().violations.push(format!("{uid} never finds its Secret"));
}

/// A running sidecar follows the values; its resource never goes away under it.
async fn follow(house: &House, caller: &Caller, mut known: Option<String>) {
    let mut newest = 0;
    loop {
        match ask(house, async |desk| desk.bindings(caller, known.as_deref()).await).await {
            Some(Ok(answer)) => {
                match answer.resources.get("db") {
                    Some(BoundResource::Ready { revision, .. }) if *revision >= newest => newest = *revision,
                    other => house
                        .outside()
                        .violations
                        .push(format!("{} loses its resource: {other:?}", caller.pod_uid)),
                }
                known = Some(answer.revision);
            }
            _ => sleep(Duration::from_secs(1)).await,
        }
    }
}
