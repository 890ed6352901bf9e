//! The plugins that a cluster has, by name and version.

use kube::{Api, api::ListParams};
use sandbind_core::{
    api::ResourcePlugin,
    version::{self, PluginRef},
};
use semver::Version;

use crate::{
    client::Cluster,
    exit::{Failure, Outcome},
};

/// A version of a plugin; none: the draft.
pub(super) type Published = (Option<Version>, ResourcePlugin);

/// The ResourcePlugins.
pub(super) fn api(cluster: &Cluster) -> Api<ResourcePlugin> {
    Api::all(cluster.client.clone())
}

/// Every plugin, by name ascending, then version descending, drafts last.
pub(super) async fn all(cluster: &Cluster) -> Outcome<Vec<Published>> {
    let mut all: Vec<Published> = api(cluster)
        .list(&ListParams::default())
        .await?
        .items
        .into_iter()
        .map(|plugin| {
            let version = plugin.spec.version.as_deref().and_then(|text| version::lenient(text).ok());
            (version.filter(|version| !version::is_draft(version)), plugin)
        })
        .collect();
    all.sort_by(|(a_version, a), (b_version, b)| {
        a.spec.name.cmp(&b.spec.name).then_with(|| b_version.cmp(a_version))
    });
    Ok(all)
}

/// The versions of one plugin, the highest first; at least one.
pub(super) async fn versions(cluster: &Cluster, name: &str) -> Outcome<Vec<Published>> {
    let found: Vec<Published> =
        all(cluster).await?.into_iter().filter(|(_, plugin)| plugin.spec.name == name).collect();
    if found.is_empty() {
        return Err(Failure::failed(
            "NotFound",
            format!("ResourcePlugin {name}"),
            format!("there is no plugin `{name}`"),
            "`sandbind plugin list` shows those there are",
        ));
    }
    Ok(found)
}

/// What was typed, as a reference.
pub(super) fn reference(text: &str) -> Outcome<PluginRef> {
    text.parse().map_err(|error: version::VersionError| {
        Failure::usage(
            "WrongPlugin",
            text,
            error.to_string(),
            "write NAME, NAME@1.2.0, NAME@^1, NAME@latest or NAME@draft",
        )
    })
}

/// The one that a reference means.
pub(super) async fn find(cluster: &Cluster, text: &str) -> Outcome<ResourcePlugin> {
    let reference = reference(text)?;
    let versions = versions(cluster, &reference.name).await?;
    let there: Vec<String> = versions.iter().map(|(_, plugin)| plugin.spec.identity()).collect();
    reference.choose(versions).ok_or_else(|| {
        Failure::failed(
            "NotFound",
            format!("ResourcePlugin {text}"),
            format!("no version of `{}` is meant by `{text}`", reference.name),
            format!("there are {}", there.join(", ")),
        )
    })
}
