//! The engine's world on a cluster.

use std::{sync::Arc, time::Duration};

use kube::Client;
use sandbind_core::step::StepSettings;
use sandbind_engine::{ports::World, trace::Tracer};
use tokio::sync::watch;

use crate::{
    callers::ClusterPods, catalog::ClusterCatalog, clock::SystemClock, delivery::ClusterDelivery,
    identify::ClusterIdentify, notices::ClusterNotices, records::ClusterRecords, steps::ClusterSteps,
    usage::ClusterUsage, values::ClusterValues, watch::Watches,
};

/// All ports on a cluster. The watches are run by somebody else.
pub struct ClusterWorld<T> {
    records: ClusterRecords,
    values: ClusterValues,
    catalog: ClusterCatalog,
    steps: ClusterSteps,
    usage: ClusterUsage,
    delivery: ClusterDelivery,
    notices: ClusterNotices,
    clock: SystemClock,
    identify: ClusterIdentify,
    pods: ClusterPods,
    tracer: T,
}

/// What a world is made of.
pub struct Parts<T> {
    /// The way to the API server.
    pub client: Client,
    /// What is watched.
    pub watches: Arc<Watches>,
    /// What step pods look like; changes with the CA bundle.
    pub steps: watch::Receiver<Arc<StepSettings>>,
    /// How long owners that want pods keep a resource without pods.
    pub owner_grace: Duration,
    /// Names this process in Events.
    pub instance: String,
    /// Observer of write points.
    pub tracer: T,
}

impl<T: Tracer> ClusterWorld<T> {
    /// From its parts.
    pub fn new(parts: Parts<T>) -> Self {
        let Parts { client, watches, steps, owner_grace, instance, tracer } = parts;
        let system = watches.system_namespace().to_owned();
        Self {
            records: ClusterRecords::new(client.clone(), &system, watches.records.clone()),
            values: ClusterValues::new(client.clone(), &system),
            catalog: ClusterCatalog::new(client.clone(), watches.clone()),
            steps: ClusterSteps::new(client.clone(), watches.clone(), steps),
            usage: ClusterUsage::new(client.clone(), watches.clone(), owner_grace),
            delivery: ClusterDelivery::new(client.clone()),
            notices: ClusterNotices::new(client.clone(), watches.clone(), &instance),
            clock: SystemClock::default(),
            identify: ClusterIdentify::new(client.clone(), watches.namespaces.clone()),
            pods: ClusterPods::new(client, watches),
            tracer,
        }
    }
}

impl<T: Tracer + 'static> World for ClusterWorld<T> {
    type Records = ClusterRecords;
    type Values = ClusterValues;
    type Catalog = ClusterCatalog;
    type Steps = ClusterSteps;
    type Usage = ClusterUsage;
    type Delivery = ClusterDelivery;
    type Notices = ClusterNotices;
    type Clock = SystemClock;
    type Identify = ClusterIdentify;
    type Pods = ClusterPods;
    type Tracer = T;

    fn records(&self) -> &ClusterRecords {
        &self.records
    }

    fn values(&self) -> &ClusterValues {
        &self.values
    }

    fn catalog(&self) -> &ClusterCatalog {
        &self.catalog
    }

    fn steps(&self) -> &ClusterSteps {
        &self.steps
    }

    fn usage(&self) -> &ClusterUsage {
        &self.usage
    }

    fn delivery(&self) -> &ClusterDelivery {
        &self.delivery
    }

    fn notices(&self) -> &ClusterNotices {
        &self.notices
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn identify(&self) -> &ClusterIdentify {
        &self.identify
    }

    fn pods(&self) -> &ClusterPods {
        &self.pods
    }

    fn tracer(&self) -> &T {
        &self.tracer
    }
}
