//! A world in memory for simulations and tests: one [`Cluster`] that is true, and any number of [`Program`]s that see it late,
//! are answered wrongly, or end at any point.
//!
//! Everything is drawn from one seed, and time is tokio's (paused in tests), so a run repeats exactly.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sandbind_core::{
    api::{ResourcePlugin, instance::InstanceKey},
    lifecycle::{
        KeptState,
        observed::{Plan, StepPodState},
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_wire::{Bytes64, message::PodBindings};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    drive::Hints,
    ports::{Answer, Caller, PortError, Wishes},
    trace::{Tracer, Untraced},
};

mod chance;
mod law;
mod ports;
mod records;

pub use chance::{Chance, Faults};

/// The truth: what is durable, what runs, what was done outside.
#[derive(Debug)]
pub struct Cluster {
    state: Mutex<State>,
    chance: Mutex<Chance>,
    faults: Mutex<Faults>,
    generation: watch::Sender<u64>,
    start: Instant,
    launched: mpsc::UnboundedSender<Launched>,
}

/// A step pod that was made: whoever plays the kubelet runs it.
#[derive(Clone, Debug)]
pub struct Launched {
    /// The pod as the runner knows it.
    pub caller: Caller,
    /// What it is for.
    pub run: StepRun,
}

/// Everything durable. Tests read and change it freely.
#[derive(Debug, Default)]
pub struct State {
    /// Records by name.
    pub records: BTreeMap<String, Record>,
    /// Snapshots by record UID and round.
    pub snapshots: BTreeMap<(String, u32), Snapshot>,
    /// Current outputs by record UID and round: by key, with the rank of the run that wrote each.
    pub outputs: BTreeMap<(String, u32), BTreeMap<String, (Rank, Bytes64)>>,
    /// Outputs and log of attempts by record UID and pod name.
    pub attempts: BTreeMap<(String, String), (BTreeMap<String, Bytes64>, String)>,
    /// States of steps by record UID and name.
    pub states: BTreeMap<(String, String), KeptState>,
    /// Step pods by name.
    pub step_pods: BTreeMap<String, StepPodObject>,
    /// Users' pods by UID.
    pub pods: BTreeMap<String, UserPod>,
    /// Tenants' Secrets by namespace UID and incarnation: revision and values.
    pub delivered: BTreeMap<(String, String), (u64, BTreeMap<String, Bytes64>)>,
    /// Resources given up by people: incarnation and reason.
    pub ledger: BTreeMap<String, String>,
    /// What a round of this resource name would be pinned to.
    pub plans: BTreeMap<String, Plan>,
    /// Plugins by `NAME@VERSION`.
    pub plugins: BTreeMap<String, ResourcePlugin>,
    /// What Sandboxes ask for, by namespace UID and sandbox.
    pub wishes: BTreeMap<(String, String), Wishes>,
    /// What people were told: record name, reason, message.
    pub told: Vec<(String, &'static str, String)>,
    /// Laws of the API server that a write would have broken; always a mistake of ours.
    pub broken: Vec<String>,
    version: u64,
    ids: u64,
    watchers: Vec<Hints>,
}

/// (work, attempt) of the run that wrote an output; refresh above create.
pub type Rank = (sandbind_core::api::instance::Work, u32);

/// A step pod.
#[derive(Clone, Debug)]
pub struct StepPodObject {
    /// What it is for.
    pub run: StepRun,
    /// Its UID.
    pub uid: String,
    /// Where it stands.
    pub state: StepPodState,
    /// Since when it exists.
    pub since: Instant,
}

/// A user's pod.
#[derive(Clone, Debug)]
pub struct UserPod {
    /// Its namespace's UID.
    pub namespace_uid: String,
    /// What it was given at admission.
    pub bindings: PodBindings,
    /// Whether it has ended (Succeeded or Failed).
    pub ended: bool,
}

impl Cluster {
    /// An empty one. Step pods that are made come out of the second part.
    pub fn new(seed: u64, faults: Faults) -> (Arc<Self>, mpsc::UnboundedReceiver<Launched>) {
        let (launched, receiver) = mpsc::unbounded_channel();
        let cluster = Self {
            state: Mutex::default(),
            chance: Mutex::new(Chance::new(seed)),
            faults: Mutex::new(faults),
            generation: watch::Sender::new(0),
            start: Instant::now(),
            launched,
        };
        (Arc::new(cluster), receiver)
    }

