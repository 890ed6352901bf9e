//! What the engine asks of the world. The adapters are in `cluster`, in `local`, and in memory for simulation.
//!
//! Rules for every adapter:
//!
//! - An error is an error, never "absent". Anything partial is an error.
//! - What is named `hint` may come from a cache and be late; everything else is at least as new as its call, unless its
//!   own words say that a cache will do.
//! - Every write of a record is a compare-and-swap on the version that was read.
//! - Every write may be repeated: after [`PortError::Failed`] it may or may not have happened.
//! - A writer that slept for long may call late. Where its own words name a rank (attempt, revision), a lower rank never
//!   takes the place of a higher one.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        instance::{InstanceKey, ResourceInstanceSpec, ResourceInstanceStatus},
        plugin::{Limits, ResourcePlugin},
    },
    lifecycle::{
        KeptState,
        effect::Notice,
        observed::{Plan, StepPod, Use},
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_wire::{Bytes64, message::PodBindings};

use crate::trace::Tracer;

/// Why a port did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The record moved on: read again.
    #[error("{what} changed meanwhile")]
    Conflict {
        /// What was to be written.
        what: String,
    },
    /// The thing exists already and differs.
    #[error("{what} exists and differs")]
    Exists {
        /// What was to be made.
        what: String,
    },
    /// It cannot be done and trying again will not help until something outside changes.
    #[error("{what}: {reason}")]
    Refused {
        /// What was asked.
        what: String,
        /// Why.
        reason: String,
    },
    /// It may or may not have been done; try again.
    #[error("{what}")]
    Failed {
        /// What was asked.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PortError {
    /// It may or may not have been done.
    pub fn failed(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { what: what.into(), source: source.into() }
    }

    /// It cannot be done until something outside changes.
    pub fn refused(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), reason: reason.into() }
    }

    /// Whether the record moved on.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// Shorthand for answers of ports.
pub type Answer<T> = Result<T, PortError>;

