//! `ResourceBinding`: which pods get which resources, under which env vars and files.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Span;

/// Which pods of a namespace (or, in the system namespace, of many) get which resources.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sandbind.dev",
    version = "v1alpha1",
    kind = "ResourceBinding",
    plural = "resourcebindings",
    shortname = "rb",
    namespaced,
    status = "ResourceBindingStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"Resources","type":"string","jsonPath":".spec.resources[*].name"}"#,
    printcolumn = r#"{"name":"Plugins","type":"string","jsonPath":".spec.resources[*].plugin"}"#,
    printcolumn = r#"{"name":"Resolved","type":"string","jsonPath":".status.conditions[?(@.type==\"ResolvedRefs\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBindingSpec {
    /// Which pods: those that carry the sandbox label and match. Left out: all that carry the label.
    #[serde(default)]
    pub selector: LabelSelector,
    /// Only in the system namespace, and there needed: the namespaces in which this binding holds; `{}` means all. A namespace's
    /// own binding of the same resource name wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// The resources that the pods get.
    #[schemars(length(min = 1, max = 32))]
    pub resources: Vec<BoundResource>,
    /// Environment variables of the containers, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<BoundEnv>,
    /// Folders of files in the containers. They follow each refresh; env vars do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<BoundFiles>,
    /// Names of the containers that get env and files. Left out: all that start after the sidecar, init containers included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<String>>,
    /// When the pod already sets an env var of this name: `Replace` it, `Keep` the pod's own, or `Deny` the pod.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// How long admissions and pods wait for the resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// How long the resource stays after its last pod; of the bindings that share it the longest counts. Default 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linger: Option<Span>,
    /// How the app learns of new files after a refresh. Left out: it is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_refresh: Option<OnRefresh>,
}

/// A resource that a binding gives to its pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundResource {
    /// The name within the sandbox: bindings that say the same name share the resource.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// `name`, `name@1.2.0`, `name@<semver requirement>`, `name@latest` or `name@draft`.
    #[schemars(length(min = 1, max = 300))]
    pub plugin: String,
    /// What shares one resource: all pods of the `Sandbox`, those of one `Workload` (its Deployment, StatefulSet, Job …), or one
    /// `Pod`.
    #[serde(default)]
    pub scope: Scope,
    /// Values for the plugin's params; `$(sandbox)`, `$(namespace)` and, in Workload and Pod scope, `$(workload)` stand for names,
    /// `$$` for a dollar.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// What shares one resource.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Scope {
    /// All pods of the sandbox.
    #[default]
    Sandbox,
    /// The pods of one top owner (Deployment, StatefulSet, Job …).
    Workload,
    /// One pod.
    Pod,
}

/// An environment variable: exactly one of `value` and `valueFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundEnv {
    /// Name of the variable.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Text; `$(VAR)` is an earlier variable, as usual in Kubernetes, and `$(sandbox)` and `$(namespace)` are names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value is an output of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvSource>,
}

/// Where an env var's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvSource {
    /// An output of a resource of this binding.
    pub resource: ResourceOutput,
}

/// An output of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceOutput {
    /// The resource's name in this binding.
    pub name: String,
    /// Which of its outputs: `<step>.<output>`.
    pub output_key: String,
}

/// A folder of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundFiles {
    /// Absolute path of the folder in the containers, such as `/bindings/db`.
    #[schemars(length(min = 2, max = 512))]
    pub path: String,
    /// The resource's name in this binding.
    pub resource: String,
    /// The files. Left out: every delivered output, named `<step>.<output>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<FileItem>>,
}

/// One file of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileItem {
    /// Which output: `<step>.<output>`.
    pub output_key: String,
    /// Path of the file, relative to the folder. Default: the output key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Permission bits in octal, such as `0440`. Default `0444`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^0?[0-7]{3}$"))]
    pub mode: Option<String>,
}

/// What happens when the pod already sets a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnConflict {
    /// The binding's value takes its place.
    #[default]
    Replace,
    /// The pod's own value stays.
    Keep,
    /// The pod is denied.
    Deny,
}

/// How long admissions and pods wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// When a resource is not ready within `block`: `Auto` admits the pod gated, `Block` denies it; `Gate` admits it gated without
    /// waiting. A controller of `kube-system` has one pod held at a time: its other pods are gated or denied at once meanwhile.
    #[serde(default)]
    pub mode: WaitMode,
    /// How long an admission may be held, up to 10s. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Span>,
    /// How long a gated pod waits before its sidecar gives up and is restarted, 10s to 1d. Default 30m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Span>,
}

/// What an admission does while the resource is being made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WaitMode {
    /// Wait for `block`, then admit gated.
    #[default]
    Auto,
    /// Wait for `block`, then deny.
    Block,
    /// Admit gated at once.
    Gate,
}

/// How the app learns of new files: at most one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnRefresh {
    /// By a `POST` to the pod's own loopback address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpNotify>,
    /// By a signal; the pod must share its process namespace and the container run as a known user that is not root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalNotify>,
}

/// `POST http://127.0.0.1:PORT/PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpNotify {
    /// Port that the app listens on.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Path of the request. Default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A signal to a container's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalNotify {
    /// Name of the container whose processes are signalled.
    pub container: String,
    /// Name of the signal, such as `SIGHUP`.
    pub name: String,
}

/// What the runner says about a binding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBindingStatus {
    /// The generation that the conditions speak of.
    #[serde(default)]
    pub observed_generation: i64,
    /// `Accepted`: the binding itself is right. `ResolvedRefs`: what it names is there and may be used.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// How long an admission is held at most, unless the binding says less.
pub const DEFAULT_BLOCK: Span = Span::from_secs(10);
/// How long a gated pod's sidecar waits, unless the binding says otherwise.
pub const DEFAULT_READY: Span = Span::from_secs(1800);
/// How long an unused resource stays, unless the binding says otherwise.
pub const DEFAULT_LINGER: Span = Span::from_secs(60);