    /// The state, for a look. Never held across an await.
    pub fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state; watchers of `record` hear of it.
    pub fn change<T>(&self, record: &str, change: impl FnOnce(&mut State) -> T) -> T {
        let (answer, watchers) = {
            let mut state = self.look();
            (change(&mut state), state.watchers.clone())
        };
        self.generation.send_modify(|generation| *generation += 1);
        for watcher in watchers {
            if !self.happens(|faults| faults.stale) {
                watcher.wake(record);
            }
        }
        answer
    }

    /// This driver hears of changes from now on.
    pub fn watch(&self, hints: Hints) {
        self.look().watchers.push(hints);
    }

    /// From now on, these faults.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Draws from the seed.
    pub fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wall clock: a fixed day, and on.
    pub fn now(&self) -> Timestamp {
        const DAY: i64 = 1_800_000_000;
        let base = Timestamp::from_second(DAY).unwrap_or(Timestamp::UNIX_EPOCH);
        base.checked_add(self.start.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happens(&self, which: impl Fn(&Faults) -> u32) -> bool {
        let per_mille = which(&self.faults());
        self.chance().happens(per_mille)
    }

    /// The time a call takes: mostly a few milliseconds, sometimes so long that the world has moved on.
    async fn take_time(&self) {
        let faults = self.faults();
        let pause = {
            let mut chance = self.chance();
            if chance.happens(faults.slow) {
                chance.up_to(faults.slowest)
            } else {
                chance.up_to(Duration::from_millis(8))
            }
        };
        tokio::time::sleep(pause).await;
    }

    /// A call that reads: true, or an error.
    async fn read<T>(&self, what: &str, read: impl FnOnce(&State) -> T) -> Answer<T> {
        self.take_time().await;
        if self.happens(|faults| faults.error) {
            return Err(PortError::failed(what, "no answer"));
        }
        Ok(read(&self.look()))
    }

    /// A call that writes: done, not done, or done without an answer.
    async fn write<T>(
        &self,
        what: &str,
        record: &str,
        write: impl FnOnce(&mut State) -> Answer<T>,
    ) -> Answer<T> {
        self.take_time().await;
        if self.happens(|faults| faults.error) {
            return Err(PortError::failed(what, "not sent"));
        }
        let done = self.change(record, write)?;
        if self.happens(|faults| faults.silent) {
            return Err(PortError::failed(what, "timed out after it was done"));
        }
        Ok(done)
    }
}

impl State {
    /// A new id, unique in this run.
    pub fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}{}", self.ids)
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }
}

/// One program: its caches, what it has seen, and the observer of its write points. A restarted program is a new one.
#[derive(Debug)]
pub struct Program<T = Untraced> {
    cluster: Arc<Cluster>,
    tracer: T,
    start: Instant,
    cache: Mutex<Cache>,
}

/// What a program's watches have brought so far.
#[derive(Debug, Default)]
struct Cache {
    records: BTreeMap<String, Arc<Record>>,
    pods: BTreeMap<String, UserPod>,
    seen: BTreeSet<String>,
    late_until: Option<Instant>,
}

impl<T: Tracer> Program<T> {
    /// A program that has just started.
    pub fn new(cluster: Arc<Cluster>, tracer: T) -> Self {
        Self { cluster, tracer, start: Instant::now(), cache: Mutex::default() }
    }

    /// The truth behind it.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The caches, brought up to date unless the watches are late just now.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if cache.late_until.is_none_or(|until| until <= now) {
            cache.late_until = None;
            let faults = self.cluster.faults();
            let mut chance = self.cluster.chance();
            if chance.happens(faults.stale) {
                cache.late_until = Some(now + chance.up_to(faults.latest));
            }
        }
        if cache.late_until.is_none() || self.cluster.faults().stale == 0 {
            let state = self.cluster.look();
            cache.records.retain(|name, _| state.records.contains_key(name));
            for (name, record) in &state.records {
                if cache.records.get(name).is_none_or(|known| known.version != record.version) {
                    cache.records.insert(name.clone(), Arc::new(record.clone()));
                }
            }
            cache.pods.clone_from(&state.pods);
            let seen: Vec<String> = reservations(state.pods.values()).collect();
            cache.seen.extend(seen);
        }
        cache
    }
}

fn reservations<'a>(pods: impl Iterator<Item = &'a UserPod>) -> impl Iterator<Item = String> {
    pods.flat_map(|pod| pod.bindings.resources.iter().map(|resource| resource.reservation.clone()))
}

/// A record's own key in [`State::wishes`].
fn sandbox_of(key: &InstanceKey) -> (String, String) {
    (key.namespace_uid.clone(), key.sandbox.clone())
}
