//! The other ports in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourcePlugin,
        instance::{InstanceKey, ResourceInstanceSpec, Work},
        plugin::Limits,
    },
    lifecycle::{
        KeptState,
        effect::Notice,
        observed::{Evidence, Plan, StepPod, StepPodState, Use},
        record::{Record, StepRun},
        reserve::ALL_KEYS,
        snapshot::Snapshot,
    },
};
use sandbind_wire::{Bytes64, message::PodBindings, name::output_key};
use tokio::time::Instant;

use super::{Launched, Program, Rank, State, StepPodObject, UserPod, reservations, sandbox_of};
use crate::{
    ports::{
        Answer, Caller, Catalog, Clock, Delivery, Identify, Notices, Pods, PortError, Steps, Usage, Values,
        View, Wishes, World,
    },
    trace::Tracer,
};

impl<T: Tracer + 'static> Values for Program<T> {
    async fn snapshot(&self, record: &Record, round: u32) -> Answer<Option<Snapshot>> {
        let key = (record.uid.clone(), round);
        self.cluster.read("reading a snapshot", |state| state.snapshots.get(&key).cloned()).await
    }

    async fn store_snapshot(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<Snapshot> {
        let store = |state: &mut State| {
            owned(state, record)?;
            let key = (record.uid.clone(), round);
            Ok(state.snapshots.entry(key).or_insert_with(|| snapshot.clone()).clone())
        };
        self.cluster.write("storing a snapshot", &record.name, store).await
    }

    async fn override_delete(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<()> {
        let store = |state: &mut State| {
            owned(state, record)?;
            state.snapshots.insert((record.uid.clone(), round), snapshot.clone());
            Ok(())
        };
        self.cluster.write("replacing delete steps", &record.name, store).await
    }

    async fn outputs(&self, record: &Record, round: u32) -> Answer<BTreeMap<String, Bytes64>> {
        let key = (record.uid.clone(), round);
        let read = |state: &State| {
            let stored = state.outputs.get(&key).into_iter().flatten();
            stored.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
        };
        self.cluster.read("reading outputs", read).await
    }

    async fn store_attempt(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> Answer<()> {
        let store = |state: &mut State| {
            owned(state, record)?;
            let attempt = (record.uid.clone(), run.pod_name());
            state.attempts.insert(attempt, (outputs.clone(), log.to_owned()));
            if run.work == Work::Create {
                raise(state, record, run, outputs);
            }
            Ok(())
        };
        self.cluster.write("storing an attempt", &record.name, store).await
    }

    async fn adopt_refresh(&self, record: &Record, runs: &[StepRun]) -> Answer<()> {
        let adopt = |state: &mut State| {
            owned(state, record)?;
            for run in runs {
                let outputs = left(state, record, run)?;
                raise(state, record, run, &outputs);
            }
            Ok(())
        };
        self.cluster.write("adopting a refresh", &record.name, adopt).await
    }

    async fn states(&self, record: &Record) -> Answer<BTreeMap<String, KeptState>> {
        let read = |state: &State| {
            let own = state.states.iter().filter(|((uid, _), _)| *uid == record.uid);
            own.map(|((_, name), kept)| (name.clone(), kept.clone())).collect()
        };
        self.cluster.read("reading states", read).await
    }

    async fn store_state(&self, record: &Record, name: &str, next: &KeptState) -> Answer<()> {
        let store = |state: &mut State| {
            owned(state, record)?;
            let key = (record.uid.clone(), name.to_owned());
            let writes = state.states.get(&key).map_or(0, |kept| kept.writes);
            if writes + 1 != next.writes {
                return Err(PortError::Conflict { what: record.name.clone() });
            }
            state.states.insert(key, next.clone());
            Ok(())
        };
        self.cluster.write("storing a state", &record.name, store).await
    }

    async fn refreshed(&self, record: &Record, runs: &[StepRun]) -> Answer<BTreeMap<String, Bytes64>> {
        let read = |state: &State| {
            let mut all = BTreeMap::new();
            for run in runs {
                let outputs = left(state, record, run)?;
                all.extend(outputs.into_iter().map(|(name, value)| (output_key(&run.step, &name), value)));
            }
            Ok(all)
        };
        self.cluster.read("reading refreshed outputs", read).await?
    }
}

/// What an attempt wrote.
fn left(state: &State, record: &Record, run: &StepRun) -> Answer<BTreeMap<String, Bytes64>> {
    let stored = state.attempts.get(&(record.uid.clone(), run.pod_name()));
    let none = || PortError::refused("reading an attempt", format!("no attempt {}", run.pod_name()));
    stored.map(|(outputs, _)| outputs.clone()).ok_or_else(none)
}

/// Objects with an owner that is gone are collected at once.
fn owned(state: &State, record: &Record) -> Answer<()> {
    match state.records.get(&record.name) {
        Some(now) if now.uid == record.uid => Ok(()),
        _ => Err(PortError::refused("storing values", "the record is gone")),
    }
}

fn raise(state: &mut State, record: &Record, run: &StepRun, outputs: &BTreeMap<String, Bytes64>) {
    let rank: Rank = (run.work, run.attempt);
    let current = state.outputs.entry((record.uid.clone(), run.round)).or_default();
    for (name, value) in outputs {
        let key = output_key(&run.step, name);
        if current.get(&key).is_none_or(|(known, _)| *known <= rank) {
            current.insert(key, (rank, value.clone()));
        }
    }
}

impl<T: Tracer + 'static> Catalog for Program<T> {
    async fn plan(&self, spec: &ResourceInstanceSpec, _view: View) -> Answer<Plan> {
        let read = |state: &State| state.plans.get(&spec.key.resource).cloned().unwrap_or_default();
        self.cluster.read("reading bindings and plugins", read).await
    }

    async fn plugin(&self, identity: &str) -> Answer<Option<ResourcePlugin>> {
        self.cluster.read("reading a plugin", |state| state.plugins.get(identity).cloned()).await
    }

    fn limits(&self, identity: &str) -> Limits {
        let state = self.cluster.look();
        state.plugins.get(identity).and_then(|plugin| plugin.spec.limits.clone()).unwrap_or_default()
    }

    async fn wishes(&self, key: &InstanceKey) -> Answer<Wishes> {
        let sandbox = sandbox_of(key);
        let read = |state: &State| state.wishes.get(&sandbox).cloned().unwrap_or_default();
        self.cluster.read("reading a sandbox", read).await
    }
}

impl<T: Tracer + 'static> Steps for Program<T> {
    async fn pods(&self, record: &Record) -> Answer<BTreeMap<StepRun, StepPod>> {
        let read = |state: &State| {
            let own = state.step_pods.values().filter(|pod| pod.run.instance == record.name);
            own.map(|pod| {
                let age = pod.since.elapsed();
                let told = StepPod { uid: pod.uid.clone(), state: pod.state, why: String::new(), age };
                (pod.run.clone(), told)
            })
            .collect()
        };
        self.cluster.read("reading step pods", read).await
    }

    fn hint_all(&self) -> Vec<StepRun> {
        self.cluster.look().step_pods.values().map(|pod| pod.run.clone()).collect()
    }

    async fn launch(&self, record: &Record, _snapshot: &Snapshot, run: &StepRun) -> Answer<()> {
        let launch = |state: &mut State| {
            let name = run.pod_name();
            if state.step_pods.contains_key(&name) {
                return Ok(());
            }
            let uid = state.id("step-");
            let since = Instant::now();
            let pod =
                StepPodObject { run: run.clone(), uid: uid.clone(), state: StepPodState::Starting, since };
            state.step_pods.insert(name.clone(), pod);
            let caller = Caller {
                namespace: "steps".to_owned(),
                namespace_uid: "steps".to_owned(),
                pod_name: name,
                pod_uid: uid,
            };
            // Nobody plays the kubelet: then the pod never starts.
            let _ = self.cluster.launched.send(Launched { caller, run: run.clone() });
            Ok(())
        };
        self.cluster.write("making a step pod", &record.name, launch).await
    }

    async fn reap(&self, run: &StepRun) -> Answer<()> {
        let reap = |state: &mut State| {
            state.step_pods.remove(&run.pod_name());
            Ok(())
        };
        self.cluster.write("removing a step pod", &run.instance, reap).await
    }
}

