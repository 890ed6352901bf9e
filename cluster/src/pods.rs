//! Pods of sandboxes: what is kept of each, and who uses which incarnation.

mod index;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use sandbind_core::{api::instance::Owner, inject};
use sandbind_wire::{message::PodBindings, name};
use serde_json::json;

pub use self::index::{PodIndex, Vanished};
use crate::mirror::Key;

/// What is kept of a pod that carries the sandbox label.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that are independent of each other")]
pub struct PodFacts {
    /// Namespace and name.
    pub key: Key,
    /// UID.
    pub uid: String,
    /// The label's value; empty for a pod that lost its label.
    pub sandbox: String,
    /// Node it was bound to.
    pub node: Option<String>,
    /// What it was given at admission; none: it was not injected.
    pub bindings: Option<PodBindings>,
    /// Its controller: one step towards the top owner.
    pub controller: Option<Owner>,
    /// Whether it has a deletionTimestamp.
    pub deleting: bool,
    /// Whether its phase is Succeeded or Failed.
    pub finished: bool,
    /// Whether no process of it can run: finished, never bound to a node, or every container that has a status has ended or
    /// never began.
    pub still: bool,
    /// Whether the kubelet has let the containers after our sidecar start.
    pub open: bool,
    /// Since when our sidecar's process runs.
    pub sidecar_since: Option<Timestamp>,
}

impl PodFacts {
    /// What is to be kept of `pod`.
    pub fn of(pod: Pod) -> Option<Self> {
        let bindings = bindings_of(&pod);
        let Pod { metadata, spec, status } = pod;
        let status = status.unwrap_or_default();
        let node = spec.and_then(|spec| spec.node_name).filter(|node| !node.is_empty());
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let inits = status.init_container_statuses.unwrap_or_default();
        let sidecar = inits.iter().find(|one| one.name == name::CONTAINER_SIDECAR);
        let open = sidecar.is_some_and(|one| one.started == Some(true));
        let running = sidecar.and_then(|one| one.state.as_ref()?.running.as_ref());
        let sidecar_since = running.and_then(|running| Some(running.started_at.as_ref()?.0));
        let mut containers = inits;
        containers.extend(status.container_statuses.unwrap_or_default());
        let still = finished || node.is_none() || (!containers.is_empty() && !containers.iter().any(may_run));
        let controller =
            metadata.owner_references.into_iter().flatten().find(|owner| owner.controller == Some(true));
        Some(Self {
            key: Key::new(metadata.namespace?, metadata.name?),
            uid: metadata.uid?,
            sandbox: metadata
                .labels
                .and_then(|mut labels| labels.remove(name::LABEL_SANDBOX))
                .unwrap_or_default(),
            node,
            bindings,
            controller: controller.map(|owner| Owner {
                api_version: owner.api_version,
                kind: owner.kind,
                name: owner.name,
                uid: owner.uid,
            }),
            deleting: metadata.deletion_timestamp.is_some(),
            finished,
            still,
            open,
            sidecar_since,
        })
    }

    /// What it uses of an incarnation.
    pub fn uses(&self, incarnation: &str) -> Option<&sandbind_wire::message::PodResource> {
        self.bindings
            .iter()
            .flat_map(|bindings| &bindings.resources)
            .find(|one| one.incarnation == incarnation)
    }
}

/// What a pod was given at admission, by the one reader of it, which reads raw pods.
fn bindings_of(pod: &Pod) -> Option<PodBindings> {
    let containers = pod.spec.as_ref()?.init_containers.as_ref()?;
    let sidecar = containers.iter().find(|one| one.name == name::CONTAINER_SIDECAR)?;
    inject::bindings_of(&json!({"spec": {"initContainers": [{"name": sidecar.name, "env": sidecar.env}]}}))
}

/// A container without state, or one that waits after it ran, counts as one that may run.
fn may_run(container: &ContainerStatus) -> bool {
    let Some(state) = &container.state else { return true };
    let never_began =
        state.waiting.is_some() && container.container_id.is_none() && container.restart_count == 0;
    state.terminated.is_none() && !never_began
}

#[cfg(test)]
mod tests;
