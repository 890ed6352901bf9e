//! What the live objects say about one namespace and one sandbox. Cheap to put together anew: everything big is shared.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Namespace as NamespaceObject;

use semver::Version;

use super::{bounds::Bounds, declared::Binding};
use crate::{
    api::{ResourcePlugin, Sandbox},
    selector,
    version::{self, PluginRef},
};

/// A tenant's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its UID: part of every key, so that a namespace made anew shares nothing with the old one.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

impl From<NamespaceObject> for Namespace {
    fn from(object: NamespaceObject) -> Self {
        let metadata = object.metadata;
        Self {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            terminating: metadata.deletion_timestamp.is_some(),
        }
    }
}

/// Everything a decision about a pod, or about a new round, needs to know of the live objects.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The namespace.
    pub namespace: Arc<Namespace>,
    /// Its own bindings and those of the system namespace, in any order; those that do not hold here are passed over.
    pub bindings: Vec<Arc<Binding>>,
    /// The Sandbox of that name, if there is one.
    pub sandbox: Option<Arc<Sandbox>>,
    /// All plugins.
    pub plugins: Arc<Plugins>,
    /// What LimitRanges of the namespace ask of a container.
    pub bounds: Bounds,
    /// Live instances of this namespace per plugin identity (`name@version`).
    pub counts: Arc<BTreeMap<String, usize>>,
}

impl View {
    /// The bindings that hold in the namespace: its own by name, then cluster-wide ones by name.
    pub fn holding(&self) -> Vec<&Arc<Binding>> {
        let namespace = &*self.namespace;
        let holds = |binding: &&Arc<Binding>| match &binding.spec.namespace_selector {
            Some(wanted) if binding.in_system => selector::matches(wanted, &namespace.labels),
            _ => binding.namespace == namespace.name,
        };
        let mut holding: Vec<_> = self.bindings.iter().filter(holds).collect();
        holding.sort_by_key(|binding| (binding.is_cluster_wide(), &binding.name));
        holding
    }
}

/// A version, none for a draft, and its object.
pub type Published = (Option<Version>, Arc<ResourcePlugin>);

/// All plugins of the cluster, every version.
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    by_name: BTreeMap<String, Vec<Published>>,
}

impl Plugins {
    /// From the objects, in any order. One whose version cannot be read cannot be chosen.
    pub fn new(all: impl IntoIterator<Item = Arc<ResourcePlugin>>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for plugin in all {
            let version = match plugin.spec.version.as_deref().map(version::lenient) {
                None => None,
                Some(Ok(version)) => Some(version).filter(|version| !version::is_draft(version)),
                Some(Err(_)) => continue,
            };
            by_name.entry(plugin.spec.name.clone()).or_default().push((version, plugin));
        }
        Self { by_name }
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ResourcePlugin>> {
        self.by_name.values().flatten().map(|(_, plugin)| plugin)
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Every version of this name; none for a draft.
    pub fn versions(&self, name: &str) -> &[Published] {
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The version that a reference means.
    pub fn choose(&self, reference: &PluginRef) -> Option<&Arc<ResourcePlugin>> {
        let available = self.versions(&reference.name).iter();
        reference.choose(available.map(|(version, plugin)| (version.clone(), plugin)))
    }
}
