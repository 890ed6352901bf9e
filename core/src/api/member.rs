//! `MemberCluster`: what one cluster says of the plugins of a hub. It lives on the hub, and its cluster alone writes its status.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cluster that takes its plugins from this hub. `sandbind hub join` makes it; the cluster's plugin runner writes its status.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sandbind.dev",
    version = "v1alpha1",
    kind = "MemberCluster",
    plural = "memberclusters",
    shortname = "mbr",
    status = "MemberClusterStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Heartbeat","type":"date","jsonPath":".status.heartbeat"}"#,
    printcolumn = r#"{"name":"Plugins","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct MemberClusterSpec {
    /// UID of the cluster's namespace `kube-system`. A cluster with another one writes nothing here.
    #[schemars(length(min = 1, max = 64))]
    pub cluster: String,
}

/// What the cluster's runner says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberClusterStatus {
    /// RFC 3339: when this was written, at least once a minute. Older than 5 minutes: the cluster is silent, and what it said stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<String>,
    /// `2/3 ready`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The plugin versions of the hub, and copies of such as the hub no longer has, at most 500: those in use first.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub plugins: Vec<MemberPlugin>,
    /// How many more there are that `plugins` does not tell.
    #[serde(default)]
    pub omitted: i64,
}

/// One plugin version in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberPlugin {
    /// `name@version`, a draft as `name@0.0.0`.
    pub identity: String,
    /// Whether the cluster has a copy that may be used.
    pub ready: bool,
    /// Why it is not: a code such as `OwnPlugin`, `ReferenceNotFound` or `NotSeenYet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// Live resources in the cluster that were made from it.
    #[serde(default)]
    pub instances: i64,
    /// Whose they are, as `namespace/sandbox`: up to five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub users: Vec<String>,
}
