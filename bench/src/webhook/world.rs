//! Surroundings in memory: one namespace with one binding, and a store that answers as the runner and the API server would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourcePlugin,
        instance::{Owner, Phase, PinnedPlugin, ResourceInstanceSpec, ResourceInstanceStatus},
    },
    binding::{Binding, Namespace, Plugins, View},
    inject::Installation,
    lifecycle::record::{Orders, Record},
};
use sandbind_engine::{
    admission::ports::{Owners, Surroundings, Views},
    ports::{Answer, Clock, PortError, Records},
    trace::Untraced,
};
use sandbind_webhook::metrics::Metrics;
use serde_json::json;
use tokio::sync::watch;

/// Everything.
pub(crate) struct World {
    pub(crate) records: Store,
    pub(crate) view: Objects,
    pub(crate) clock: Ticks,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) installation: Arc<Installation>,
}

/// Records with versions. What is created is Ready at once, as if the runner had been there.
pub(crate) struct Store {
    records: Mutex<BTreeMap<String, Arc<Record>>>,
    version: watch::Sender<u64>,
    /// How long a write takes.
    latency: Duration,
    /// So many reservations stay in a record: those whose pod was seen are taken out by the runner.
    kept: usize,
}

impl Store {
    pub(crate) fn new(latency: Duration, kept: usize) -> Self {
        Self { records: Mutex::default(), version: watch::Sender::new(0), latency, kept }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, mut record: Record) -> Record {
        let over = record.status.reservations.len().saturating_sub(self.kept);
        record.status.reservations.drain(..over);
        let mut all = self.all();
        self.version.send_modify(|version| *version += 1);
        record.version = self.version.borrow().to_string();
        all.insert(record.name.clone(), Arc::new(record.clone()));
        record
    }

    async fn write_time(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
    }
}

impl Records for Store {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.all().values().cloned().collect()
    }

    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        self.all().get(name).cloned()
    }

    async fn read(&self, name: &str) -> Answer<Option<Record>> {
        Ok(self.hint(name).map(|record| (*record).clone()))
    }

    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        mut status: ResourceInstanceStatus,
    ) -> Answer<Record> {
        self.write_time().await;
        if self.hint(name).is_some() {
            return Err(PortError::Exists { what: name.to_owned() });
        }
        let keys = BTreeSet::from(["make.url".to_owned()]);
        status.phase = Phase::Ready;
        status.plugin = Some(PinnedPlugin {
            identity: "db@1.0.0".to_owned(),
            uid: "p".to_owned(),
            hash: "h".to_owned(),
            refresh_seconds: None,
            output_keys: keys.clone(),
        });
        status.delivered = keys;
        let (name, uid, version) = (name.to_owned(), format!("uid-{name}"), String::new());
        Ok(self.put(Record { name, uid, version, deleting: false, orders: Orders::default(), spec, status }))
    }

    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> Answer<Record> {
        self.write_time().await;
        if self.hint(&record.name).is_none_or(|seen| seen.version != record.version) {
            return Err(PortError::Conflict { what: record.name.clone() });
        }
        // Field by field: the old status is not to be copied only to be thrown away.
        let Record { name, uid, deleting, orders, spec, .. } = record;
        let (name, uid, version) = (name.clone(), uid.clone(), String::new());
        let (deleting, orders, spec) = (*deleting, orders.clone(), spec.clone());
        Ok(self.put(Record { name, uid, version, deleting, orders, spec, status }))
    }

    async fn remove(&self, record: &Record) -> Answer<()> {
        self.all().remove(&record.name);
        Ok(())
    }

    async fn ledger(&self, _record: &Record, _reason: &str) -> Answer<()> {
        Ok(())
    }

    async fn changed(&self, name: &str, version: &str) {
        let mut versions = self.version.subscribe();
        while self.hint(name).map(|record| record.version.clone()).unwrap_or_default() == version {
            if versions.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The live objects.
pub(crate) struct Objects(pub(crate) View);

impl Views for Objects {
    async fn fresh(&self, _namespace: &str, _sandbox: &str) -> Answer<Option<View>> {
        Ok(Some(self.0.clone()))
    }

    fn cached(&self, _namespace: &str, _sandbox: &str) -> Option<View> {
        Some(self.0.clone())
    }
}

impl Owners for Objects {
    async fn controller(&self, _namespace: &str, _object: &Owner) -> Answer<Option<Owner>> {
        Ok(Some(Owner {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            uid: "d".to_owned(),
        }))
    }
}

/// Real time, counted chance.
pub(crate) struct Ticks(Instant, AtomicU32);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn random(&self) -> u32 {
        self.1.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9)
    }
}

impl Surroundings for World {
    type Records = Store;
    type Views = Objects;
    type Owners = Objects;
    type Clock = Ticks;
    type Tracer = Untraced;
    type Watcher = Metrics;

    fn installation(&self) -> Arc<Installation> {
        self.installation.clone()
    }
    fn records(&self) -> &Store {
        &self.records
    }
    fn views(&self) -> &Objects {
        &self.view
    }
    fn owners(&self) -> &Objects {
        &self.view
    }
    fn clock(&self) -> &Ticks {
        &self.clock
    }
    fn tracer(&self) -> &Untraced {
        &Untraced
    }
    fn watcher(&self) -> &Metrics {
        &self.metrics
    }
}

/// A namespace `shop` where pods of `app: web` get the resource `db` in one env var.
pub(crate) fn world(store: Store, metrics: Arc<Metrics>) -> anyhow::Result<World> {
    let plugin: ResourcePlugin = serde_json::from_value(json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
        "metadata": {"name": "db-1.0.0", "uid": "p"},
        "spec": {
            "name": "db", "version": "1.0.0", "runner": {"image": "x"},
            "create": [{"name": "make", "script": "#!/bin/sh", "outputs": [{"name": "url", "valueFromPath": "/url"}]}],
            "delete": [{"name": "drop", "script": "#!/bin/sh"}],
            "allowedNamespaces": {"from": "All"}}
    }))?;
    let binding: ResourceBinding = serde_json::from_value(json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
        "metadata": {"name": "web", "namespace": "shop", "uid": "b"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "resources": [{"name": "db", "plugin": "db"}],
            "env": [{"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": "make.url"}}}]}
    }))?;
    let installation = Installation {
        image: "localhost/sandbind:dev".to_owned(),
        runner_url: "https://10.96.0.10:7443".to_owned(),
        runner_name: "sandbind-plugin-runner.sandbind-system.svc".to_owned(),
        // As long as a bundle is.
        runner_ca: "c".repeat(1200),
        ..Installation::default()
    };
    Ok(World {
        records: store,
        view: Objects(View {
            namespace: Arc::new(Namespace {
                name: "shop".to_owned(),
                uid: "shop-uid".to_owned(),
                ..Namespace::default()
            }),
            bindings: vec![Arc::new(Binding::new(binding, "sandbind-system"))],
            plugins: Arc::new(Plugins::new([Arc::new(plugin)])),
            ..View::default()
        }),
        clock: Ticks(Instant::now(), AtomicU32::new(1)),
        metrics,
        installation: Arc::new(installation),
    })
}
