//! What a pass has seen besides the record. Times are ages on this program's own monotonic clock, except `now`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{record::StepRun, snapshot::Snapshot};
use crate::{
    api::instance::{Owner, Work},
    problem::Problem,
};

/// Everything [`decide`](super::decide::decide) is told.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Wall clock, for what people read and for pauses that outlive a program.
    pub now: Timestamp,
    /// Uniform over all of `u32`, for jitter.
    pub random: u32,
    /// The timers of the installation.
    pub timers: Timers,
    /// Ages since this program first saw things of the record.
    pub ages: Ages,
    /// The round's snapshot, once it is stored. An unreadable one is an error of the pass, never `None`.
    pub snapshot: Option<Snapshot>,
    /// What the live objects say a new round would be pinned to. Only asked for in Creating without snapshot, in Ready (for
    /// `Outdated`) and in Failed.
    pub plan: Plan,
    /// Other delete steps for this round. Only asked for in Undoing and Deleting: when `orders.delete_with` differs from
    /// `status.delete_with`, or when the pinned plugin is a draft and a delete step has failed.
    pub replacement: Replacement,
    /// Keys (`<step>.<output>`) of the outputs stored for this round.
    pub stored: BTreeSet<String>,
    /// Pods of steps, by run. A run that is not here has no pod.
    pub step_pods: BTreeMap<StepRun, StepPod>,
    /// Who uses the resource, by caches: a hint.
    pub hint: Use,
    /// Who uses it, by a quorum listing made after the record was read: a proof. Only after [`super::effect::Effect::ProveUnused`].
    pub proof: Option<Use>,
    /// Whether the plugin's concurrency lets this record start creating.
    pub may_start: bool,
    /// The Sandbox's retry token.
    pub retry: Option<String>,
    /// Whether the Sandbox is being deleted: no linger.
    pub sandbox_deleted: bool,
    /// Output keys that gated or bound pods name, as seen in the pods.
    pub promised: BTreeSet<String>,
}

/// The timers of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// How long a reservation holds without its pod being seen. Longer than any admission request may take.
    pub bind: Duration,
    /// Added to a claim's own end before its attempt counts as dead.
    pub margin: Duration,
    /// How long owners that want pods keep a resource without pods.
    pub owner_grace: Duration,
    /// How long a step pod may stay unstarted (image, scheduling) before the attempt fails.
    pub start: Duration,
    /// How long a pod that vanished abnormally keeps its resource.
    pub zombie: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            bind: Duration::from_secs(120),
            margin: Duration::from_secs(60),
            owner_grace: Duration::from_secs(600),
            start: Duration::from_secs(300),
            zombie: Duration::from_secs(600),
        }
    }
}

/// Ages on the program's own monotonic clock: since it first saw the thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// By reservation id.
    pub reservations: BTreeMap<String, Duration>,
    /// By work and step: age of the current claim.
    pub claims: BTreeMap<(Work, String), Duration>,
    /// Since there was last any evidence of use; none while there is some.
    pub unused: Option<Duration>,
}

/// What a new round would be pinned to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Plan {
    /// Not asked for.
    #[default]
    Unknown,
    /// This.
    Found(Box<Snapshot>),
    /// Nothing can be pinned, for this reason: plugin or binding gone, not allowed, wrong params, conflicting bindings.
    Impossible(Box<Problem>),
}

/// Delete steps that could take the place of the snapshot's.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Replacement {
    /// Not asked for, or there are none.
    #[default]
    None,
    /// These.
    Found {
        /// The `NAME@VERSION` they come from.
        identity: String,
        /// The steps.
        steps: Vec<crate::api::plugin::Step>,
    },
    /// The ordered ones cannot be had.
    Impossible(Box<Problem>),
}

/// A step pod as its kubelet (or the process table) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPod {
    /// Its UID: what a claim of its agent names as holder.
    pub uid: String,
    /// Where it stands.
    pub state: StepPodState,
    /// Why it does not start or how it ended, for people: `ErrImagePull: …`, `OOMKilled`.
    pub why: String,
    /// Age on this program's clock.
    pub age: Duration,
}

/// Where a step pod stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepPodState {
    /// Not running yet.
    Starting,
    /// Its container runs (or may run).
    Running,
    /// Its container has ended and no process of it can act any more.
    Ended,
}

/// Who uses a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Reservations whose pod this program has seen at any time.
    pub seen: BTreeSet<String>,
    /// What shows that it is in use. Anything unknown or unanswered is here too.
    pub evidence: Vec<Evidence>,
    /// Nodes on which pods vanished without having ended, each with the time since the last one did. Only in a hint, and no
    /// evidence there: the proof asks whether the nodes are still there.
    pub vanished: BTreeMap<String, Duration>,
}

/// One reason to keep a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// U1: pods that are not finished; the first few names.
    Pods {
        /// How many.
        count: usize,
        /// Some of their names.
        names: Vec<String>,
    },
    /// U3: a pod vanished without having ended.
    Vanished {
        /// Its name.
        name: String,
    },
    /// U4: a person said to keep it until then.
    Hold {
        /// Until when.
        until: Timestamp,
    },
    /// U5: an owner wants pods and has had none for less than the limit.
    OwnerWants {
        /// The owner.
        owner: Owner,
    },
    /// U7: a Sandbox that is Explicit or prepares the resource.
    Sandbox,
    /// An answer was missing or partial.
    Unknown {
        /// What failed.
        what: String,
    },
}
