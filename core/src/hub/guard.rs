//! Copies are read-only: who wants another plugin changes it on the hub.

use kube::ResourceExt as _;
use sandbind_wire::name::ANNOTATION_HUB_LEFT;

use super::{hub_of, object_of};
use crate::{api::ResourcePlugin, problem::Problem};

/// A write of a plugin by somebody who is not the runner.
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// It is made.
    Create(&'a ResourcePlugin),
    /// It is changed.
    Update {
        /// As it is.
        old: &'a ResourcePlugin,
        /// As it is to be.
        new: &'a ResourcePlugin,
    },
    /// It is deleted.
    Delete(&'a ResourcePlugin),
}

/// Why a write is refused. What is the cluster's own may be written; a copy may be marked by people's labels and annotations, and may
/// be deleted when its cluster has left the hub.
pub fn guard(write: Write<'_>) -> Option<Problem> {
    let (plugin, place, reason, way_out) = match write {
        Write::Create(new) if hub_of(new).is_some() => (
            new,
            "metadata.labels",
            "the label of a hub's copy is set by the plugin runner alone",
            "leave the label `sandbind.dev/hub` out, or apply the plugin on the hub",
        ),
        Write::Update { old, new }
            if hub_of(old) != hub_of(new) || is_copy(old) && object_of(old) != object_of(new) =>
        {
            (
                old,
                "metadata",
                "what marks a plugin as a hub's copy is set by the plugin runner alone",
                "leave label and annotation as they are; `sandbind hub leave` ends it",
            )
        }
        Write::Update { old, new } if is_copy(old) && old.spec != new.spec => (
            old,
            "spec",
            "it is a copy of a hub's plugin, which is changed on the hub alone",
            "change it on the hub, or publish it here under a version of your own",
        ),
        Write::Delete(old) if is_copy(old) && !old.annotations().contains_key(ANNOTATION_HUB_LEFT) => (
            old,
            "",
            "it is a copy of a hub's plugin: the plugin runner would make it anew",
            "delete it on the hub, or leave the hub by `sandbind hub leave`",
        ),
        _ => return None,
    };
    let identity = plugin.spec.identity();
    let place = if place.is_empty() { format!("ResourcePlugin {identity}") } else { place.to_owned() };
    Some(Problem::error("PluginOfHub", place, format!("`{identity}`: {reason}"), way_out))
}

fn is_copy(plugin: &ResourcePlugin) -> bool {
    hub_of(plugin).is_some()
}
