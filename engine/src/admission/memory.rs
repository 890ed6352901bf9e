//! Surroundings in memory, for tests.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourcePlugin,
        instance::{Owner, PinnedPlugin, ResourceInstanceSpec, ResourceInstanceStatus},
    },
    binding::{Binding, Namespace, Plugins, View},
    inject::Installation,
    lifecycle::record::{Orders, Record},
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::ports::{Owners, Surroundings, Views, Watcher};
use crate::{
    ports::{Answer, Clock, PortError, Records},
    trace::Untraced,
};

/// Everything a test may look at and turn.
pub(super) struct Memory {
    pub records: Store,
    pub views: Live,
    pub owners: Nobody,
    pub clock: Ticks,
    pub watcher: Seen,
}

/// Records with versions, and a change that everybody sees at once.
pub(super) struct Store {
    pub records: Mutex<BTreeMap<String, Arc<Record>>>,
    changes: watch::Sender<u64>,
    pub latency: Mutex<Duration>,
    pub writes: AtomicUsize,
    pub conflicts: AtomicUsize,
    /// Answers of the cache come from here while it is set: a cache that is behind.
    pub stale: Mutex<Option<BTreeMap<String, Arc<Record>>>>,
    pub broken: Mutex<bool>,
}

impl Store {
    fn new() -> Self {
        Self {
            records: Mutex::default(),
            changes: watch::Sender::new(0),
            latency: Mutex::default(),
            writes: AtomicUsize::new(0),
            conflicts: AtomicUsize::new(0),
            stale: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    async fn lag(&self) -> Answer<()> {
        let latency = *self.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if *self.broken.lock().unwrap() {
            return Err(PortError::failed("the store", "it is broken"));
        }
        Ok(())
    }

    /// What another writer does, without a count.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Record)) {
        let mut records = self.records.lock().unwrap();
        let mut record = (**records.get(name).unwrap()).clone();
        change(&mut record);
        self.put(&mut records, record);
    }

    pub(super) fn drop_record(&self, name: &str) {
        self.records.lock().unwrap().remove(name);
        self.changes.send_modify(|n| *n += 1);
    }

    fn put(&self, records: &mut BTreeMap<String, Arc<Record>>, mut record: Record) -> Record {
        self.changes.send_modify(|n| *n += 1);
        record.version = self.changes.borrow().to_string();
        records.insert(record.name.clone(), Arc::new(record.clone()));
        record
    }

    pub(super) fn only(&self) -> Arc<Record> {
        let records = self.records.lock().unwrap();
        assert_eq!(records.len(), 1);
        Arc::clone(records.values().next().unwrap())
    }

    /// Resolves when there is a record.
    pub(super) async fn some(&self) -> Arc<Record> {
        let mut changes = self.changes.subscribe();
        while self.records.lock().unwrap().is_empty() {
            changes.changed().await.unwrap();
        }
        self.only()
    }

    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }
}

impl Records for Store {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.records.lock().unwrap().values().cloned().collect()
    }

    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        if let Some(stale) = &*self.stale.lock().unwrap() {
            return stale.get(name).cloned();
        }
        self.records.lock().unwrap().get(name).cloned()
    }

    async fn read(&self, name: &str) -> Answer<Option<Record>> {
        self.lag().await?;
        Ok(self.records.lock().unwrap().get(name).map(|record| (**record).clone()))
    }

    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> Answer<Record> {
        self.lag().await?;
        let mut records = self.records.lock().unwrap();
        if records.contains_key(name) {
            return Err(PortError::Exists { what: name.to_owned() });
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let record = Record {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            version: String::new(),
            deleting: false,
            orders: Orders::default(),
            spec,
            status,
        };
        Ok(self.put(&mut records, record))
    }

    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> Answer<Record> {
        self.lag().await?;
        let mut records = self.records.lock().unwrap();
        if records.get(&record.name).is_none_or(|seen| seen.version != record.version) {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
            return Err(PortError::Conflict { what: record.name.clone() });
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(self.put(&mut records, Record { status, ..record.clone() }))
    }

    async fn remove(&self, record: &Record) -> Answer<()> {
        self.drop_record(&record.name);
        Ok(())
    }

    async fn ledger(&self, _record: &Record, _reason: &str) -> Answer<()> {
        Ok(())
    }

    async fn changed(&self, name: &str, version: &str) {
        let mut changes = self.changes.subscribe();
        while self.hint(name).map(|record| record.version.clone()).unwrap_or_default() == version {
            changes.changed().await.unwrap();
        }
    }
}

/// The live objects: one view for everybody.
pub(super) struct Live {
    pub view: Mutex<Option<View>>,
    pub reads: AtomicUsize,
    /// A read needs a permit of each of these to begin and to end.
    pub begin: Semaphore,
    pub end: Semaphore,
}

impl Views for Live {
    async fn fresh(&self, _namespace: &str, _sandbox: &str) -> Answer<Option<View>> {
        self.begin.acquire().await.unwrap().forget();
        self.reads.fetch_add(1, Ordering::Relaxed);
        let view = self.view.lock().unwrap().clone();
        self.end.acquire().await.unwrap().forget();
        Ok(view)
    }

    fn cached(&self, _namespace: &str, _sandbox: &str) -> Option<View> {
        self.view.lock().unwrap().clone()
    }
}

/// Nobody controls anything.
pub(super) struct Nobody;

impl Owners for Nobody {
    async fn controller(&self, _namespace: &str, _object: &Owner) -> Answer<Option<Owner>> {
        Ok(None)
    }
}

/// Real time, counted chance.
pub(super) struct Ticks {
    start: Instant,
    drawn: AtomicU32,
}

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + self.start.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> u32 {
        self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9)
    }
}

