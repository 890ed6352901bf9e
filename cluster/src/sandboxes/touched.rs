//! Which sandboxes are worth a look: a set, so that a storm of changes is one look.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::mirror::Key;

/// What has changed since the last look. Never needed for correctness: everything is looked at every few minutes.
#[derive(Debug, Default)]
pub struct Touched {
    state: Mutex<Touches>,
    notify: Notify,
}

/// What was touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    /// These sandboxes, by namespace and name.
    pub sandboxes: BTreeSet<Key>,
    /// All sandboxes of these namespaces.
    pub namespaces: BTreeSet<String>,
    /// All sandboxes.
    pub all: bool,
}

impl Touched {
    /// One sandbox.
    pub fn sandbox(&self, namespace: &str, sandbox: &str) {
        // Pods and records without a sandbox have none to look at.
        if !sandbox.is_empty() {
            self.state().sandboxes.insert(Key::new(namespace, sandbox));
            self.notify.notify_one();
        }
    }

    /// All sandboxes of a namespace.
    pub fn namespace(&self, namespace: &str) {
        self.state().namespaces.insert(namespace.to_owned());
        self.notify.notify_one();
    }

    /// All sandboxes.
    pub fn all(&self) {
        self.state().all = true;
        self.notify.notify_one();
    }

    /// Resolves when something was touched; nothing is taken. For one waiter.
    pub async fn touched(&self) {
        while *self.state() == Touches::default() {
            self.notify.notified().await;
        }
    }

    /// What was touched since the last time.
    pub fn take(&self) -> Touches {
        std::mem::take(&mut self.state())
    }

    fn state(&self) -> MutexGuard<'_, Touches> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
