//! What an installation is made of: every object, as data, in the order of its installation.
//!
//! Manifests never contain `caBundle` and no key material: the webhook makes its own certificates at its first start.

mod crds;
mod examples;
pub mod hub;
mod namespaces;
mod network;
mod policies;
mod programs;
mod rights;
mod webhooks;

#[cfg(test)]
mod tests;

pub use examples::network_policies as network_examples;

use std::collections::BTreeSet;

use sandbind_core::api::Span;
use sandbind_wire::name;
use serde_json::{Map, Value, json};

/// Name of both webhook configurations.
pub const CONFIGURATION: &str = name::WEBHOOK_CONFIGURATION;
/// Name of the webhook's ServiceAccount, Deployment and container.
pub const WEBHOOK: &str = name::WEBHOOK_SERVICE;
/// Name of the runner's ServiceAccount, Deployment and container.
pub const RUNNER: &str = name::RUNNER_SERVICE;
/// Name of the programs' PriorityClass.
pub const PRIORITY_CLASS: &str = "sandbind";
/// The image of this version.
pub const DEFAULT_IMAGE: &str = concat!("sandbind/sandbind:", env!("CARGO_PKG_VERSION"));

/// Namespaces of the control plane: their pods never reach the webhook.
pub const CONTROL_PLANE_NAMESPACES: [&str; 2] = ["kube-system", "kube-node-lease"];

/// What can be chosen at installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Namespace of the programs and of the records.
    pub namespace: String,
    /// Namespaces in which step pods may run; the first is the default of plugins that name none.
    pub step_namespaces: Vec<String>,
    /// The one image of all programs.
    pub image: String,
    /// Name of a Secret of type `kubernetes.io/dockerconfigjson` in the system namespace.
    pub image_pull_secret: Option<String>,
    /// Time to live of Explicit sandboxes that name none.
    pub default_ttl: Option<Span>,
    /// Replicas of the webhook.
    pub webhook_replicas: u32,
    /// Replicas of the runner; one of them drives.
    pub runner_replicas: u32,
    /// The level of pod security that step namespaces enforce.
    pub step_security: StepSecurity,
    /// Further arguments of the webhook, as written.
    pub webhook_args: Vec<String>,
    /// Further arguments of the runner, as written.
    pub runner_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: name::SYSTEM_NAMESPACE.to_owned(),
            step_namespaces: vec![name::STEP_NAMESPACE.to_owned()],
            image: DEFAULT_IMAGE.to_owned(),
            image_pull_secret: None,
            default_ttl: None,
            webhook_replicas: 2,
            runner_replicas: 2,
            step_security: StepSecurity::Baseline,
            webhook_args: Vec::new(),
            runner_args: Vec::new(),
        }
    }
}

/// A level of the pod security standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StepSecurity {
    /// What published plugins need: root in the container, nothing of the host.
    Baseline,
    /// Non-root steps only.
    Restricted,
}

impl StepSecurity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

impl Options {
    /// The system namespace and the step namespaces, each once, the system namespace first.
    pub fn own_namespaces(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        std::iter::once(&self.namespace)
            .chain(&self.step_namespaces)
            .map(String::as_str)
            .filter(|namespace| seen.insert(*namespace))
            .collect()
    }

    /// Namespaces whose pods never reach the webhook.
    fn excluded_namespaces(&self) -> Vec<&str> {
        CONTROL_PLANE_NAMESPACES.into_iter().chain(self.own_namespaces()).collect()
    }

    /// Selects the namespaces whose pods may be bound.
    fn namespace_selector(&self) -> Value {
        json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": self.excluded_namespaces()},
        ]})
    }

    /// The user name of a ServiceAccount of ours.
    fn user(&self, account: &str) -> String {
        format!("system:serviceaccount:{}:{account}", self.namespace)
    }
}

/// Everything, in the order of installation. Applying it again changes nothing.
pub fn render(options: &Options) -> Vec<Value> {
    [
        crds::all(),
        namespaces::all(options),
        rights::all(options),
        programs::all(options),
        network::all(options),
        policies::all(options),
        webhooks::all(options),
    ]
    .concat()
}

/// The CustomResourceDefinitions alone.
pub fn crds() -> Vec<Value> {
    crds::all()
}

/// `metadata` of an object of the cluster.
fn cluster_metadata(name: &str, component: &str) -> Value {
    json!({"name": name, "labels": labels(component)})
}

/// `metadata` of an object in a namespace.
fn metadata(name: &str, namespace: &str, component: &str) -> Value {
    json!({"name": name, "namespace": namespace, "labels": labels(component)})
}

/// The labels that every object of an installation bears.
fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "sandbind",
        "app.kubernetes.io/part-of": "sandbind",
        "app.kubernetes.io/component": component,
    })
}

/// The labels that select the pods of a program.
fn pod_selector(component: &str) -> Value {
    json!({"app.kubernetes.io/name": "sandbind", "app.kubernetes.io/component": component})
}

/// The object with the fields of `more` set.
fn with(object: Value, more: Value) -> Value {
    match (object, more) {
        (Value::Object(mut object), Value::Object(more)) => {
            object.extend(more);
            Value::Object(object)
        }
        (object, _) => object,
    }
}

/// The object without what only a server writes: a null or empty `status`, null `creationTimestamp`s.
fn without_server_fields(object: Value) -> Value {
    let Value::Object(mut fields) = object else { return object };
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.remove("creationTimestamp");
    }
    Value::Object(fields.into_iter().collect::<Map<_, _>>())
}