fn users<'a>(
    pods: &'a BTreeMap<String, UserPod>,
    record: &'a Record,
) -> impl Iterator<Item = (&'a String, &'a UserPod)> {
    pods.iter().filter(|(_, pod)| {
        !pod.ended && pod.bindings.resources.iter().any(|bound| bound.incarnation == record.spec.incarnation)
    })
}

fn use_of(pods: &BTreeMap<String, UserPod>, record: &Record, seen: &BTreeSet<String>) -> Use {
    let names: Vec<String> = users(pods, record).map(|(uid, _)| uid.clone()).take(3).collect();
    let evidence = if names.is_empty() {
        Vec::new()
    } else {
        vec![Evidence::Pods { count: users(pods, record).count(), names }]
    };
    Use { seen: seen.clone(), evidence, ..Use::default() }
}

impl<T: Tracer + 'static> Usage for Program<T> {
    fn hint(&self, record: &Record) -> Use {
        let cache = self.cache();
        use_of(&cache.pods, record, &cache.seen)
    }

    async fn prove(&self, record: &Record) -> Answer<Use> {
        let pods = self.cluster.read("listing pods", |state| state.pods.clone()).await?;
        let mut cache = self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.seen.extend(reservations(pods.values()));
        Ok(use_of(&pods, record, &cache.seen))
    }

    fn promised(&self, record: &Record) -> BTreeSet<String> {
        let cache = self.cache();
        let bound = users(&cache.pods, record).flat_map(|(_, pod)| &pod.bindings.resources);
        let mut keys = BTreeSet::new();
        for bound in bound.filter(|bound| bound.incarnation == record.spec.incarnation) {
            keys.extend(bound.env_keys.iter().cloned());
            for folder in &bound.folders {
                keys.extend(folder.items.iter().map(|item| item.key.clone()));
                if folder.items.is_empty() {
                    keys.insert(ALL_KEYS.to_owned());
                }
            }
        }
        keys
    }
}

