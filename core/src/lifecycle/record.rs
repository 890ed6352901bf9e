//! The durable record as a program has read it, and what names one run of a step.

use crate::api::instance::{ResourceInstanceSpec, ResourceInstanceStatus};
pub use crate::step::StepRun;

/// A ResourceInstance as read, with the revision that every write of it must name.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The object's name.
    pub name: String,
    /// The object's UID.
    pub uid: String,
    /// The revision (`resourceVersion`) this was read at. Opaque.
    pub version: String,
    /// Whether the object has a deletionTimestamp, which counts as Deleting.
    pub deleting: bool,
    /// What cluster admins asked for by annotations.
    pub orders: Orders,
    /// What never changes.
    pub spec: ResourceInstanceSpec,
    /// What does.
    pub status: ResourceInstanceStatus,
}

/// What cluster admins ask for by annotations on a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Give the resource up unremoved, for this reason.
    pub forget: Option<String>,
    /// Use the delete steps of this `NAME@VERSION`.
    pub delete_with: Option<String>,
    /// Try a stalled delete again at once; any new value.
    pub delete_now: Option<String>,
}
