//! `ResourceInstance`: the authoritative record of one resource, in the system namespace.
//!
//! It has **no status subresource**: it is created whole, reservation included, in one write. Every later write is a
//! compare-and-swap on its `resourceVersion`; CEL rules ([`super::crd`]) refuse illegal moves. No value of a param or an
//! output ever stands here; values are only in Secrets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The newest record format this program writes. Newer ones are left alone.
pub const FORMAT_VERSION: u32 = 1;
/// Open reservations at most; beyond, admissions are denied.
pub const MAX_RESERVATIONS: usize = 2000;
/// Steps of one round at most, of all kinds of work: the API server bounds the lists of a plugin at 32 steps each.
pub const MAX_STEPS: usize = 128;
/// Output keys that pods of one resource may be promised at most: 32 create steps with 16 outputs each.
pub const MAX_WANTED: usize = 512;
/// Top owners kept at most; the oldest go first.
pub const MAX_OWNERS: usize = 32;

/// The authoritative record of one resource, in the system namespace. sandbind alone writes it.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sandbind.dev",
    version = "v1alpha1",
    kind = "ResourceInstance",
    plural = "resourceinstances",
    shortname = "ri",
    namespaced,
    status = "ResourceInstanceStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Namespace","type":"string","jsonPath":".spec.key.namespace"}"#,
    printcolumn = r#"{"name":"Sandbox","type":"string","jsonPath":".spec.key.sandbox"}"#,
    printcolumn = r#"{"name":"Resource","type":"string","jsonPath":".spec.key.resource"}"#,
    printcolumn = r#"{"name":"Plugin","type":"string","jsonPath":".status.plugin.identity"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Round","type":"integer","jsonPath":".status.round"}"#,
    printcolumn = r#"{"name":"Doing","type":"string","jsonPath":".status.message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInstanceSpec {
    /// Which resource this is.
    pub key: InstanceKey,
    /// Random id of this life.
    pub incarnation: String,
    /// `$(workload)` in params; only in Workload and Pod scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Format of this record.
    pub format_version: u32,
}

/// The identity of a resource. The record's name is a hash of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceKey {
    /// Name of the tenant's namespace, for people; `namespaceUid` decides.
    pub namespace: String,
    /// UID of the tenant's namespace.
    pub namespace_uid: String,
    /// The pod label's value.
    pub sandbox: String,
    /// `resources[].name` of the binding.
    pub resource: String,
    /// None in Sandbox scope; the top owner's UID; the reservation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Everything that changes. Written only by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInstanceStatus {
    /// Where the life cycle stands.
    pub phase: Phase,
    /// When the phase began.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// The try at creating, from 1. Raised by `Failed → Creating` only.
    pub round: u32,
    /// Raised at each attempt and each change of phase; a claim carries the one it was won under.
    pub fence: u64,
    /// What this round was pinned to; none until its snapshot is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PinnedPlugin>,
    /// The steps of this round, of every kind of work so far.
    #[serde(default)]
    pub steps: Vec<StepStatus>,
    /// Open reservations: pods that were promised this resource and have not been seen yet.
    #[serde(default)]
    pub reservations: Vec<Reservation>,
    /// Output keys that pods were promised; `*` stands for all delivered ones. Only grows within an incarnation.
    #[serde(default)]
    pub wanted: BTreeSet<String>,
    /// Output keys that the tenant's Secret holds.
    #[serde(default)]
    pub delivered: BTreeSet<String>,
    /// Counts completed refreshes; 1 when first Ready.
    #[serde(default)]
    pub revision: u64,
    /// Whether a refresh is under way: started, and not yet delivered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refreshing: bool,
    /// When the delivered values were made: at Ready, and at each refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub refreshed_at: Option<Timestamp>,
    /// Top owners of the pods seen so far, newest last.
    #[serde(default)]
    pub owners: Vec<Owner>,
    /// Seconds the unused resource stays: the largest of the bindings that share it, at their last admission.
    #[serde(default)]
    pub linger_seconds: u64,
    /// The round's first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<Failure>,
    /// The latest failure of any work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// Failed: when the next round starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub next_try: Option<Timestamp>,
    /// The last retry token that was honoured (Sandbox annotation `sandbind.dev/retry`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<String>,
    /// `NAME@VERSION` whose delete steps took the place of the snapshot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_with: Option<String>,
    /// Hash of the delete steps that `steps` lists when they took the place of the snapshot's. A snapshot that holds others was
    /// written by a program that ended before it wrote this: none of their states counts for the new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_steps: Option<String>,
    /// The last token of `sandbind.dev/delete-now` that was honoured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_now: Option<String>,
    /// Nodes on which a pod of the resource vanished without having ended: its processes may still run there. At most 16 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vanished: Vec<Vanished>,
    /// What it is doing, one line, for people; never a value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `Ready` always; `Reconciling`, `Stalled`, `Outdated`, `RefreshFailing` while they are true.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// Where the life cycle of a resource stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// The create graph runs.
    Creating,
    /// Usable.
    Ready,
    /// The round failed; the delete graph runs.
    Undoing,
    /// The round failed and nothing of it is left.
    Failed,
    /// Nobody uses it; the delete graph runs until it succeeds.
    Deleting,
}

