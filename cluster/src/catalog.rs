//! What the live objects say: bindings, plugins, Sandbox and namespace, by cache or read anew.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::{Api, Client, ResourceExt};
use sandbind_core::{
    api::{
        ResourceBinding, ResourcePlugin, Sandbox,
        instance::{InstanceKey, ResourceInstanceSpec},
        plugin::Limits,
    },
    binding::{self, Binding, Namespace, Plugins},
    lifecycle::observed::Plan,
    problem::Problem,
};
use sandbind_engine::ports::{Answer, Catalog, View, Wishes};
use sandbind_wire::name;

use crate::{
    client::{call_opt, list_all},
    mirror::Key,
    watch::Watches,
};

/// The live objects of a cluster.
#[derive(Clone)]
pub struct ClusterCatalog {
    client: Client,
    watches: Arc<Watches>,
}

impl ClusterCatalog {
    /// By this client; `watches` are kept true by somebody else.
    pub fn new(client: Client, watches: Arc<Watches>) -> Self {
        Self { client, watches }
    }

    /// None: the namespace of the key is gone.
    async fn fresh(&self, key: &InstanceKey) -> Answer<Option<binding::View>> {
        let namespaces: Api<NamespaceObject> = Api::all(self.client.clone());
        let what = format!("reading Namespace {}", key.namespace);
        let found = call_opt(&what, namespaces.get(&key.namespace)).await?;
        let Some(namespace) =
            found.filter(|namespace| namespace.metadata.uid.as_ref() == Some(&key.namespace_uid))
        else {
            return Ok(None);
        };
        let system = self.watches.system_namespace();
        let mut bindings = self.bindings(&key.namespace).await?;
        if key.namespace != system {
            bindings.extend(self.bindings(system).await?);
        }
        let sandboxes: Api<Sandbox> = Api::namespaced(self.client.clone(), &key.namespace);
        let what = format!("reading Sandbox {}/{}", key.namespace, key.sandbox);
        let sandbox = call_opt(&what, sandboxes.get(&key.sandbox)).await?;
        Ok(Some(binding::View {
            namespace: Arc::new(Namespace::from(namespace)),
            bindings: bindings.into_iter().map(|object| Arc::new(Binding::new(object, system))).collect(),
            sandbox: sandbox.map(Arc::new),
            plugins: Arc::new(Plugins::new(self.plugins().await?)),
            ..binding::View::default()
        }))
    }

    async fn bindings(&self, namespace: &str) -> Answer<Vec<ResourceBinding>> {
        let api = Api::namespaced(self.client.clone(), namespace);
        list_all(&format!("listing the ResourceBindings of {namespace}"), &api, None).await
    }

    /// All plugins by a quorum listing of their metadata; the content comes from the cache where it is of the same revision.
    async fn plugins(&self) -> Answer<Vec<Arc<ResourcePlugin>>> {
        let api: Api<ResourcePlugin> = Api::all(self.client.clone());
        let listed = crate::client::list_all_metadata("listing ResourcePlugins", &api).await?;
        let mut plugins = Vec::with_capacity(listed.len());
        for metadata in listed {
            let name = metadata.name_any();
            let cached = self.watches.plugins.get(&Key::new("", &*name));
            let same = |plugin: &Arc<ResourcePlugin>| {
                plugin.metadata.uid == metadata.metadata.uid
                    && plugin.metadata.resource_version == metadata.metadata.resource_version
            };
            if let Some(plugin) = cached.filter(same) {
                plugins.push(plugin);
            } else {
                let what = format!("reading ResourcePlugin {name}");
                plugins.extend(call_opt(&what, api.get(&name)).await?.map(Arc::new));
            }
        }
        Ok(plugins)
    }

    /// None: the namespace of the key is gone, as far as the caches know.
    fn cached(&self, key: &InstanceKey) -> Option<binding::View> {
        let namespace = self.watches.namespaces.get(&Key::new("", &*key.namespace))?;
        if namespace.uid != key.namespace_uid {
            return None;
        }
        let system = self.watches.system_namespace();
        let bindings = self.watches.bindings.all().into_iter().filter(|object| {
            object.metadata.namespace.as_deref().is_some_and(|one| one == key.namespace || one == system)
        });
        Some(binding::View {
            namespace: Arc::new(Namespace {
                name: namespace.name.clone(),
                uid: namespace.uid.clone(),
                labels: namespace.labels.clone(),
                annotations: BTreeMap::new(),
                terminating: namespace.deleting,
            }),
            bindings: bindings.map(|object| Arc::new(Binding::new((*object).clone(), system))).collect(),
            sandbox: self.watches.sandboxes.get(&Key::new(&*key.namespace, &*key.sandbox)),
            plugins: Arc::new(Plugins::new(self.watches.plugins.all())),
            ..binding::View::default()
        })
    }
}

impl Catalog for ClusterCatalog {
    async fn plan(&self, spec: &ResourceInstanceSpec, view: View) -> Answer<Plan> {
        let key = &spec.key;
        let seen = match view {
            View::Fresh => self.fresh(key).await?,
            View::Cached => self.cached(key),
        };
        let Some(seen) = seen else {
            return Ok(Plan::Impossible(Box::new(Problem::error(
                "NamespaceGone",
                format!("Namespace {}", key.namespace),
                "the namespace that the resource was asked for in is gone",
                "create the pods again in a namespace that is there",
            ))));
        };
        Ok(match binding::plan_key(&seen, key, spec.workload.as_deref()) {
            Ok(snapshot) => Plan::Found(Box::new(snapshot)),
            Err(problem) => Plan::Impossible(problem),
        })
    }

    async fn plugin(&self, identity: &str) -> Answer<Option<ResourcePlugin>> {
        let plugins = self.plugins().await?;
        let found = plugins.into_iter().find(|plugin| plugin.spec.identity() == identity);
        Ok(found.map(|plugin| (*plugin).clone()))
    }

    fn limits(&self, identity: &str) -> Limits {
        let plugins = self.watches.plugins.all();
        let found = plugins.iter().find(|plugin| plugin.spec.identity() == identity);
        found.and_then(|plugin| plugin.spec.limits.clone()).unwrap_or_default()
    }

    async fn wishes(&self, key: &InstanceKey) -> Answer<Wishes> {
        let namespace = self.watches.namespaces.get(&Key::new("", &*key.namespace));
        if namespace.is_none_or(|namespace| namespace.uid != key.namespace_uid) {
            return Ok(Wishes::default());
        }
        let sandbox = self.watches.sandboxes.get(&Key::new(&*key.namespace, &*key.sandbox));
        Ok(sandbox.map_or_else(Wishes::default, |sandbox| Wishes {
            retry: sandbox.annotations().get(name::ANNOTATION_RETRY).cloned(),
            deleted: sandbox.metadata.deletion_timestamp.is_some(),
        }))
    }
}
