//! Pods by the incarnations they use. It may be behind; proofs are made by listings.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::PodFacts;
use crate::mirror::{Change, Key};

/// Incarnations with vanished pods before those whose time is over are looked for.
const MANY: usize = 1_000;

/// A pod whose object went without anything that says its processes have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// The pod.
    pub key: Key,
    /// Its node.
    pub node: Option<String>,
    /// When this program noticed.
    pub at: Instant,
}

/// Pods by incarnation.
#[derive(Debug)]
pub struct PodIndex {
    /// How long a vanished pod counts.
    zombie: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Pods by incarnation.
    users: HashMap<String, BTreeMap<Key, Arc<PodFacts>>>,
    /// Reservations whose pod was ever seen, by incarnation.
    seen: HashMap<String, BTreeSet<String>>,
    /// Pods that vanished, by incarnation and UID.
    vanished: HashMap<String, BTreeMap<String, Vanished>>,
}

impl PodIndex {
    /// Empty; a vanished pod counts for `zombie`.
    pub fn new(zombie: Duration) -> Self {
        Self { zombie, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take in what a watch told.
    pub fn apply(&self, change: &Change<'_, PodFacts>) {
        let mut state = self.state();
        let replaced = match (change.before, change.after) {
            (Some(before), Some(after)) => before.uid != after.uid,
            (Some(_), None) => true,
            _ => false,
        };
        if let Some(before) = change.before {
            state.remove(before);
            if replaced && !before.still {
                state.vanish(before, self.zombie);
            }
        }
        if let Some(after) = change.after {
            state.add(after);
        }
    }

    /// Pods that use an incarnation.
    pub fn users(&self, incarnation: &str) -> Vec<Arc<PodFacts>> {
        self.state().users.get(incarnation).map(|pods| pods.values().cloned().collect()).unwrap_or_default()
    }

    /// Reservations of an incarnation whose pod was ever seen, of those that are `open` and those of pods that are there. The others
    /// are forgotten: nobody asks for them again.
    pub fn seen(&self, incarnation: &str, open: &BTreeSet<&str>) -> BTreeSet<String> {
        let mut state = self.state();
        let State { users, seen, .. } = &mut *state;
        let Some(seen) = seen.get_mut(incarnation) else { return BTreeSet::new() };
        let pods = users.get(incarnation).into_iter().flat_map(BTreeMap::values);
        let there: BTreeSet<&str> =
            pods.filter_map(|pod| Some(&*pod.uses(incarnation)?.reservation)).collect();
        seen.retain(|id| open.contains(&**id) || there.contains(&**id));
        seen.clone()
    }

    /// Note what a listing has seen of an incarnation.
    pub fn saw(&self, incarnation: &str, reservations: impl IntoIterator<Item = String>) {
        let mut reservations = reservations.into_iter().peekable();
        if reservations.peek().is_some() {
            self.state().seen.entry(incarnation.to_owned()).or_default().extend(reservations);
        }
    }

    /// Pods of an incarnation that vanished and still count.
    pub fn vanished(&self, incarnation: &str) -> Vec<Vanished> {
        let mut state = self.state();
        let Some(vanished) = state.vanished.get_mut(incarnation) else { return Vec::new() };
        vanished.retain(|_, one| one.at.elapsed() < self.zombie);
        vanished.values().cloned().collect()
    }

    /// How long a vanished pod counts.
    pub fn zombie(&self) -> Duration {
        self.zombie
    }

    /// The node of a vanished pod is gone, and the pod's processes with it.
    pub fn proven_gone(&self, incarnation: &str, key: &Key) {
        if let Some(vanished) = self.state().vanished.get_mut(incarnation) {
            vanished.retain(|_, one| one.key != *key);
        }
    }

    /// The record is gone: nothing of its incarnation is of interest any more.
    pub fn forget(&self, incarnation: &str) {
        let mut state = self.state();
        state.seen.remove(incarnation);
        state.vanished.remove(incarnation);
    }

    /// A pod of an incarnation without a record is gone: if it was the last one, nobody asks what was seen. That pods vanished stays
    /// for its time: the record may only not be known yet.
    pub fn forget_seen(&self, incarnation: &str) {
        let mut state = self.state();
        if !state.users.contains_key(incarnation) {
            state.seen.remove(incarnation);
        }
    }
}

impl State {
    fn add(&mut self, pod: &Arc<PodFacts>) {
        for resource in pod.bindings.iter().flat_map(|bindings| &bindings.resources) {
            let incarnation = &resource.incarnation;
            self.users.entry(incarnation.clone()).or_default().insert(pod.key.clone(), pod.clone());
            self.seen.entry(incarnation.clone()).or_default().insert(resource.reservation.clone());
        }
    }

    fn remove(&mut self, pod: &PodFacts) {
        for resource in pod.bindings.iter().flat_map(|bindings| &bindings.resources) {
            if let Some(pods) = self.users.get_mut(&resource.incarnation) {
                pods.remove(&pod.key);
                if pods.is_empty() {
                    self.users.remove(&resource.incarnation);
                }
            }
        }
    }

    fn vanish(&mut self, pod: &PodFacts, zombie: Duration) {
        let at = Instant::now();
        if self.vanished.len() > MANY {
            // Incarnations whose record went before their pods did are asked for by nobody.
            self.vanished.retain(|_, all| all.values().any(|one| one.at.elapsed() < zombie));
        }
        for resource in pod.bindings.iter().flat_map(|bindings| &bindings.resources) {
            let one = Vanished { key: pod.key.clone(), node: pod.node.clone(), at };
            self.vanished.entry(resource.incarnation.clone()).or_default().insert(pod.uid.clone(), one);
        }
    }
}