/// The plugin as pinned by a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedPlugin {
    /// `name@version`, a draft as `name@0.0.0`.
    pub identity: String,
    /// UID of the ResourcePlugin it was read from.
    pub uid: String,
    /// Hash of content and params; a different one is `Outdated` or a reason for the next round.
    pub hash: String,
    /// Output keys that pods may get from this round; what an admission checks a pod's wishes against.
    #[serde(default)]
    pub output_keys: BTreeSet<String>,
    /// Seconds between refreshes; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_seconds: Option<u64>,
}

/// The kinds of work a step may be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// The create graph.
    Create,
    /// The refresh graph.
    Refresh,
    /// The delete graph: undo and removal.
    Delete,
}

impl Work {
    /// As in `SANDBIND_PHASE`, labels and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Refresh => "refresh",
            Self::Delete => "delete",
        }
    }
}

/// One step of this round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// What it is part of.
    pub work: Work,
    /// The step's name.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// The current attempt, from 1. Never falls within a round.
    pub attempt: u32,
    /// Whether any attempt was ever claimed in this round: it may have had an effect.
    #[serde(default)]
    pub claimed: bool,
    /// The right to run the current attempt, while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Failed attempts since the work last started.
    #[serde(default)]
    pub failures: u32,
    /// Attempts since the work last started that asked for another one (exit code 75).
    #[serde(default)]
    pub again: u32,
    /// Attempts in a row that ended without having been claimed, so without effect.
    #[serde(default)]
    pub unstarted: u32,
    /// When the first of them was claimed; bounds the tries of exit code 75.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub first_at: Option<Timestamp>,
    /// The current attempt does not start before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// How the last ended attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AttemptEnd>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StepState {
    /// Its current attempt has not ended (or not begun).
    Pending,
    /// Done; its outputs are stored.
    Done,
    /// No further attempt in this round.
    Failed,
}

/// The right of one agent process to run one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// UID of the step pod (or of the process, without a cluster).
    pub holder: String,
    /// Nonce of the agent process.
    pub nonce: String,
    /// The fence it was won under.
    pub fence: u64,
    /// When, by the runner's clock.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Seconds after `at` when the agent has ended every process, grace included. With a margin on top the attempt is dead.
    pub dead_after_seconds: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptEnd {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// `exit 1`, `deadline`, `lost`, `never started`, `missing output url` …
    pub how: String,
    /// Exit code, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When, by the runner's clock.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A failure as people read it. Redacted by the agent before it left the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Reason code in CamelCase, such as `StepFailed`.
    pub code: String,
    /// The plugin, as pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// What the step was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// Name of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Which attempt, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How it ended, such as `exit 1` or `deadline`, or why no step could run.
    pub how: String,
    /// The script's last line, at most 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_line: String,
    /// When it failed.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A pod's hold on the record from admission until the pod is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// Random id; stands in the pod's sidecar too.
    pub id: String,
    /// When, by the webhook's clock; only for people and for the wall-clock escape.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A node on which a pod may still run although its object is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vanished {
    /// The node; empty for any of more nodes than are told apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// When it was noted last, by the runner's clock.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// The top of a pod's chain of controllers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// API version, such as `apps/v1`.
    pub api_version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Name in the tenant's namespace.
    pub name: String,
    /// UID of the owner.
    pub uid: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}
