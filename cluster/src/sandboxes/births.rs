//! `limits.perNamespace` while records are being prepared that no cache shows yet: hundreds of Sandboxes may come at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sandbind_core::{binding::View, identity, sandbox::Preparation};

use super::sight::Sight;

/// How long a record may take to appear in the cache.
const UNSEEN: Duration = Duration::from_secs(10);

/// Records that were just made, by name.
#[derive(Debug, Default)]
pub(super) struct Births(Mutex<BTreeMap<String, Birth>>);

#[derive(Debug)]
struct Birth {
    namespace_uid: String,
    sandbox: String,
    identity: String,
    since: Instant,
}

impl Births {
    /// Those that the caches show count there.
    pub(super) fn seen(&self, sight: &Sight<'_>) {
        let mut births = self.lock();
        if !births.is_empty() {
            let names = sight.names();
            births.retain(|name, birth| birth.since.elapsed() < UNSEEN && !names.contains(name.as_str()));
        }
    }

    /// The view of a sandbox with those of others counted that are not in it yet. Its own are asked for again where they failed.
    pub(super) fn count(&self, sandbox: &str, mut view: View) -> View {
        let others = |birth: &&Birth| birth.namespace_uid == view.namespace.uid && birth.sandbox != sandbox;
        for birth in self.lock().values().filter(others) {
            *Arc::make_mut(&mut view.counts).entry(birth.identity.clone()).or_default() += 1;
        }
        view
    }

    /// One is about to be made.
    pub(super) fn begin(&self, preparation: &Preparation) {
        let birth = Birth {
            namespace_uid: preparation.key.namespace_uid.clone(),
            sandbox: preparation.key.sandbox.clone(),
            identity: preparation.identity.clone(),
            since: Instant::now(),
        };
        self.lock().insert(identity::instance_name(&preparation.key), birth);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Birth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
