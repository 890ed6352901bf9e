//! What admissions remember of the live objects: for reads that take too long, and to parse what has not changed only once.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{LimitRange, Namespace as NamespaceObject};
use kube::{Api, Client};
use sandbind_core::{
    api::{ResourceBinding, ResourceInstance, ResourcePlugin, Sandbox},
    binding::{Binding, Bounds, Namespace, Plugins},
    lifecycle::record::Record,
};

use crate::{
    mirror::{Key, Mirror, keep},
    records::record,
};

/// Copies of everything that decides an admission.
#[derive(Debug, Default)]
pub(super) struct Caches {
    pub(super) namespaces: Mirror<Namespace>,
    pub(super) bindings: Mirror<Parsed>,
    pub(super) plugins: Mirror<ResourcePlugin>,
    pub(super) sandboxes: Mirror<Sandbox>,
    pub(super) bounds: Mirror<LimitRange>,
    pub(super) records: Arc<Mirror<Record>>,
    pub(super) system_namespace: String,
}

/// A binding of one revision, with what follows from it.
#[derive(Debug)]
pub(super) struct Parsed {
    uid: Option<String>,
    version: Option<String>,
    pub(super) binding: Arc<Binding>,
}

impl PartialEq for Parsed {
    fn eq(&self, other: &Self) -> bool {
        (&self.uid, &self.version) == (&other.uid, &other.version)
    }
}

impl Parsed {
    fn new(object: ResourceBinding, system_namespace: &str) -> Self {
        Self {
            uid: object.metadata.uid.clone(),
            version: object.metadata.resource_version.clone(),
            binding: Arc::new(Binding::new(object, system_namespace)),
        }
    }
}

impl Caches {
    pub(super) fn new(system_namespace: &str) -> Self {
        Self { system_namespace: system_namespace.to_owned(), ..Self::default() }
    }

    /// Keeps them true for as long as it is polled.
    pub(super) async fn keep(&self, client: &Client) {
        let system = &*self.system_namespace;
        let quiet = |_: crate::mirror::Change<'_, _>| {};
        tokio::join!(
            keep::<NamespaceObject, _>(
                &self.namespaces,
                Api::all(client.clone()),
                None,
                None,
                |object| Some(Namespace::from(object)),
                |_| {}
            ),
            keep::<ResourceBinding, _>(
                &self.bindings,
                Api::all(client.clone()),
                None,
                None,
                |object| Some(Parsed::new(object, system)),
                |_| {}
            ),
            keep::<ResourcePlugin, _>(&self.plugins, Api::all(client.clone()), None, None, Some, |_| {}),
            keep::<Sandbox, _>(&self.sandboxes, Api::all(client.clone()), None, None, Some, |_| {}),
            keep::<LimitRange, _>(&self.bounds, Api::all(client.clone()), None, None, Some, |_| {}),
            keep::<ResourceInstance, _>(
                &self.records,
                Api::namespaced(client.clone(), system),
                None,
                Some(system),
                |object| match record(object) {
                    Ok(record) => Some(record),
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "a record is left alone");
                        None
                    }
                },
                quiet
            ),
        );
    }

    /// Resolves when all have been listed once.
    pub(super) async fn synced(&self) {
        tokio::join!(
            self.namespaces.synced(),
            self.bindings.synced(),
            self.plugins.synced(),
            self.sandboxes.synced(),
            self.bounds.synced(),
            self.records.synced(),
        );
    }

    pub(super) fn are_synced(&self) -> bool {
        self.namespaces.is_synced()
            && self.bindings.is_synced()
            && self.plugins.is_synced()
            && self.sandboxes.is_synced()
            && self.bounds.is_synced()
            && self.records.is_synced()
    }

    /// The binding that an object is, parsed anew only when it is of a revision that is not known.
    pub(super) fn binding(&self, object: ResourceBinding) -> Arc<Binding> {
        let metadata = &object.metadata;
        let key = Key::new(
            metadata.namespace.clone().unwrap_or_default(),
            metadata.name.clone().unwrap_or_default(),
        );
        let known = self
            .bindings
            .get(&key)
            .filter(|known| known.uid == metadata.uid && known.version == metadata.resource_version);
        match known {
            Some(known) => Arc::clone(&known.binding),
            None => Parsed::new(object, &self.system_namespace).binding,
        }
    }

    /// The bindings of the namespace and of the system namespace.
    pub(super) fn bindings_of(&self, namespace: &str) -> Vec<Arc<Binding>> {
        let all = self.bindings.all().into_iter().map(|parsed| Arc::clone(&parsed.binding));
        all.filter(|binding| binding.namespace == namespace || binding.in_system).collect()
    }

    /// LimitRanges change rarely and only size the sidecar: a copy that is behind costs at most a refused pod.
    pub(super) fn bounds_of(&self, namespace: &str) -> Bounds {
        let ranges = self.bounds.all();
        Bounds::of(
            ranges
                .iter()
                .filter(|range| range.metadata.namespace.as_deref() == Some(namespace))
                .map(Arc::as_ref),
        )
    }

    pub(super) fn all_plugins(&self) -> Arc<Plugins> {
        Arc::new(Plugins::new(self.plugins.all()))
    }
}