impl<T: Tracer + 'static> Delivery for Program<T> {
    async fn deliver(
        &self,
        record: &Record,
        revision: u64,
        values: &BTreeMap<String, Bytes64>,
    ) -> Answer<()> {
        let key = (record.spec.key.namespace_uid.clone(), record.spec.incarnation.clone());
        let deliver = |state: &mut State| {
            state.delivered.insert(key, (revision, values.clone()));
            Ok(())
        };
        self.cluster.write("delivering", &record.name, deliver).await
    }

    async fn withdraw(&self, record: &Record) -> Answer<()> {
        let key = (record.spec.key.namespace_uid.clone(), record.spec.incarnation.clone());
        let withdraw = |state: &mut State| {
            state.delivered.remove(&key);
            Ok(())
        };
        self.cluster.write("withdrawing", &record.name, withdraw).await
    }
}

impl<T: Tracer + 'static> Notices for Program<T> {
    async fn announce(&self, record: &Record, notice: &Notice) {
        let told = (record.name.clone(), notice.reason, notice.message.clone());
        self.cluster.look().told.push(told);
    }
}

impl<T: Tracer + 'static> Clock for Program<T> {
    fn now(&self) -> Timestamp {
        self.cluster.now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> u32 {
        u32::try_from(self.cluster.chance().draw() >> 32).unwrap_or(u32::MAX)
    }
}

impl<T: Tracer + 'static> Identify for Program<T> {
    /// Here a token is the pod's UID.
    async fn identify(&self, token: &str, _max_age: Duration) -> Answer<Option<Caller>> {
        let find = |state: &State| {
            let step = state.step_pods.iter().find(|(_, pod)| pod.uid == token);
            let step = step.map(|(name, pod)| caller(name, &pod.uid, "steps"));
            step.or_else(|| state.pods.get(token).map(|pod| caller(token, token, &pod.namespace_uid)))
        };
        self.cluster.read("reviewing a token", find).await
    }
}

fn caller(name: &str, uid: &str, namespace_uid: &str) -> Caller {
    Caller {
        namespace: namespace_uid.to_owned(),
        namespace_uid: namespace_uid.to_owned(),
        pod_name: name.to_owned(),
        pod_uid: uid.to_owned(),
    }
}

impl<T: Tracer + 'static> Pods for Program<T> {
    async fn step_run(&self, caller: &Caller) -> Answer<Option<StepRun>> {
        let find = |state: &State| {
            let pod = state.step_pods.values().find(|pod| pod.uid == caller.pod_uid);
            pod.map(|pod| pod.run.clone())
        };
        self.cluster.read("reading a step pod", find).await
    }

    async fn bindings(&self, caller: &Caller) -> Answer<Option<PodBindings>> {
        let find = |state: &State| state.pods.get(&caller.pod_uid).map(|pod| pod.bindings.clone());
        self.cluster.read("reading a pod", find).await
    }
}

impl<T: Tracer + 'static> World for Program<T> {
    type Records = Self;
    type Values = Self;
    type Catalog = Self;
    type Steps = Self;
    type Usage = Self;
    type Delivery = Self;
    type Notices = Self;
    type Clock = Self;
    type Identify = Self;
    type Pods = Self;
    type Tracer = T;

    fn records(&self) -> &Self {
        self
    }
    fn values(&self) -> &Self {
        self
    }
    fn catalog(&self) -> &Self {
        self
    }
    fn steps(&self) -> &Self {
        self
    }
    fn usage(&self) -> &Self {
        self
    }
    fn delivery(&self) -> &Self {
        self
    }
    fn notices(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn identify(&self) -> &Self {
        self
    }
    fn pods(&self) -> &Self {
        self
    }
    fn tracer(&self) -> &T {
        &self.tracer
    }
}
