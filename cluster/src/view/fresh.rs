//! Views by quorum reads, all at once, and by caches alone.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::{Api, Client, ResourceExt as _};
use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin, Sandbox},
    binding::{Binding, Namespace, Plugins, View},
};
use sandbind_engine::{admission::ports::Views, ports::Answer};

use super::caches::Caches;
use crate::{
    client::{call_opt, list_all, list_all_metadata},
    mirror::Key,
};

/// The live objects of a cluster.
pub struct ClusterViews {
    client: Client,
    pub(super) caches: Caches,
}

impl ClusterViews {
    pub(super) fn new(client: Client, system_namespace: &str) -> Self {
        Self { client, caches: Caches::new(system_namespace) }
    }

    async fn bindings(&self, namespace: &str) -> Answer<Vec<Arc<Binding>>> {
        let api: Api<ResourceBinding> = Api::namespaced(self.client.clone(), namespace);
        let listed = list_all(&format!("listing the ResourceBindings of {namespace}"), &api, None).await?;
        Ok(listed.into_iter().map(|object| self.caches.binding(object)).collect())
    }

    async fn sandbox(&self, namespace: &str, sandbox: &str) -> Answer<Option<Arc<Sandbox>>> {
        // What is no name of an object cannot be asked for.
        if !sandbind_core::selector::is_dns_label(sandbox) {
            return Ok(None);
        }
        let api: Api<Sandbox> = Api::namespaced(self.client.clone(), namespace);
        let found = call_opt(&format!("reading Sandbox {namespace}/{sandbox}"), api.get(sandbox)).await?;
        Ok(found.map(Arc::new))
    }

    /// All plugins by a quorum listing of their metadata; the content comes from the cache where it is of the same revision.
    async fn plugins(&self) -> Answer<Arc<Plugins>> {
        let api: Api<ResourcePlugin> = Api::all(self.client.clone());
        let listed = list_all_metadata("listing ResourcePlugins", &api).await?;
        let mut plugins = Vec::with_capacity(listed.len());
        for metadata in listed {
            let name = metadata.name_any();
            let cached = self.caches.plugins.get(&Key::new("", &*name)).filter(|plugin| {
                plugin.metadata.uid == metadata.metadata.uid
                    && plugin.metadata.resource_version == metadata.metadata.resource_version
            });
            if let Some(plugin) = cached {
                plugins.push(plugin);
            } else {
                let what = format!("reading ResourcePlugin {name}");
                plugins.extend(call_opt(&what, api.get(&name)).await?.map(Arc::new));
            }
        }
        Ok(Arc::new(Plugins::new(plugins)))
    }
}

impl Views for ClusterViews {
    async fn fresh(&self, namespace: &str, sandbox: &str) -> Answer<Option<View>> {
        let namespaces: Api<NamespaceObject> = Api::all(self.client.clone());
        let what = format!("reading Namespace {namespace}");
        let system = &*self.caches.system_namespace;
        let in_system =
            async { if namespace == system { Ok(Vec::new()) } else { self.bindings(system).await } };
        let (found, own, in_system, sandbox, plugins) = futures::try_join!(
            call_opt(&what, namespaces.get(namespace)),
            self.bindings(namespace),
            in_system,
            self.sandbox(namespace, sandbox),
            self.plugins(),
        )?;
        Ok(found.map(|found| View {
            namespace: Arc::new(Namespace::from(found)),
            bindings: own.into_iter().chain(in_system).collect(),
            sandbox,
            plugins,
            bounds: self.caches.bounds_of(namespace),
            ..View::default()
        }))
    }

    fn cached(&self, namespace: &str, sandbox: &str) -> Option<View> {
        if !self.caches.are_synced() {
            return None;
        }
        Some(View {
            namespace: self.caches.namespaces.get(&Key::new("", namespace))?,
            bindings: self.caches.bindings_of(namespace),
            sandbox: self.caches.sandboxes.get(&Key::new(namespace, sandbox)),
            plugins: self.caches.all_plugins(),
            bounds: self.caches.bounds_of(namespace),
            ..View::default()
        })
    }
}