/// The durable records.
pub trait Records: Send + Sync {
    /// All records as of the cache; only for wake-ups and counts. Before the cache is complete it may lack some.
    fn hint_all(&self) -> Vec<Arc<Record>>;
    /// One record as of the cache.
    fn hint(&self, name: &str) -> Option<Arc<Record>>;
    /// One record by name, with quorum.
    fn read(&self, name: &str) -> impl Future<Output = Answer<Option<Record>>> + Send;
    /// Make a record whole, reservation and finalizer included. `Exists` when there is one of that name.
    fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> impl Future<Output = Answer<Record>> + Send;
    /// Write the status if the record is at `record.version` (else `Conflict`, also when it is gone); answers the new record.
    fn commit(
        &self,
        record: &Record,
        status: ResourceInstanceStatus,
    ) -> impl Future<Output = Answer<Record>> + Send;
    /// Delete the record if it is at `record.version` (else `Conflict`), and let its finalizer go. Its values go with it.
    /// Also for a record that has its deletionTimestamp already. Absent: fine.
    fn remove(&self, record: &Record) -> impl Future<Output = Answer<()>> + Send;
    /// Write down that a person gave a resource up, and why. One entry per incarnation; the same again: fine.
    fn ledger(&self, record: &Record, reason: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Resolves when the named record may have changed since `version`, or vanished; `version` is empty for an absent record.
    /// May resolve early now and then; must resolve at once when the change is seen already.
    fn changed(&self, name: &str, version: &str) -> impl Future<Output = ()> + Send;
}

/// Values: snapshots and outputs, in Secrets of the system namespace owned by the record. They go when the record goes; those of rounds
/// long past may go before.
///
/// The rank of a stored output is (work, attempt) of the run that wrote it, refresh above create.
pub trait Values: Send + Sync {
    /// The snapshot of a round.
    fn snapshot(&self, record: &Record, round: u32) -> impl Future<Output = Answer<Option<Snapshot>>> + Send;
    /// Store the snapshot of a round; answers the one that is stored (an existing one wins).
    fn store_snapshot(
        &self,
        record: &Record,
        round: u32,
        snapshot: &Snapshot,
    ) -> impl Future<Output = Answer<Snapshot>> + Send;
    /// Put other delete steps into the snapshot of a round.
    fn override_delete(
        &self,
        record: &Record,
        round: u32,
        snapshot: &Snapshot,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// All current outputs of a round, by `<step>.<output>`.
    fn outputs(
        &self,
        record: &Record,
        round: u32,
    ) -> impl Future<Output = Answer<BTreeMap<String, Bytes64>>> + Send;
    /// Store what an attempt wrote (also a failed one) and its log. The same again: fine. A create attempt's outputs become
    /// the round's current ones at once, each unless one of higher rank is stored; a refresh attempt's only by
    /// [`Self::adopt_refresh`].
    fn store_attempt(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Make the outputs of finished refresh attempts the current ones, all in one write, each unless one of higher rank is
    /// stored. The same again: fine. Outputs of these attempts that are not there: an error.
    fn adopt_refresh(&self, record: &Record, runs: &[StepRun]) -> impl Future<Output = Answer<()>> + Send;
    /// The states that steps of this life keep for the next ones, by name.
    fn states(&self, record: &Record) -> impl Future<Output = Answer<BTreeMap<String, KeptState>>> + Send;
    /// Store one of them, if the one that is there has one write less (none: zero); else `Conflict`. A write that failed may have
    /// been done: asked anew, it is then a conflict.
    fn store_state(
        &self,
        record: &Record,
        name: &str,
        next: &KeptState,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Outputs of finished refresh attempts that are not adopted yet, by `<step>.<output>`. Not there: an error.
    fn refreshed(
        &self,
        record: &Record,
        runs: &[StepRun],
    ) -> impl Future<Output = Answer<BTreeMap<String, Bytes64>>> + Send;
}

/// What the live objects (bindings, plugins, Sandbox, namespace) say.
pub trait Catalog: Send + Sync {
    /// What a new round of this record would be pinned to; never `Unknown`. `Fresh` decides: an admission may have read a
    /// binding that no cache has yet. `Cached` only informs.
    fn plan(&self, spec: &ResourceInstanceSpec, view: View) -> impl Future<Output = Answer<Plan>> + Send;
    /// The plugin of an exact `NAME@VERSION`, a draft as `NAME@0.0.0` (for corrected delete steps).
    fn plugin(&self, identity: &str) -> impl Future<Output = Answer<Option<ResourcePlugin>>> + Send;
    /// The limits of the plugin `NAME@VERSION`, by caches; the defaults when it is gone.
    fn limits(&self, identity: &str) -> Limits;
    /// What the Sandbox asks for. A cache will do.
    fn wishes(&self, key: &InstanceKey) -> impl Future<Output = Answer<Wishes>> + Send;
}

/// How new an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As new as the call.
    Fresh,
    /// A cache will do.
    Cached,
}

/// What a Sandbox asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Its retry token.
    pub retry: Option<String>,
    /// Whether it is being deleted.
    pub deleted: bool,
}

/// Step pods.
pub trait Steps: Send + Sync {
    /// The pods of a record's steps, of all its incarnations and rounds. A cache will do: a pod that is missing here is
    /// launched again by the same name, and `Ended` never changes back.
    fn pods(&self, record: &Record) -> impl Future<Output = Answer<BTreeMap<StepRun, StepPod>>> + Send;
    /// Runs of all step pods as of the cache, to find those whose record is gone.
    fn hint_all(&self) -> Vec<StepRun>;
    /// Make the pod of a run. Exists already: fine. `Refused`: this pod as such is not accepted (quota, pod security, an
    /// overlay that does not fit).
    fn launch(
        &self,
        record: &Record,
        snapshot: &Snapshot,
        run: &StepRun,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Remove the pod of a run. Absent: fine.
    fn reap(&self, run: &StepRun) -> impl Future<Output = Answer<()>> + Send;
}

/// Who uses a resource.
pub trait Usage: Send + Sync {
    /// By caches. Anything unknown (a cache that is not complete yet) is evidence.
    fn hint(&self, record: &Record) -> Use;
    /// By a quorum listing that begins after this call.
    fn prove(&self, record: &Record) -> impl Future<Output = Answer<Use>> + Send;
    /// Output keys that live pods of this incarnation name, by caches; `*` for all.
    fn promised(&self, record: &Record) -> BTreeSet<String>;
}

/// The tenant's Secret of an incarnation.
pub trait Delivery: Send + Sync {
    /// Write exactly these outputs, as of this revision, into the key's namespace. A namespace of another UID is not it:
    /// `Refused`.
    fn deliver(
        &self,
        record: &Record,
        revision: u64,
        values: &BTreeMap<String, Bytes64>,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Remove the Secret. Absent, or its namespace gone: fine.
    fn withdraw(&self, record: &Record) -> impl Future<Output = Answer<()>> + Send;
}

/// A pod that calls: a step agent or a sidecar, known by its token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// Its namespace.
    pub namespace: String,
    /// UID of its namespace.
    pub namespace_uid: String,
    /// Its name.
    pub pod_name: String,
    /// Its UID.
    pub pod_uid: String,
}

/// Who is calling.
pub trait Identify: Send + Sync {
    /// The pod that a token is bound to, as of at most `max_age` ago; `None` for a token that is not one of ours, has
    /// expired or whose pod is gone.
    fn identify(&self, token: &str, max_age: Duration)
    -> impl Future<Output = Answer<Option<Caller>>> + Send;
}

/// What calling pods are for. What a pod is for never changes, so a cache will do as long as the UID is the caller's.
pub trait Pods: Send + Sync {
    /// The run that this caller's pod was made for, if it is a step pod that we made.
    fn step_run(&self, caller: &Caller) -> impl Future<Output = Answer<Option<StepRun>>> + Send;
    /// What this caller's pod was given at admission, if it has our sidecar.
    fn bindings(&self, caller: &Caller) -> impl Future<Output = Answer<Option<PodBindings>>> + Send;
}

/// What people are told.
pub trait Notices: Send + Sync {
    /// Best effort; never fails the pass. The same notice again within a short time should be told once.
    fn announce(&self, record: &Record, notice: &Notice) -> impl Future<Output = ()> + Send;
}

/// Time and chance.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn now(&self) -> Timestamp;
    /// Monotonic time since some fixed moment.
    fn monotonic(&self) -> Duration;
    /// Uniform.
    fn random(&self) -> u32;
}

/// All ports of one world.
pub trait World: Send + Sync + 'static {
    /// Records.
    type Records: Records;
    /// Values.
    type Values: Values;
    /// Catalog.
    type Catalog: Catalog;
    /// Steps.
    type Steps: Steps;
    /// Usage.
    type Usage: Usage;
    /// Delivery.
    type Delivery: Delivery;
    /// Notices.
    type Notices: Notices;
    /// Clock.
    type Clock: Clock;
    /// Identify.
    type Identify: Identify;
    /// Pods.
    type Pods: Pods;
    /// Observer of write points; [`crate::trace::Untraced`] for none.
    type Tracer: Tracer;

    /// The records.
    fn records(&self) -> &Self::Records;
    /// The values.
    fn values(&self) -> &Self::Values;
    /// The catalog.
    fn catalog(&self) -> &Self::Catalog;
    /// The steps.
    fn steps(&self) -> &Self::Steps;
    /// The usage.
    fn usage(&self) -> &Self::Usage;
    /// The delivery.
    fn delivery(&self) -> &Self::Delivery;
    /// The notices.
    fn notices(&self) -> &Self::Notices;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// Who is calling.
    fn identify(&self) -> &Self::Identify;
    /// What calling pods are for.
    fn pods(&self) -> &Self::Pods;
    /// The observer of write points.
    fn tracer(&self) -> &Self::Tracer;
}

/// An error with its causes, one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
