//! What the engine asks of the world. The adapters are in `cluster`, in `local`, and in memory for simulation.
//!
//! Rules for every adapter: an error is an error, never "absent"; `read` and `list_*` are quorum reads unless named `hint`;
//! every write of a record is a compare-and-swap on its version.

use std::{collections::BTreeMap, future::Future, time::Duration};

use jiff::Timestamp;
use sandbind_core::{
    api::instance::{InstanceKey, ResourceInstanceSpec, ResourceInstanceStatus},
    lifecycle::{
        effect::Notice,
        observed::{Plan, StepPod, Use},
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_wire::Bytes64;

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

/// Shorthand for answers of ports.
pub type Answer<T> = Result<T, PortError>;

/// The durable records.
pub trait Records: Send + Sync {
    /// All records as of the cache; only for wake-ups and counts.
    fn hint_all(&self) -> Vec<Record>;
    /// One record by name, with quorum.
    fn read(&self, name: &str) -> impl Future<Output = Answer<Option<Record>>> + Send;
    /// Make a record whole, reservation included. `Exists` when there is one of that name.
    fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> impl Future<Output = Answer<Record>> + Send;
    /// Write the status if the record is at `record.version`; answers the new record.
    fn commit(
        &self,
        record: &Record,
        status: ResourceInstanceStatus,
    ) -> impl Future<Output = Answer<Record>> + Send;
    /// Delete the record if it is at `record.version`, and let its finalizer go.
    fn remove(&self, record: &Record) -> impl Future<Output = Answer<()>> + Send;
    /// Write down that a person gave a resource up, and why.
    fn ledger(&self, record: &Record, reason: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Resolves when the named record may have changed since `version` (or vanished).
    fn changed(&self, name: &str, version: &str) -> impl Future<Output = ()> + Send;
}

/// Values: snapshots and outputs, in Secrets of the system namespace owned by the record.
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
    /// All outputs stored for a round: by `<step>.<output>`, the latest revision of each.
    fn outputs(
        &self,
        record: &Record,
        round: u32,
    ) -> impl Future<Output = Answer<BTreeMap<String, Bytes64>>> + Send;
    /// Store what an attempt wrote (also a failed one) and its log. The same again: fine.
    fn store_attempt(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Make the outputs of finished refresh attempts the current ones, all at once.
    fn adopt_refresh(&self, record: &Record, runs: &[StepRun]) -> impl Future<Output = Answer<()>> + Send;
}

/// What the live objects (bindings, plugins, Sandbox, namespace) say.
pub trait Catalog: Send + Sync {
    /// What a new round of this key would be pinned to.
    fn plan(
        &self,
        key: &InstanceKey,
        spec: &ResourceInstanceSpec,
    ) -> impl Future<Output = Answer<Plan>> + Send;
    /// The plugin of an exact `NAME@VERSION` (for corrected delete steps).
    fn plugin(
        &self,
        identity: &str,
    ) -> impl Future<Output = Answer<Option<sandbind_core::api::ResourcePlugin>>> + Send;
    /// What the Sandbox asks for.
    fn wishes(&self, key: &InstanceKey) -> impl Future<Output = Answer<Wishes>> + Send;
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
    /// The pods of a record's steps.
    fn pods(&self, record: &Record) -> impl Future<Output = Answer<BTreeMap<StepRun, StepPod>>> + Send;
    /// Make the pod of a run. Exists already: fine.
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
    /// By caches.
    fn hint(&self, record: &Record) -> Use;
    /// By a quorum listing that begins after this call.
    fn prove(&self, record: &Record) -> impl Future<Output = Answer<Use>> + Send;
    /// Output keys that live pods of this incarnation name, by caches; `*` for all.
    fn promised(&self, record: &Record) -> std::collections::BTreeSet<String>;
}

/// The tenant's Secret.
pub trait Delivery: Send + Sync {
    /// Write exactly these outputs, as of this revision.
    fn deliver(
        &self,
        record: &Record,
        revision: u64,
        values: &BTreeMap<String, Bytes64>,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Remove the Secret. Absent, or its namespace gone: fine.
    fn withdraw(&self, record: &Record) -> impl Future<Output = Answer<()>> + Send;
}

/// What people are told.
pub trait Notices: Send + Sync {
    /// Best effort; never fails the pass.
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
}