/// Counts.
#[derive(Default)]
pub(super) struct Seen {
    pub fallbacks: AtomicUsize,
    pub held: watch::Sender<usize>,
    pub most_held: AtomicUsize,
    pub reserved: AtomicUsize,
}

impl Seen {
    /// Resolves when this many are held.
    pub(super) async fn held(&self, count: usize) {
        self.held.subscribe().wait_for(|held| *held == count).await.unwrap();
    }
}

impl Watcher for Seen {
    fn fell_back(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn held(&self, more: bool) {
        self.held.send_modify(|held| if more { *held += 1 } else { *held -= 1 });
        self.most_held.fetch_max(*self.held.borrow(), Ordering::Relaxed);
    }

    fn waited(&self, _time: Duration) {}

    fn reserved(&self, reservations: usize) {
        self.reserved.fetch_add(reservations, Ordering::Relaxed);
    }
}

impl Surroundings for Memory {
    type Records = Store;
    type Views = Live;
    type Owners = Nobody;
    type Clock = Ticks;
    type Tracer = Untraced;
    type Watcher = Seen;

    fn installation(&self) -> Arc<Installation> {
        Arc::new(Installation { image: "sandbind:test".into(), ..Installation::default() })
    }
    fn records(&self) -> &Store {
        &self.records
    }
    fn views(&self) -> &Live {
        &self.views
    }
    fn owners(&self) -> &Nobody {
        &self.owners
    }
    fn clock(&self) -> &Ticks {
        &self.clock
    }
    fn tracer(&self) -> &Untraced {
        &Untraced
    }
    fn watcher(&self) -> &Seen {
        &self.watcher
    }
}

/// A namespace `shop` where the plugin `db` may be used, and these bindings' specs.
pub(super) fn world(bindings: &[Value]) -> Arc<Memory> {
    Arc::new(Memory {
        records: Store::new(),
        views: Live {
            view: Mutex::new(Some(view(bindings))),
            reads: AtomicUsize::new(0),
            begin: Semaphore::new(Semaphore::MAX_PERMITS),
            end: Semaphore::new(Semaphore::MAX_PERMITS),
        },
        owners: Nobody,
        clock: Ticks { start: Instant::now(), drawn: AtomicU32::new(1) },
        watcher: Seen::default(),
    })
}

pub(super) fn view(bindings: &[Value]) -> View {
    let plugin: ResourcePlugin = serde_json::from_value(json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
        "metadata": {"name": "db-1.0.0", "uid": "plugin"},
        "spec": {
            "name": "db", "version": "1.0.0", "runner": {"image": "x"},
            "create": [{"name": "make", "script": "#!/bin/sh", "outputs": [{"name": "url", "valueFromPath": "/url"}]}],
            "allowedNamespaces": {"from": "All"}, "limits": {"perNamespace": 3}}
    }))
    .unwrap();
    let binding = |(nth, spec): (usize, &Value)| {
        let object: ResourceBinding = serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
            "metadata": {"name": format!("b{nth}"), "namespace": "shop", "uid": format!("b{nth}"), "generation": 1},
            "spec": spec
        }))
        .unwrap();
        Arc::new(Binding::new(object, "sandbind-system"))
    };
    View {
        namespace: Arc::new(Namespace {
            name: "shop".into(),
            uid: "shop-uid".into(),
            ..Namespace::default()
        }),
        bindings: bindings.iter().enumerate().map(binding).collect(),
        plugins: Arc::new(Plugins::new([Arc::new(plugin)])),
        ..View::default()
    }
}

/// A binding of the resource `db` with one env var and this `wait`.
pub(super) fn binding(wait: &Value) -> Value {
    json!({
        "resources": [{"name": "db", "plugin": "db"}],
        "env": [{"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": "make.url"}}}],
        "wait": wait
    })
}

/// The record becomes Ready with its output delivered.
pub(super) fn make_ready(record: &mut Record) {
    let keys = std::collections::BTreeSet::from(["make.url".to_owned()]);
    record.status.phase = sandbind_core::api::instance::Phase::Ready;
    record.status.plugin = Some(PinnedPlugin {
        identity: "db@1.0.0".into(),
        uid: "plugin".into(),
        hash: "h".into(),
        refresh_seconds: None,
        output_keys: keys.clone(),
    });
    record.status.delivered = keys;
}
