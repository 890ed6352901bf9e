//! `ResourcePlugin`: image, create steps, delete steps, optional refresh. Cluster-scoped; cluster admins write it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Span;

/// A kind of resource: how to make one and how to remove it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sandbind.dev",
    version = "v1alpha1",
    kind = "ResourcePlugin",
    plural = "resourceplugins",
    shortname = "rpl",
    status = "ResourcePluginStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Plugin","type":"string","jsonPath":".spec.name"}"#,
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".spec.version"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Instances","type":"integer","jsonPath":".status.instances"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePluginSpec {
    /// Name by which bindings call the plugin: letter first, then letters, digits and hyphens, at most 253 characters. With the
    /// version it is also the object's name, of at most 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Semantic version without build metadata. With it the content is immutable; without it this is the draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Free text, shown by `plugin get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where steps run.
    pub runner: Runner,
    /// What a binding may pass, at most 64 params. Left out: what the inputs with `valueFromSandbox` name, all of it optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Vec<Param>>,
    /// The steps that make a resource: at least one, at most 32. Their order follows from `valueFromStep`; that of the list means
    /// nothing. The whole plugin may come to 480 KiB as JSON.
    #[serde(default)]
    pub create: Vec<Step>,
    /// The steps that remove it, also when making it failed; retried until they succeed. At most 32; without any, whatever the
    /// plugin makes stays, which is warned of.
    #[serde(default)]
    pub delete: Vec<Step>,
    /// Rotation or renewal while the resource is in use. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// Which namespaces may use the plugin. Left out: those with the label `sandbind.dev/enabled: "true"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// How much of the plugin may be used at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Where the steps of a plugin run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Image of the step container `main`; it must have what the scripts need. Required, unless the overlay names the image of
    /// `main`.
    #[serde(default)]
    pub image: String,
    /// Namespace of the step pods, one of those that the installation allows. Left out: the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Text of a partial pod template in YAML or JSON, merged strategically into the step pod, such as env from Secrets for
    /// container `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template_overlay: Option<String>,
    /// Whether the scripts get a place for the state of Terraform or OpenTofu: env vars `TF_HTTP_*` for `backend "http" {}`. The
    /// state lives as long as the resource. Steps that say nothing else then get SIGINT at their timeout, and 5 minutes to end.
    /// Default `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub terraform_state: bool,
}

/// Something a binding may pass to the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Param {
    /// Name, as in the inputs: letter first, then letters, digits and hyphens, at most 30 characters.
    pub name: String,
    /// Value when nobody gives one. Left out: the param is required, unless it is `optional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Regular expression that the whole value must match. Left out: any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Whether the value is kept out of logs and messages; in the binding or the Sandbox that gives it, it is plain text all the
    /// same. Default `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sensitive: bool,
    /// Whether it may be left out although it has no default. Default `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// One script of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Unique across create and delete: letter first, then letters, digits and hyphens, at most 30 characters.
    #[schemars(length(min = 1, max = 30))]
    pub name: String,
    /// Values the script receives, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Values the script writes, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The script, run by the program in its first line `#!…`, else by `/bin/sh`. Required.
    #[serde(default)]
    pub script: String,
    /// How long the script may run until it is signalled, 1s to 1d. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Further attempts of a create or refresh step after a failed one, at most 100; delete steps are retried for ever. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Signal that the script gets at its timeout, such as `SIGINT`. Default `SIGTERM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// How long it may go on after that signal until every process is killed, at most 1h. Default 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
}

/// A value a script receives, from exactly one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Unique among the inputs of the step, at most 30 characters; with `valueFromSandbox` the name of the param.
    #[schemars(length(min = 1, max = 30))]
    pub name: String,
    /// `true`: the value is the param of this name, from the binding or the Sandbox. Required, unless there is `valueFromStep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from_sandbox: Option<bool>,
    /// The value is an output of another step. Required, unless there is `valueFromSandbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from_step: Option<ValueFromStep>,
    /// How the script sees it. Left out: as an env var, the name in upper case with `-` turned into `_`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub as_: Option<InputAs>,
    /// Kept as written; means nothing.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}

/// A reference to another step's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueFromStep {
    /// Name of the step.
    pub name: String,
    /// Name of its output.
    pub output: String,
}

/// How a script sees an input: either or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputAs {
    /// Name of the environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Path of the file; a relative one is below the step's working folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A value a script writes to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Unique within the step, at most 30 characters; `<step>.<output>` at most 60.
    #[schemars(length(min = 1, max = 30))]
    pub name: String,
    /// The file it is read from, byte for byte; a relative path is below the step's working folder. Required.
    #[serde(default)]
    pub value_from_path: String,
    /// `false` keeps the output for later steps: no pod gets it. Default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<bool>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kept as written; means nothing.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}

/// The refresh workflow. A step bears the name of the create step whose outputs (any subset) it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// Time between the end of one refresh and the start of the next.
    pub every: Span,
    /// The steps of the refresh: at least one, at most 32.
    pub steps: Vec<Step>,
}

/// Which namespaces may use a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// `All` namespaces, those that the `Selector` selects, or `None`: the plugin is retired.
    pub from: AllowedFrom,
    /// Selects namespaces by label. Required with `from: Selector`, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// The ways to allow namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AllowedFrom {
    /// Every namespace.
    All,
    /// Those that the selector selects.
    Selector,
    /// No namespace: retired.
    None,
}

/// Bounds on the use of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Resources that may be in creation at once; others wait their turn, fairly by namespace. Default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// Resources of the plugin in one namespace; over it pods are denied. Default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub per_namespace: Option<u32>,
    /// The longest linger a binding may ask for. Default 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linger: Option<Span>,
}

/// What the runner says about a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePluginStatus {
    /// Live resources made from this version.
    #[serde(default)]
    pub instances: i64,
    /// The generation that the conditions speak of.
    #[serde(default)]
    pub observed_generation: i64,
    /// `Accepted`: the plugin itself is right. `ResolvedRefs`: its step namespace is allowed, and has what the step pods name.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// The version shown for a draft.
pub const DRAFT_VERSION: &str = "0.0.0";
/// Time until a script is signalled, unless the step says otherwise.
pub const DEFAULT_TIMEOUT: Span = Span::from_secs(600);
/// Time between that signal and SIGKILL, unless the step says otherwise.
pub const DEFAULT_GRACE: Span = Span::from_secs(30);
/// Resources of one plugin in creation at once, unless it says otherwise.
pub const DEFAULT_CONCURRENCY: u32 = 10;
/// Instances of one plugin in one namespace, unless it says otherwise.
pub const DEFAULT_PER_NAMESPACE: u32 = 50;
/// The longest linger, unless the plugin says otherwise.
pub const DEFAULT_LONGEST_LINGER: Span = Span::from_secs(86_400);

impl ResourcePluginSpec {
    /// `name@version`, drafts as `name@0.0.0`.
    pub fn identity(&self) -> String {
        format!("{}@{}", self.name, self.version.as_deref().unwrap_or(DRAFT_VERSION))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}
