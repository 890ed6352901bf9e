//! What there is to make resources from: the plugins and the one binding of a stack.

use std::{collections::BTreeMap, sync::Arc};

use sandbind_core::{
    api::{
        ResourceBinding, ResourcePlugin,
        instance::{InstanceKey, ResourceInstanceSpec},
        plugin::{AllowedFrom, AllowedNamespaces, Limits},
    },
    binding::{self, Binding, Namespace, Plugins},
    lifecycle::observed::Plan,
};
use sandbind_engine::ports::{Answer, Catalog, View, Wishes};
use sandbind_wire::name::SYSTEM_NAMESPACE;
use serde::{Deserialize, Serialize};

/// Plugins and one binding.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// The plugins, every version.
    pub plugins: Vec<ResourcePlugin>,
    /// The binding.
    pub binding: ResourceBinding,
    /// Name and UID of the namespace that the resources are made for. No cluster knows it.
    pub namespace: (String, String),
}

impl Stack {
    /// The live objects, as rules see them. On this machine everybody may use every plugin.
    pub fn view(&self) -> binding::View {
        let plugins = self.plugins.iter().cloned().map(|mut plugin| {
            plugin.spec.allowed_namespaces =
                Some(AllowedNamespaces { from: AllowedFrom::All, selector: None });
            Arc::new(plugin)
        });
        let (name, uid) = self.namespace.clone();
        let mut object = self.binding.clone();
        object.metadata.namespace = Some(name.clone());
        binding::View {
            namespace: Arc::new(Namespace { name, uid, ..Namespace::default() }),
            bindings: vec![Arc::new(Binding::new(object, SYSTEM_NAMESPACE))],
            plugins: Arc::new(Plugins::new(plugins)),
            ..binding::View::default()
        }
    }
}

/// The stack as a catalog: nothing of it changes during a run.
#[derive(Debug)]
pub struct LocalCatalog {
    view: binding::View,
    limits: BTreeMap<String, Limits>,
}

impl LocalCatalog {
    pub(crate) fn new(stack: &Stack) -> Self {
        let view = stack.view();
        let limits = |plugin: &Arc<ResourcePlugin>| {
            (plugin.spec.identity(), plugin.spec.limits.clone().unwrap_or_default())
        };
        Self { limits: view.plugins.iter().map(limits).collect(), view }
    }

    pub(crate) const fn view(&self) -> &binding::View {
        &self.view
    }
}

impl Catalog for LocalCatalog {
    async fn plan(&self, spec: &ResourceInstanceSpec, _view: View) -> Answer<Plan> {
        Ok(match binding::plan_key(&self.view, &spec.key, spec.workload.as_deref()) {
            Ok(snapshot) => Plan::Found(Box::new(snapshot)),
            Err(problem) => Plan::Impossible(problem),
        })
    }

    async fn plugin(&self, identity: &str) -> Answer<Option<ResourcePlugin>> {
        let found = self.view.plugins.iter().find(|plugin| plugin.spec.identity() == identity);
        Ok(found.map(|plugin| (**plugin).clone()))
    }

    fn limits(&self, identity: &str) -> Limits {
        self.limits.get(identity).cloned().unwrap_or_default()
    }

    async fn wishes(&self, _key: &InstanceKey) -> Answer<Wishes> {
        Ok(Wishes::default())
    }
}
