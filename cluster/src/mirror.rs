//! A copy of some objects of the API server, kept true by a paged listing and a watch. It may be behind; it decides nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use futures::{Stream, StreamExt};
use kube::{
    Api, Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// Namespace (empty for cluster-scoped objects) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of an object.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    fn of(object: &impl ResourceExt) -> Self {
        Self::new(object.namespace().unwrap_or_default(), object.name_any())
    }
}

/// What happened to one object. At least one side is there; both differ.
#[derive(Debug)]
pub struct Change<'a, V> {
    /// Which object.
    pub key: &'a Key,
    /// What was known of it.
    pub before: Option<&'a Arc<V>>,
    /// What is known now; none: gone, or no longer selected.
    pub after: Option<&'a Arc<V>>,
}

/// The copy: of each object only what `V` keeps.
#[derive(Debug)]
pub struct Mirror<V> {
    objects: RwLock<BTreeMap<Key, Arc<V>>>,
    /// How many streams fill it, each with a scope of its own.
    parts: usize,
    /// The scopes whose first listing is in.
    synced: watch::Sender<BTreeSet<String>>,
    waiting: Mutex<HashMap<Key, watch::Sender<()>>>,
}

impl<V> Default for Mirror<V> {
    fn default() -> Self {
        Self::in_parts(1)
    }
}

impl<V> Mirror<V> {
    /// Filled by so many streams, each with a scope of its own.
    pub fn in_parts(parts: usize) -> Self {
        let synced = watch::Sender::new(BTreeSet::new());
        Self { objects: RwLock::default(), parts, synced, waiting: Mutex::default() }
    }
}

impl<V: PartialEq> Mirror<V> {
    /// One object.
    pub fn get(&self, key: &Key) -> Option<Arc<V>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// All objects.
    pub fn all(&self) -> Vec<Arc<V>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a first full listing is in.
    pub fn is_synced(&self) -> bool {
        self.synced.borrow().len() >= self.parts
    }

    /// Resolves when a first full listing is in.
    pub async fn synced(&self) {
        // The sender lives as long as self, so waiting cannot fail.
        let _ = self.synced.subscribe().wait_for(|scopes| scopes.len() >= self.parts).await;
    }

    /// Resolves when `test` holds for what is known of the object (at once, if it does).
    pub async fn until(&self, key: &Key, test: impl Fn(Option<&V>) -> bool) {
        let mut changes = self.waiting().entry(key.clone()).or_default().subscribe();
        while !test(self.get(key).as_deref()) {
            if changes.changed().await.is_err() {
                // The entry was swept between two waits: take a new one.
                changes = self.waiting().entry(key.clone()).or_default().subscribe();
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: &Key, value: Option<V>, on_change: &impl Fn(Change<'_, V>)) {
        let after = value.map(Arc::new);
        let before = {
            let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
            match &after {
                Some(value) => objects.insert(key.clone(), value.clone()),
                None => objects.remove(key),
            }
        };
        if before == after {
            return;
        }
        on_change(Change { key, before: before.as_ref(), after: after.as_ref() });
        let mut waiting = self.waiting();
        if let Some(sender) = waiting.get(key) {
            sender.send_replace(());
        }
        if waiting.len() > 256 {
            waiting.retain(|_, sender| sender.receiver_count() > 0);
        }
    }

    /// Follow a stream of watch events for as long as it lasts. `scope`: the namespace that the stream covers, when it is not all
    /// that this mirror holds. After a new listing the objects that are not in it are gone: no event says so.
    async fn follow<K: ResourceExt>(
        &self,
        scope: Option<&str>,
        events: impl Stream<Item = watcher::Result<Event<K>>>,
        convert: impl Fn(K) -> Option<V>,
        on_change: impl Fn(Change<'_, V>),
    ) {
        let mut events = std::pin::pin!(events);
        let mut listed: Option<BTreeSet<Key>> = None;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = Some(BTreeSet::new()),
                Ok(Event::InitApply(object)) => {
                    let key = Key::of(&object);
                    if let Some(listed) = &mut listed {
                        listed.insert(key.clone());
                    }
                    self.put(&key, convert(object), &on_change);
                }
                Ok(Event::InitDone) => {
                    for key in self.missing(scope, &listed.take().unwrap_or_default()) {
                        self.put(&key, None, &on_change);
                    }
                    let scope = scope.unwrap_or_default();
                    self.synced.send_if_modified(|scopes| scopes.insert(scope.to_owned()));
                }
                Ok(Event::Apply(object)) => self.put(&Key::of(&object), convert(object), &on_change),
                Ok(Event::Delete(object)) => {
                    let key = Key::of(&object);
                    // The last state first: it says how the object ended.
                    self.put(&key, convert(object), &on_change);
                    self.put(&key, None, &on_change);
                }
                // The error may carry what the server said, never an object.
                Err(error) => tracing::warn!(error = %error, "a watch broke off; it will be taken up again"),
            }
        }
    }

    fn missing(&self, scope: Option<&str>, listed: &BTreeSet<Key>) -> Vec<Key> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let ours = |key: &&Key| scope.is_none_or(|scope| key.namespace == scope);
        objects.keys().filter(ours).filter(|key| !listed.contains(*key)).cloned().collect()
    }
}

/// Keep a mirror true for as long as the future is polled. `convert` answers what to keep of an object, or none to leave it out.
pub async fn keep<K, V>(
    mirror: &Mirror<V>,
    api: Api<DeserializeGuard<K>>,
    selector: Option<&str>,
    scope: Option<&str>,
    convert: impl Fn(K) -> Option<V>,
    on_change: impl Fn(Change<'_, V>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Default,
    V: PartialEq,
{
    let mut config = watcher::Config::default();
    if let Some(selector) = selector {
        config = config.labels(selector);
    }
    let convert = |guarded: DeserializeGuard<K>| match guarded.0 {
        Ok(object) => convert(object),
        Err(invalid) => {
            tracing::warn!(name = ?invalid.metadata.name, "an object has an unexpected form and is left alone");
            None
        }
    };
    mirror.follow(scope, watcher(api, config).default_backoff(), convert, on_change).await;
}

#[cfg(test)]
mod tests;
