//! Whose turn it is to create, when a plugin allows only so many at once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sandbind_core::{
    api::{instance::Phase, plugin::DEFAULT_CONCURRENCY},
    lifecycle::{fairness, record::Record},
};

use crate::ports::{Catalog, Records, World};

/// Places for creating, by what the caches say. Two drivers, or a late cache, may overstep a limit by a few; nothing rests on it.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    creating: BTreeSet<String>,
    waiting: BTreeSet<String>,
    freed: bool,
}

impl Turns {
    /// Whether this record may begin (or has begun) creating.
    pub(super) fn may_start<W: World>(&self, world: &W, record: &Record) -> bool {
        let others = world.records().hint_all();
        let others = others.iter().map(Arc::as_ref).filter(|other| other.name != record.name);
        let limit =
            |identity: &str| world.catalog().limits(identity).concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        let may = fairness::may_start(others.chain([record]), limit).contains(&record.name);
        let mut state = self.lock();
        if may {
            state.waiting.remove(&record.name);
        } else {
            state.waiting.insert(record.name.clone());
        }
        may
    }

    /// Takes note of how a record stands.
    pub(super) fn stands(&self, name: &str, record: Option<&Record>) {
        let mut state = self.lock();
        if record.is_some_and(|record| record.status.phase == Phase::Creating) {
            state.creating.insert(name.to_owned());
        } else {
            state.freed |= state.creating.remove(name);
            state.waiting.remove(name);
        }
    }

    /// The records that wait for a place, if one has become free since the last question.
    pub(super) fn called(&self) -> Vec<String> {
        let mut state = self.lock();
        if std::mem::take(&mut state.freed) { state.waiting.iter().cloned().collect() } else { Vec::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
