//! Records in memory.

use std::sync::Arc;

use sandbind_core::{
    api::instance::{ResourceInstanceSpec, ResourceInstanceStatus},
    lifecycle::record::{Orders, Record},
};

use super::{Program, State, law};
use crate::{
    ports::{Answer, PortError, Records},
    trace::Tracer,
};

impl<T: Tracer + 'static> Records for Program<T> {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.cache().records.values().cloned().collect()
    }

    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        self.cache().records.get(name).cloned()
    }

    async fn read(&self, name: &str) -> Answer<Option<Record>> {
        self.cluster.read("reading a record", |state| state.records.get(name).cloned()).await
    }

    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> Answer<Record> {
        let create = |state: &mut State| {
            if state.records.contains_key(name) {
                return Err(PortError::Exists { what: name.to_owned() });
            }
            let record = Record {
                name: name.to_owned(),
                uid: state.id("record-"),
                version: state.next_version(),
                deleting: false,
                orders: Orders::default(),
                spec,
                status,
            };
            state.records.insert(name.to_owned(), record.clone());
            Ok(record)
        };
        self.cluster.write("creating a record", name, create).await
    }

    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> Answer<Record> {
        let lost = self.cluster.happens(|faults| faults.conflict);
        let commit = |state: &mut State| {
            if lost {
                return Err(conflict(record));
            }
            let version = state.next_version();
            let now = current(state, record)?;
            if let Some(broken) = law::broken(now, &status) {
                let broken = format!("{}: {broken}", record.name);
                state.broken.push(broken.clone());
                return Err(PortError::refused("writing a record", broken));
            }
            now.status = status;
            now.version = version;
            Ok(now.clone())
        };
        self.cluster.write("writing a record", &record.name, commit).await
    }

    async fn remove(&self, record: &Record) -> Answer<()> {
        let half = self.cluster.happens(|faults| faults.silent);
        let remove = |state: &mut State| {
            if !state.records.contains_key(&record.name) {
                return Ok(());
            }
            let version = state.next_version();
            let now = current(state, record)?;
            if half {
                // Marked for deletion, and then the writer was cut off.
                now.deleting = true;
                now.version = version;
                return Err(PortError::failed("removing a record", "cut off half-way"));
            }
            state.records.remove(&record.name);
            state.snapshots.retain(|(uid, _), _| *uid != record.uid);
            state.outputs.retain(|(uid, _), _| *uid != record.uid);
            state.attempts.retain(|(uid, _), _| *uid != record.uid);
            Ok(())
        };
        self.cluster.write("removing a record", &record.name, remove).await
    }

    async fn ledger(&self, record: &Record, reason: &str) -> Answer<()> {
        let write = |state: &mut State| {
            state.ledger.insert(record.spec.incarnation.clone(), reason.to_owned());
            Ok(())
        };
        self.cluster.write("writing the ledger", &record.name, write).await
    }

    async fn changed(&self, name: &str, version: &str) {
        let mut generation = self.cluster.generation.subscribe();
        loop {
            generation.mark_unchanged();
            let now = self.cluster.look().records.get(name).map(|record| record.version.clone());
            if now.as_deref().unwrap_or_default() != version {
                return;
            }
            if generation.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn current<'s>(state: &'s mut State, record: &Record) -> Answer<&'s mut Record> {
    match state.records.get_mut(&record.name) {
        Some(now) if now.uid == record.uid && now.version == record.version => Ok(now),
        _ => Err(conflict(record)),
    }
}

fn conflict(record: &Record) -> PortError {
    PortError::Conflict { what: record.name.clone() }
}
