//! Which copies a cluster makes, changes and drops.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use sandbind_wire::name::{ANNOTATION_HUB_LEFT, ANNOTATION_HUB_OBJECT, LABEL_HUB};

use super::{Listing, Local, Standing, object_of};
use crate::api::ResourcePlugin;

/// Something to do in the cluster. Whoever does it names the object as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a copy.
    Create(Box<ResourcePlugin>),
    /// Let a copy follow its original.
    Update {
        /// The copy as it was seen.
        seen: Arc<ResourcePlugin>,
        /// The copy as it is to be.
        copy: Box<ResourcePlugin>,
    },
    /// Remove a copy.
    Drop(Arc<ResourcePlugin>),
}

/// What a complete listing of the hub asks for. `local`: every plugin of the cluster; `used`: whether a live resource there was made
/// from that `name@version`. The cluster's own plugins and copies of other hubs are never touched; a copy that is used stays, also when
/// the hub has no such version any more, or another one of that name.
pub fn plan(listing: &Listing, local: &[Arc<ResourcePlugin>], used: impl Fn(&str) -> bool) -> Vec<Action> {
    let here = Local::new(&listing.id, local);
    let mut actions = Vec::new();
    // Names that copies made now bear: none of a further one may differ in case only.
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for offered in listing.offered() {
        match here.standing(offered) {
            Standing::Absent => {
                let name = offered.spec.name.as_str();
                if *names.entry(name.to_ascii_lowercase()).or_insert(name) == name {
                    actions.push(Action::Create(Box::new(copy_of(offered, &listing.id))));
                }
            }
            Standing::Copy(there) if !is_leaving(there) && differs(there, offered) => {
                let copy = Box::new(copy_of(offered, &listing.id));
                actions.push(Action::Update { seen: Arc::clone(there), copy });
            }
            // The next look makes it anew.
            Standing::Stale(there) => actions.extend(dropped(there, &used)),
            Standing::Copy(_) | Standing::NameTaken(_) | Standing::Own | Standing::OtherHub => {}
        }
    }
    actions.extend(here.withdrawn(listing).into_iter().filter_map(|copy| dropped(copy, &used)));
    actions
}

fn dropped(copy: &Arc<ResourcePlugin>, used: impl Fn(&str) -> bool) -> Option<Action> {
    (!is_leaving(copy) && !used(&copy.spec.identity())).then(|| Action::Drop(Arc::clone(copy)))
}

fn is_leaving(copy: &ResourcePlugin) -> bool {
    copy.metadata.deletion_timestamp.is_some()
}

fn differs(copy: &ResourcePlugin, offered: &ResourcePlugin) -> bool {
    let left = copy.annotations().contains_key(ANNOTATION_HUB_LEFT);
    left || copy.spec != offered.spec || object_of(copy) != offered.metadata.uid.as_deref()
}

/// Content and marks; labels and annotations that people use on the hub stay there.
fn copy_of(offered: &ResourcePlugin, hub: &str) -> ResourcePlugin {
    let mark = |key: &str, value: &str| Some(BTreeMap::from([(key.to_owned(), value.to_owned())]));
    ResourcePlugin {
        metadata: ObjectMeta {
            name: offered.metadata.name.clone(),
            labels: mark(LABEL_HUB, hub),
            annotations: mark(ANNOTATION_HUB_OBJECT, offered.metadata.uid.as_deref().unwrap_or_default()),
            ..ObjectMeta::default()
        },
        spec: offered.spec.clone(),
        status: None,
    }
}
