//! Who uses the resources of a run: its command, or what stands for a pod.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sandbind_core::lifecycle::{
    observed::{Evidence, Use},
    record::Record,
    reserve::ALL_KEYS,
};
use sandbind_engine::{
    drive::Hints,
    ports::{Answer, Usage},
};
use sandbind_wire::message::PodBindings;

/// One user.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name, for people.
    pub name: String,
    /// What it says who it is by, where it calls the runner.
    pub token: Option<String>,
    /// What it uses.
    pub bindings: PodBindings,
}

/// All users of a run by id. This process starts and ends them, so it always knows.
#[derive(Debug)]
pub struct Users {
    hints: Hints,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    users: BTreeMap<String, User>,
    seen: BTreeSet<String>,
}

impl Users {
    pub(crate) fn new(hints: Hints) -> Self {
        Self { hints, state: Mutex::default() }
    }

    /// This user is there.
    pub fn enter(&self, id: &str, user: User) {
        let bindings = user.bindings.clone();
        {
            let mut state = self.state();
            state.seen.extend(bindings.resources.iter().map(|resource| resource.reservation.clone()));
            state.users.insert(id.to_owned(), user);
        }
        self.wake(&bindings);
    }

    /// Whoever this reservation was made for has come, or never will.
    pub fn see(&self, reservation: &str) {
        self.state().seen.insert(reservation.to_owned());
    }

    /// This user is gone.
    pub fn leave(&self, id: &str) {
        let gone = self.state().users.remove(id);
        if let Some(user) = gone {
            self.wake(&user.bindings);
        }
    }

    /// The user of this token, with its id.
    pub(crate) fn by_token(&self, token: &str) -> Option<(String, User)> {
        let state = self.state();
        let found = state.users.iter().find(|(_, user)| user.token.as_deref() == Some(token));
        found.map(|(id, user)| (id.clone(), user.clone()))
    }

    /// What the user of this id is bound to.
    pub(crate) fn bindings(&self, id: &str) -> Option<PodBindings> {
        self.state().users.get(id).map(|user| user.bindings.clone())
    }

    fn wake(&self, bindings: &PodBindings) {
        for resource in &bindings.resources {
            self.hints.wake(&resource.instance);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Usage for Users {
    fn hint(&self, record: &Record) -> Use {
        let state = self.state();
        let uses = |user: &&User| {
            user.bindings.resources.iter().any(|bound| bound.incarnation == record.spec.incarnation)
        };
        let names: Vec<String> =
            state.users.values().filter(uses).map(|user| user.name.clone()).take(3).collect();
        let count = state.users.values().filter(uses).count();
        let evidence = if count == 0 { Vec::new() } else { vec![Evidence::Pods { count, names }] };
        Use { seen: state.seen.clone(), evidence, ..Use::default() }
    }

    async fn prove(&self, record: &Record) -> Answer<Use> {
        Ok(self.hint(record))
    }

    fn promised(&self, record: &Record) -> BTreeSet<String> {
        let state = self.state();
        let bound = state.users.values().flat_map(|user| &user.bindings.resources);
        let mut keys = BTreeSet::new();
        for bound in bound.filter(|bound| bound.incarnation == record.spec.incarnation) {
            keys.extend(bound.env_keys.iter().cloned());
            for folder in &bound.folders {
                keys.extend(folder.items.iter().map(|item| item.key.clone()));
                if folder.items.is_empty() {
                    keys.insert(ALL_KEYS.to_owned());
                }
            }
        }
        keys
    }
}
