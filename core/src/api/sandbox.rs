//! `Sandbox`: what people look at, wait for and delete.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Span;

/// One version of something under test, with resources of its own. The tenant's view; losing one loses nothing.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sandbind.dev",
    version = "v1alpha1",
    kind = "Sandbox",
    plural = "sandboxes",
    shortname = "sbx",
    namespaced,
    status = "SandboxStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Resources","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Pods","type":"integer","jsonPath":".status.podCount"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SandboxSpec {
    /// `Explicit`: it lives until it is deleted or its TTL ends. `WhileUsed`: until its last resource is gone; what a pod makes.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// When it is deleted by itself, with an Event an hour before. Left out: never, unless the installation says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
    /// Params by name of the resource, over those of the binding; they hold for resources made from now on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, BTreeMap<String, String>>,
    /// Names of resources to make before any pod comes; `["*"]` means all of Sandbox scope. They stay until the Sandbox is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// Routing key for plugins that want one. Left out: a function of the namespace's UID and the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub routing_key: Option<String>,
}

/// How long a sandbox lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Lifetime {
    /// Until it is deleted or its TTL ends.
    #[default]
    Explicit,
    /// Until its last resource is gone; what a pod makes.
    WhileUsed,
}

/// Time to live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ttl {
    /// How long it lives, at least 60s.
    pub duration: Span,
    /// From when: the object's creation, or the last time that a pod of it was seen.
    #[serde(default)]
    pub offset_from: OffsetFrom,
}

/// From when a TTL counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OffsetFrom {
    /// The object's creation.
    #[default]
    #[serde(rename = "createdAt")]
    CreatedAt,
    /// The last time a pod of it was seen.
    #[serde(rename = "lastUsedAt")]
    LastUsedAt,
}

/// What the runner says about a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxStatus {
    /// The sandbox as a whole: that of the resource that is farthest from ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<SandboxPhase>,
    /// `2/3 ready`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it is doing or what stops it, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The generation that this status speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// Its resources.
    #[serde(default)]
    pub resources: Vec<SandboxResource>,
    /// Pods of the sandbox, at most 100.
    #[serde(default)]
    pub pods: Vec<SandboxPod>,
    /// How many pods there are in all.
    #[serde(default)]
    pub pod_count: i64,
    /// RFC 3339: when a pod of it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// RFC 3339: when its TTL ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `Ready` always; `Reconciling`, `Stalled`, `Outdated`, `Conflicted`, `NotInjected` while they are true.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// The sandbox as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum SandboxPhase {
    /// Nothing is being made yet.
    Pending,
    /// A resource is being made.
    Provisioning,
    /// All resources are ready.
    Ready,
    /// A round failed.
    Failed,
    /// It is being deleted.
    Deleting,
}

/// One resource of a sandbox, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxResource {
    /// Name within the sandbox, `/` and the scope id where it has one.
    pub name: String,
    /// `name@version` that was pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Phase of its ResourceInstance.
    pub phase: String,
    /// Round of creating, from 1.
    pub round: i64,
    /// The step that runs or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its attempt, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// One line; never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// RFC 3339: when the phase began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Keys of the delivered outputs.
    #[serde(default)]
    pub output_keys: Vec<String>,
    /// Name of the Secret in this namespace that carries them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
}

/// One pod of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxPod {
    /// The pod's name.
    pub name: String,
    /// `Gated`: its sidecar waits. `Bound`: it has what it was promised. `Unbound`: it was not injected.
    pub state: PodState,
}

/// How a pod stands to its sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodState {
    /// Its sidecar waits for a resource.
    Gated,
    /// It has what it was promised.
    Bound,
    /// It carries the label but was not injected.
    Unbound,
}
