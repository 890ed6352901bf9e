//! The surroundings of admissions: live objects by quorum reads and by caches, owners, and what pods are told.
//!
//! Nothing here reads a Secret of a tenant, or a pod.

mod caches;
mod fresh;
mod owners;

pub use self::{fresh::ClusterViews, owners::ClusterOwners};

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use kube::Client;
use sandbind_core::inject::Installation;
use sandbind_engine::{
    admission::ports::{Surroundings, Watcher},
    trace::Tracer,
};

use crate::{clock::SystemClock, records::ClusterRecords, runner_identity};

/// Between two looks at the runner's address and CA bundle.
const LOOK: Duration = Duration::from_secs(10);
/// The same, until they are known.
const SOON: Duration = Duration::from_millis(500);

/// A cluster, as admissions see it.
pub struct Cluster<W, T> {
    client: Client,
    namespace: String,
    records: ClusterRecords,
    views: ClusterViews,
    owners: ClusterOwners,
    clock: SystemClock,
    watcher: Arc<W>,
    tracer: T,
    installation: RwLock<Arc<Installation>>,
}

impl<W: Watcher + 'static, T: Tracer + 'static> Cluster<W, T> {
    /// By this client. `namespace` is the system namespace; the runner's address and CA bundle in `installation` are learnt by
    /// [`Self::run`], which also fills the caches.
    pub fn new(
        client: Client,
        namespace: &str,
        installation: Installation,
        watcher: Arc<W>,
        tracer: T,
    ) -> Arc<Self> {
        let views = ClusterViews::new(client.clone(), namespace);
        Arc::new(Self {
            records: ClusterRecords::new(client.clone(), namespace, Arc::clone(&views.caches.records)),
            owners: ClusterOwners::new(client.clone()),
            clock: SystemClock::default(),
            installation: RwLock::new(Arc::new(installation)),
            namespace: namespace.to_owned(),
            views,
            watcher,
            tracer,
            client,
        })
    }

    /// Keeps the caches and the installation true for as long as it is polled; tells whether they are complete.
    pub async fn run(&self, caches: impl Fn(bool), address: impl Fn(bool)) {
        let tell = async {
            self.views.caches.synced().await;
            caches(true);
        };
        tokio::join!(self.views.caches.keep(&self.client), tell, self.follow_runner(address));
    }

    async fn follow_runner(&self, tell: impl Fn(bool)) {
        loop {
            let url = runner_identity::service_url(self.client.clone(), &self.namespace).await;
            let ca = crate::trust::bundle(&self.client, &self.namespace).await;
            match (url, ca) {
                (Ok(runner_url), Ok(Some(runner_ca))) => {
                    let mut installation = self.installation.write().unwrap_or_else(PoisonError::into_inner);
                    if installation.runner_url != runner_url || installation.runner_ca != runner_ca {
                        *installation =
                            Arc::new(Installation { runner_url, runner_ca, ..(**installation).clone() });
                    }
                }
                (Err(error), _) | (_, Err(error)) => {
                    // What is known serves on.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no look at the runner's address"
                    );
                }
                (Ok(_), Ok(None)) => {}
            }
            let known = !self.installation().runner_ca.is_empty();
            tell(known);
            tokio::time::sleep(if known { LOOK } else { SOON }).await;
        }
    }
}

impl<W: Watcher + 'static, T: Tracer + 'static> Surroundings for Cluster<W, T> {
    type Records = ClusterRecords;
    type Views = ClusterViews;
    type Owners = ClusterOwners;
    type Clock = SystemClock;
    type Tracer = T;
    type Watcher = W;

    fn installation(&self) -> Arc<Installation> {
        Arc::clone(&self.installation.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn records(&self) -> &ClusterRecords {
        &self.records
    }

    fn views(&self) -> &ClusterViews {
        &self.views
    }

    fn owners(&self) -> &ClusterOwners {
        &self.owners
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn tracer(&self) -> &T {
        &self.tracer
    }

    fn watcher(&self) -> &W {
        &self.watcher
    }
}
