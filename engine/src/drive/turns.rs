//! Whose turn it is to create, when a plugin allows only so many at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sandbind_core::{
    api::{instance::Phase, plugin::DEFAULT_CONCURRENCY},
    lifecycle::{fairness, record::Record},
};

use crate::ports::{Catalog, Records, World};

/// Places for creating, by what the caches say and by what was given here. Two drivers may overstep a limit by a few; nothing
/// rests on it.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    creating: BTreeSet<String>,
    waiting: BTreeSet<String>,
    /// Turns, and the records as they were when the turn was given: a cache may not know them yet.
    given: BTreeMap<String, Arc<Record>>,
    freed: bool,
}

impl Turns {
    /// Whether this record may begin (or has begun) creating. A turn is given once: the question is answered and the answer kept
    /// under one lock, and it counts until the record stands elsewhere.
    pub(super) fn may_start<W: World>(&self, world: &W, record: &Record) -> bool {
        let limit =
            |identity: &str| world.catalog().limits(identity).concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        let cached = world.records().hint_all();
        let mut state = self.lock();
        let may = {
            let given = &state.given;
            let others = cached
                .iter()
                .filter(|other| !given.contains_key(&other.name))
                .chain(given.values())
                .map(Arc::as_ref)
                .filter(|other| other.name != record.name);
            fairness::may_start(others.chain([record]), |name| given.contains_key(name), limit)
                .contains(&record.name)
        };
        if may {
            state.waiting.remove(&record.name);
            state.given.insert(record.name.clone(), Arc::new(record.clone()));
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
            state.given.remove(name);
        }
    }

    /// Forgets what was given: another driver gives turns now.
    pub(super) fn forget(&self) {
        self.lock().given.clear();
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

#[cfg(test)]
mod tests;
