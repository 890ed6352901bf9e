//! What an admission asks of this machine: the one namespace, with the stack in it.

use std::sync::{Arc, PoisonError};

use sandbind_core::{api::instance::Owner, binding::View, inject::Installation};
use sandbind_engine::{
    admission::ports::{Owners, Surroundings, Unwatched, Views},
    ports::Answer,
    trace::Untraced,
};

use crate::{catalog::LocalCatalog, clock::LocalClock, records::LocalRecords, world::LocalWorld};

impl Views for LocalCatalog {
    async fn fresh(&self, namespace: &str, sandbox: &str) -> Answer<Option<View>> {
        Ok(self.cached(namespace, sandbox))
    }

    fn cached(&self, namespace: &str, _sandbox: &str) -> Option<View> {
        let view = self.view();
        (view.namespace.name == namespace).then(|| view.clone())
    }
}

/// Here nothing controls a pod.
impl Owners for LocalCatalog {
    async fn controller(&self, _namespace: &str, _object: &Owner) -> Answer<Option<Owner>> {
        Ok(None)
    }
}

impl Surroundings for LocalWorld {
    type Records = LocalRecords;
    type Views = LocalCatalog;
    type Owners = LocalCatalog;
    type Clock = LocalClock;
    type Tracer = Untraced;
    type Watcher = Unwatched;

    fn installation(&self) -> Arc<Installation> {
        self.installation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn records(&self) -> &LocalRecords {
        &self.records
    }
    fn views(&self) -> &LocalCatalog {
        &self.catalog
    }
    fn owners(&self) -> &LocalCatalog {
        &self.catalog
    }
    fn clock(&self) -> &LocalClock {
        &self.clock
    }
    fn tracer(&self) -> &Untraced {
        &self.untraced
    }
    fn watcher(&self) -> &Unwatched {
        &self.unwatched
    }
}
