//! Plugins that many clusters take from one hub: which copies a cluster keeps, what it tells of them, and who may change them.
//!
//! A hub is an API server with our kinds. Its id is the UID of its namespace `kube-system`. A cluster keeps a copy of each plugin of the
//! hub, marked as such; its own plugin of the same name and version wins. Silence of either side changes nothing.

mod guard;
pub mod kubeconfig;
mod plan;
mod tell;
mod uses;

pub use self::{
    guard::{Write, guard},
    plan::{Action, plan},
    tell::tell,
    uses::{SILENT, is_silent, uses},
};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sandbind_wire::name::{ANNOTATION_HUB_OBJECT, LABEL_HUB};

use crate::{api::ResourcePlugin, plugin::validate_update};

/// What a hub answered to a listing that was complete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The hub's id.
    pub id: String,
    /// Its plugins. Copies of a further hub are passed over, so that nothing goes round in circles.
    pub plugins: Vec<ResourcePlugin>,
}

impl Listing {
    fn offered(&self) -> impl Iterator<Item = &ResourcePlugin> {
        self.plugins.iter().filter(|plugin| hub_of(plugin).is_none())
    }
}

/// The id of the hub that a plugin is a copy of; none: it is the cluster's own.
pub fn hub_of(plugin: &ResourcePlugin) -> Option<&str> {
    plugin.metadata.labels.as_ref()?.get(LABEL_HUB).map(String::as_str)
}

/// The UID of the object that a plugin is a copy of.
fn object_of(plugin: &ResourcePlugin) -> Option<&str> {
    plugin.metadata.annotations.as_ref()?.get(ANNOTATION_HUB_OBJECT).map(String::as_str)
}

/// How a cluster stands to one plugin of the hub.
#[derive(Debug)]
enum Standing<'a> {
    /// It has nothing of that name and version.
    Absent,
    /// A plugin there has a name that differs in case only.
    NameTaken(&'a str),
    /// It has its own.
    Own,
    /// It has a copy of another hub.
    OtherHub,
    /// It has a copy of a version of that name, and a version does not change.
    Stale(&'a Arc<ResourcePlugin>),
    /// It has a copy.
    Copy(&'a Arc<ResourcePlugin>),
}

/// The plugins of a cluster, seen from one hub.
struct Local<'a> {
    id: &'a str,
    by_object: BTreeMap<&'a str, &'a Arc<ResourcePlugin>>,
    /// Names in lower case, and as they are written.
    names: BTreeMap<String, BTreeSet<&'a str>>,
}

impl<'a> Local<'a> {
    fn new(id: &'a str, plugins: &'a [Arc<ResourcePlugin>]) -> Self {
        let by_object = plugins.iter().map(|plugin| (object_name(plugin), plugin)).collect();
        let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for plugin in plugins {
            names.entry(plugin.spec.name.to_ascii_lowercase()).or_default().insert(&plugin.spec.name);
        }
        Self { id, by_object, names }
    }

    fn standing(&self, offered: &ResourcePlugin) -> Standing<'a> {
        let Some(there) = self.by_object.get(object_name(offered)) else {
            let alike = self.names.get(&offered.spec.name.to_ascii_lowercase()).into_iter().flatten();
            let mut taken = alike.filter(|other| **other != offered.spec.name);
            return taken.next().map_or(Standing::Absent, |other| Standing::NameTaken(other));
        };
        match hub_of(there) {
            None => Standing::Own,
            Some(hub) if hub != self.id => Standing::OtherHub,
            Some(_) if !validate_update(&there.spec, &offered.spec).is_empty() => Standing::Stale(there),
            Some(_) => Standing::Copy(there),
        }
    }

    /// Copies of plugins that the hub no longer has.
    fn withdrawn(&self, listing: &Listing) -> Vec<&'a Arc<ResourcePlugin>> {
        let offered: BTreeSet<&str> = listing.offered().map(object_name).collect();
        let copies = self.by_object.iter().filter(|(_, plugin)| hub_of(plugin) == Some(self.id));
        copies.filter(|(name, _)| !offered.contains(*name)).map(|(_, plugin)| *plugin).collect()
    }
}

fn object_name(plugin: &ResourcePlugin) -> &str {
    plugin.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
