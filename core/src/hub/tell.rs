//! What a cluster tells its hub of each plugin: whether it is ready there, and who uses it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Listing, Local, Standing};
use crate::{
    accepted::{ACCEPTED, RESOLVED_REFS},
    api::{
        ResourcePlugin,
        member::{MemberClusterStatus, MemberPlugin},
    },
    lifecycle::record::Record,
};

/// The most plugins that are told.
const PLUGINS: usize = 500;
/// The most users that are told of one.
const USERS: usize = 5;
/// The longest message, in characters.
const MESSAGE: usize = 512;

#[derive(Default)]
struct Uses {
    instances: i64,
    users: BTreeSet<String>,
}

/// The status without its heartbeat. `local`: every plugin of the cluster; `records`: every record there; `refused`: by `name@version`,
/// why the cluster's API server did not take a copy.
pub fn tell(
    listing: &Listing,
    local: &[Arc<ResourcePlugin>],
    records: &[Arc<Record>],
    refused: &BTreeMap<String, String>,
) -> MemberClusterStatus {
    let here = Local::new(&listing.id, local);
    let mut uses = uses(records);
    let mut take = |identity: &str| uses.remove(identity).unwrap_or_default();
    let mut told = Vec::new();
    for offered in listing.offered() {
        let identity = offered.spec.identity();
        let why = match here.standing(offered) {
            Standing::Copy(copy) => not_ready(copy),
            // What a cluster makes from its own plugin is no use of the hub's.
            Standing::Own => {
                let why = "the cluster has a plugin of its own of this name and version, which wins";
                told.push(entry(identity, Some(("OwnPlugin".to_owned(), why.to_owned())), Uses::default()));
                continue;
            }
            Standing::OtherHub => {
                why("OtherHub", "the cluster keeps a copy of this name and version from another hub")
            }
            Standing::NameTaken(other) => why(
                "NameTaken",
                &format!("the cluster has a plugin `{other}`, whose name differs in case only"),
            ),
            Standing::Stale(_) => why(
                "StaleCopy",
                "the cluster uses a copy of this version with other content: it goes when nothing uses it",
            ),
            Standing::Absent => match refused.get(&identity) {
                Some(reason) => why("Refused", reason),
                None => why("NotSeenYet", "the cluster has not made a copy yet"),
            },
        };
        let uses = take(&identity);
        told.push(entry(identity, why, uses));
    }
    let offered = told.len();
    for copy in here.withdrawn(listing) {
        let identity = copy.spec.identity();
        let uses = take(&identity);
        let why = why("Withdrawn", "the hub no longer has it: the copy goes when nothing uses it");
        told.push(entry(identity, why, uses));
    }
    let ready = told.iter().filter(|plugin| plugin.ready).count();
    told.sort_by(|a, b| (Reverse(a.instances), &a.identity).cmp(&(Reverse(b.instances), &b.identity)));
    let omitted = told.len().saturating_sub(PLUGINS);
    told.truncate(PLUGINS);
    MemberClusterStatus {
        heartbeat: None,
        summary: Some(format!("{ready}/{offered} ready")),
        plugins: told,
        omitted: i64::try_from(omitted).unwrap_or(i64::MAX),
    }
}

fn uses(records: &[Arc<Record>]) -> BTreeMap<&str, Uses> {
    let mut uses: BTreeMap<&str, Uses> = BTreeMap::new();
    for record in records {
        let Some(pinned) = &record.status.plugin else { continue };
        let of = uses.entry(&pinned.identity).or_default();
        of.instances = of.instances.saturating_add(1);
        of.users.insert(format!("{}/{}", record.spec.key.namespace, record.spec.key.sandbox));
    }
    uses
}

#[expect(clippy::unnecessary_wraps, reason = "reads better where it is used")]
fn why(reason: &str, message: &str) -> Option<(String, String)> {
    Some((reason.to_owned(), message.to_owned()))
}

fn entry(identity: String, why: Option<(String, String)>, uses: Uses) -> MemberPlugin {
    let ready = why.is_none();
    let (reason, message) = why.unzip();
    MemberPlugin {
        identity,
        ready,
        reason,
        message: message.map(|text| clipped(&text)).filter(|text| !text.is_empty()),
        instances: uses.instances,
        users: uses.users.into_iter().take(USERS).collect(),
    }
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= MESSAGE {
        return text.to_owned();
    }
    text.chars().take(MESSAGE - 1).chain(['…']).collect()
}

/// What the copy's own status says against its use, if it speaks of the copy as it stands.
fn not_ready(copy: &ResourcePlugin) -> Option<(String, String)> {
    for name in [ACCEPTED, RESOLVED_REFS] {
        let conditions = copy.status.iter().flat_map(|status| &status.conditions);
        let mut of_now = conditions.filter(|one| one.observed_generation == copy.metadata.generation);
        match of_now.find(|one| one.type_ == name) {
            None => return why("NotSeenYet", "the cluster's plugin runner has not looked at the copy yet"),
            Some(one) if one.status == "True" => {}
            Some(one) => return why(&one.reason, &one.message),
        }
    }
    None
}
