//! What there is to do: a closed set. The engine performs them in order and stops at the first that changes the record
//! ([`Effect::Pin`], [`Effect::Override`], [`Effect::Commit`], [`Effect::Remove`]); then it reads and decides anew.

use std::time::Duration;

use super::{record::StepRun, snapshot::Snapshot};
use crate::api::{
    instance::{Owner, ResourceInstanceStatus},
    plugin::Step,
};

/// One thing to do. All are safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Store the round's snapshot in the system namespace, then commit the status that pins it. Idempotent by name (instance,
    /// incarnation, round): an existing one of another content wins and is pinned instead.
    Pin {
        /// What to store.
        snapshot: Box<Snapshot>,
    },
    /// Put these delete steps into the round's snapshot, then commit [`replaced`](super::replaced) with the new snapshot.
    Override {
        /// The `NAME@VERSION` they come from.
        identity: String,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Write this status if the record is still at the revision that was read.
    Commit {
        /// The whole new status.
        status: Box<ResourceInstanceStatus>,
        /// What the change is, for logs, metrics and write-point tests.
        change: Change,
        /// What people are told once it is written.
        tell: Vec<Notice>,
    },
    /// List users with quorum, then decide again on the same revision with the proof.
    ProveUnused,
    /// Make the pod of this run. Exists already: fine.
    Launch {
        /// The run.
        run: StepRun,
    },
    /// Remove the pod of a run that is over.
    Reap {
        /// The run.
        run: StepRun,
    },
    /// Make the outputs of these finished refresh attempts the current ones, all at once.
    Adopt {
        /// One run per refresh step.
        runs: Vec<StepRun>,
    },
    /// Write the delivered outputs into the tenant's Secret: those of `keys` that are stored, none is fine.
    Deliver {
        /// The revision that the values are of.
        revision: u64,
        /// Output keys.
        keys: std::collections::BTreeSet<String>,
    },
    /// Remove the tenant's Secret. Absent, or the namespace gone: fine.
    Withdraw,
    /// Delete the record, with uid and revision as preconditions, and let its finalizer go.
    Remove {
        /// Set when a person gave the resource up: written to the ledger first.
        forgotten: Option<String>,
    },
    /// Look again after this time at the latest; never zero.
    Wake(Duration),
}

/// What a commit changes. One name per durable write point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The snapshot of the round is pinned and its steps are listed.
    Pinned,
    /// Creating → Ready.
    Ready,
    /// Creating → Undoing.
    Undoing,
    /// Undoing → Failed.
    Failed,
    /// Failed → Creating.
    NextRound,
    /// Creating or Ready → Deleting.
    Deleting,
    /// An attempt was found dead, lost or never started.
    AttemptOver,
    /// A refresh began.
    RefreshStarted,
    /// A refresh ended, delivered.
    Refreshed,
    /// More output keys stand in the tenant's Secret.
    Delivered,
    /// Reservations whose pod was seen, or whose time is over, are gone.
    Pruned,
    /// Delete steps were replaced or are to be tried at once.
    Ordered,
    /// Conditions or message only.
    Noted,
}

/// Something people are told by Events, on the Sandbox and on top owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// CamelCase reason.
    pub reason: &'static str,
    /// Whether it is a warning.
    pub warning: bool,
    /// One sentence; never a value.
    pub message: String,
    /// Owners to tell besides the Sandbox.
    pub owners: Vec<Owner>,
}
