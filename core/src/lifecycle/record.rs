//! The durable record as a program has read it, and what names one run of a step.

use crate::api::instance::{ResourceInstanceSpec, ResourceInstanceStatus, Work};

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

/// One attempt of one step: names its pod, its claim and its result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepRun {
    /// The record's name.
    pub instance: String,
    /// The incarnation.
    pub incarnation: String,
    /// The round.
    pub round: u32,
    /// What it is part of.
    pub work: Work,
    /// The step's name.
    pub step: String,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl StepRun {
    /// The name of its pod.
    pub fn pod_name(&self) -> String {
        crate::identity::step_pod(&self.incarnation, self.work, self.round, &self.step, self.attempt)
    }
}
