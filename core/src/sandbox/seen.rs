//! What is seen of one sandbox.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    api::{Sandbox, Span},
    binding::View,
    lifecycle::record::Record,
};

/// Everything that a decision about one sandbox needs to know.
#[derive(Clone, Debug)]
pub struct SeenSandbox<'a> {
    /// The pod label's value, and the Sandbox's name.
    pub name: &'a str,
    /// Namespace, Sandbox (if there is one), bindings and plugins; `counts` are the live instances of the namespace.
    pub view: &'a View,
    /// The records of this sandbox in this namespace, by UID.
    pub records: &'a [Arc<Record>],
    /// Pods that carry the label.
    pub pods: &'a [SeenPod],
    /// The time to live of Explicit ones that say none.
    pub default_ttl: Option<Span>,
    /// Now.
    pub now: Timestamp,
}

impl SeenSandbox<'_> {
    /// The Sandbox, if there is one.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.view.sandbox.as_deref()
    }

    /// Whether the Sandbox is being deleted.
    pub fn deleting(&self) -> bool {
        self.sandbox().is_some_and(|sandbox| sandbox.metadata.deletion_timestamp.is_some())
    }

    /// Pods that have not ended.
    pub(super) fn live(&self) -> impl Iterator<Item = &SeenPod> {
        self.pods.iter().filter(|pod| !pod.finished)
    }
}

/// A pod with the sandbox's label.
#[expect(clippy::struct_excessive_bools, reason = "five facts that do not exclude each other")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenPod {
    /// Its name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// The incarnations that it was given at admission.
    pub uses: Vec<String>,
    /// Since when its sidecar's process runs; none: it does not.
    pub sidecar_since: Option<Timestamp>,
    /// Whether it was injected.
    pub injected: bool,
    /// Whether a resource was not ready at its admission: the sidecar holds it until it is.
    pub gated: bool,
    /// Whether the containers after the sidecar may start.
    pub open: bool,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
}
