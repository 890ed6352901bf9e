//! All sandboxes as of the caches, put together once for many looks.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use sandbind_core::{
    binding::{self, Binding, Namespace, Plugins, View},
    lifecycle::record::Record,
    sandbox::SeenPod,
};
use sandbind_wire::name;

use super::touched::Touches;
use crate::{mirror::Key, pods::PodFacts, watch::Watches};

/// The caches at one moment.
pub(crate) struct Sight<'w> {
    watches: &'w Watches,
    records: HashMap<Key, Vec<Arc<Record>>>,
    pods: HashMap<Key, Vec<SeenPod>>,
    plugins: Arc<Plugins>,
    /// Views without a Sandbox, by namespace.
    views: Mutex<HashMap<String, Arc<View>>>,
}

impl<'w> Sight<'w> {
    pub(crate) fn new(watches: &'w Watches) -> Self {
        let mut records: HashMap<Key, Vec<Arc<Record>>> = HashMap::new();
        for record in watches.records.all() {
            let key = Key::new(&*record.spec.key.namespace, &*record.spec.key.sandbox);
            records.entry(key).or_default().push(record);
        }
        let mut pods: HashMap<Key, Vec<SeenPod>> = HashMap::new();
        for pod in watches.pod_facts.all() {
            pods.entry(Key::new(&*pod.key.namespace, &*pod.sandbox)).or_default().push(seen(&pod));
        }
        let plugins = Arc::new(Plugins::new(watches.plugins.all()));
        Self { watches, records, pods, plugins, views: Mutex::default() }
    }

    /// Names of all records.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.records.values().flatten().map(|record| record.name.as_str()).collect()
    }

    /// The sandboxes that touches are about.
    pub(super) fn about(&self, touches: &Touches) -> BTreeSet<Key> {
        let mut keys = touches.sandboxes.clone();
        if touches.all || !touches.namespaces.is_empty() {
            let sandboxes = self.watches.sandboxes.all();
            let named = sandboxes.iter().filter_map(|sandbox| {
                Some(Key::new(sandbox.metadata.namespace.clone()?, sandbox.metadata.name.clone()?))
            });
            let known = named.chain(self.records.keys().cloned());
            keys.extend(known.filter(|key| touches.all || touches.namespaces.contains(&key.namespace)));
        }
        keys
    }

    /// What the objects around a sandbox say (one without a name is none). None: its namespace is gone.
    pub(crate) fn view(&self, key: &Key) -> Option<View> {
        let view = {
            let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(view) = views.get(&key.namespace) {
                view.clone()
            } else {
                let view = Arc::new(self.of_namespace(&key.namespace)?);
                views.insert(key.namespace.clone(), view.clone());
                view
            }
        };
        Some(View { sandbox: self.watches.sandboxes.get(key), ..(*view).clone() })
    }

    /// The records of a sandbox. Those of an earlier namespace of the same name are nothing to it.
    pub(super) fn records(&self, key: &Key, view: &View) -> Vec<Arc<Record>> {
        let all = self.records.get(key).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|record| record.spec.key.namespace_uid == view.namespace.uid).cloned().collect()
    }

    /// Its pods.
    pub(super) fn pods(&self, key: &Key) -> &[SeenPod] {
        self.pods.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    fn of_namespace(&self, name: &str) -> Option<View> {
        let facts = self.watches.namespaces.get(&Key::new("", name))?;
        let unmatched = facts.unmatched.clone().map(|value| (name::ANNOTATION_UNMATCHED.to_owned(), value));
        let namespace = Namespace {
            name: facts.name.clone(),
            uid: facts.uid.clone(),
            labels: facts.labels.clone(),
            annotations: unmatched.into_iter().collect(),
            terminating: facts.deleting,
        };
        let system = self.watches.system_namespace();
        let bindings = self.watches.bindings.all().into_iter().filter(|object| {
            object.metadata.namespace.as_deref().is_some_and(|one| one == name || one == system)
        });
        let view = View {
            namespace: Arc::new(namespace),
            bindings: bindings.map(|object| Arc::new(Binding::new((*object).clone(), system))).collect(),
            plugins: self.plugins.clone(),
            ..View::default()
        };
        let counts = Arc::new(self.counts(&view));
        Some(View { counts, ..view })
    }

    /// Records of a namespace per plugin. One that is pinned to nothing yet counts for what it would be pinned to.
    fn counts(&self, view: &View) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let all = self.records.values().flatten();
        for record in all.filter(|record| record.spec.key.namespace_uid == view.namespace.uid) {
            let identity = match &record.status.plugin {
                Some(pinned) => Some(pinned.identity.clone()),
                None => binding::plan_key(view, &record.spec.key, record.spec.workload.as_deref())
                    .ok()
                    .map(|snapshot| snapshot.identity),
            };
            if let Some(identity) = identity {
                *counts.entry(identity).or_default() += 1;
            }
        }
        counts
    }
}

fn seen(pod: &PodFacts) -> SeenPod {
    let bindings = pod.bindings.as_ref();
    SeenPod {
        name: pod.key.name.clone(),
        uid: pod.uid.clone(),
        uses: bindings.iter().flat_map(|one| &one.resources).map(|one| one.incarnation.clone()).collect(),
        sidecar_since: pod.sidecar_since,
        injected: bindings.is_some(),
        gated: bindings.is_some_and(|bindings| bindings.resources.iter().any(|resource| resource.gated)),
        open: pod.open,
        finished: pod.finished,
        deleting: pod.deleting,
    }
}
