//! Records in the run's file. Only this process writes it, so what it remembers is always as new as the file.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sandbind_core::{
    api::instance::{ResourceInstanceSpec, ResourceInstanceStatus},
    lifecycle::record::{Orders, Record},
};
use sandbind_engine::{
    drive::Hints,
    ports::{Answer, PortError, Records},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::store::{Store, StoreError};

const PREFIX: &str = "record/";

/// A record as it stands in the file.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    uid: String,
    version: u64,
    spec: ResourceInstanceSpec,
    status: ResourceInstanceStatus,
}

/// The records of one run.
#[derive(Debug)]
pub struct LocalRecords {
    store: Store,
    hints: Hints,
    known: Mutex<BTreeMap<String, Arc<Record>>>,
    /// One writer at a time.
    writing: tokio::sync::Mutex<u64>,
    changes: watch::Sender<u64>,
}

impl LocalRecords {
    /// Those of the file; `hints` hear of every change.
    pub(crate) fn load(store: Store, hints: Hints) -> Result<Self, StoreError> {
        let records = all(&store)?;
        let newest =
            records.iter().filter_map(|record| record.version.parse().ok()).max().unwrap_or_default();
        let known = records.into_iter().map(|record| (record.name.clone(), Arc::new(record)));
        Ok(Self {
            store,
            hints,
            known: Mutex::new(known.collect()),
            writing: tokio::sync::Mutex::new(newest),
            changes: watch::Sender::new(0),
        })
    }

    /// Changes its value with every change of any record.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Delete steps that wait for their next try are to be tried at once; `token` is any new one.
    pub fn delete_now(&self, token: &str) {
        let mut known = self.known();
        for record in known.values_mut() {
            Arc::make_mut(record).orders.delete_now = Some(token.to_owned());
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Record>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed_now(&self, name: &str) {
        self.changes.send_modify(|changes| *changes += 1);
        self.hints.wake(name);
    }

    async fn put(&self, record: Record, newest: &mut u64) -> Answer<Record> {
        let orders = record.orders.clone();
        let version = *newest + 1;
        let Record { name, uid, spec, status, .. } = record;
        let stored = Stored { uid, version, spec, status };
        let (key, kept) = (format!("{PREFIX}{name}"), stored.clone());
        self.store.write("writing a record", move |batch| batch.put(&key, &kept)).await?;
        *newest = version;
        let record = Record { orders, ..read(name.clone(), stored) };
        self.known().insert(name.clone(), Arc::new(record.clone()));
        self.changed_now(&name);
        Ok(record)
    }

    fn is_current(&self, record: &Record) -> bool {
        let known = self.known();
        let now = known.get(&record.name);
        now.is_some_and(|now| (&now.uid, &now.version) == (&record.uid, &record.version))
    }
}

impl Records for LocalRecords {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.known().values().cloned().collect()
    }

    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        self.known().get(name).cloned()
    }

    async fn read(&self, name: &str) -> Answer<Option<Record>> {
        Ok(self.hint(name).map(|record| (*record).clone()))
    }

    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> Answer<Record> {
        let mut newest = self.writing.lock().await;
        if self.known().contains_key(name) {
            return Err(PortError::Exists { what: name.to_owned() });
        }
        let uid = crate::clock::id().map_err(|error| PortError::failed("creating a record", error))?;
        let orders = Orders::default();
        let record = Record {
            name: name.to_owned(),
            uid,
            version: String::new(),
            deleting: false,
            orders,
            spec,
            status,
        };
        self.put(record, &mut newest).await
    }

    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> Answer<Record> {
        let mut newest = self.writing.lock().await;
        if !self.is_current(record) {
            return Err(PortError::Conflict { what: record.name.clone() });
        }
        self.put(Record { status, ..record.clone() }, &mut newest).await
    }

    async fn remove(&self, record: &Record) -> Answer<()> {
        let _one_writer = self.writing.lock().await;
        if !self.known().contains_key(&record.name) {
            return Ok(());
        }
        if !self.is_current(record) {
            return Err(PortError::Conflict { what: record.name.clone() });
        }
        let (key, values) = (format!("{PREFIX}{}", record.name), crate::values::prefix(record));
        let remove = move |batch: &mut crate::store::Batch<'_>| {
            batch.remove(&key)?;
            batch.drop_all(&values)
        };
        self.store.write("removing a record", remove).await?;
        self.known().remove(&record.name);
        self.changed_now(&record.name);
        Ok(())
    }

    async fn ledger(&self, record: &Record, reason: &str) -> Answer<()> {
        let (key, reason) = (format!("ledger/{}", record.spec.incarnation), reason.to_owned());
        self.store.write("writing the ledger", move |batch| batch.put(&key, &reason)).await
    }

    async fn changed(&self, name: &str, version: &str) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let now = self.hint(name).map(|record| record.version.clone()).unwrap_or_default();
            if now != version || changes.changed().await.is_err() {
                return;
            }
        }
    }
}

/// All records of a file, by name.
pub(crate) fn all(store: &Store) -> Result<Vec<Record>, StoreError> {
    let broken = |source| StoreError::Broken { path: "records".to_owned(), source };
    let stored: Vec<(String, Stored)> = store.all(PREFIX).map_err(broken)?;
    Ok(stored.into_iter().map(|(name, stored)| read(name, stored)).collect())
}

fn read(name: String, stored: Stored) -> Record {
    let Stored { uid, version, spec, status } = stored;
    let orders = Orders::default();
    Record { name, uid, version: version.to_string(), deleting: false, orders, spec, status }
}

#[cfg(test)]
mod tests;
