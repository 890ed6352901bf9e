//! What an injection needs to know besides the bindings and the pod.

use sandbind_wire::{
    message::{PodBindings, PodResource},
    name,
};
use serde_json::Value;

/// What is the same for every pod of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installation {
    /// Image of the sidecar.
    pub image: String,
    /// Its `imagePullPolicy`; none: `IfNotPresent`.
    pub image_pull_policy: Option<String>,
    /// Name of the Secret, in the tenants' namespaces, that the image is pulled with.
    pub image_pull_secret: Option<String>,
    /// `https://IP:7443` of the runner.
    pub runner_url: String,
    /// The name that the runner's certificate carries.
    pub runner_name: String,
    /// PEM bundle of the CAs of that certificate.
    pub runner_ca: String,
}

/// A resource as it was reserved for this pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Its name within the sandbox.
    pub resource: String,
    /// Name of the record.
    pub instance: String,
    /// The life that the pod is bound to.
    pub incarnation: String,
    /// The pod's hold on it.
    pub reservation: String,
    /// Whether the record was not Ready: the sidecar opens only on the runner's word.
    pub gated: bool,
}

impl From<&PodResource> for Granted {
    /// As an earlier injection of the pod has it.
    fn from(resource: &PodResource) -> Self {
        Self {
            resource: resource.name.clone(),
            instance: resource.instance.clone(),
            incarnation: resource.incarnation.clone(),
            reservation: resource.reservation.clone(),
            gated: resource.gated,
        }
    }
}

/// What a pod is bound to, by the environment of its sidecar: the one place that cannot change after the pod's creation.
/// None for a pod that carries no sidecar of ours, or one whose environment cannot be read.
pub fn bindings_of(pod: &Value) -> Option<PodBindings> {
    let sidecar =
        pod.pointer("/spec/initContainers")?.as_array()?.iter().find(|container| {
            container.get("name").and_then(Value::as_str) == Some(name::CONTAINER_SIDECAR)
        })?;
    let env = sidecar.get("env")?.as_array()?;
    let variable =
        env.iter().find(|env| env.get("name").and_then(Value::as_str) == Some(name::ENV_BINDINGS))?;
    serde_json::from_str(variable.get("value")?.as_str()?).ok()
}
