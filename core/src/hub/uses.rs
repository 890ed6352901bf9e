//! What the clusters of a hub say of the use of one plugin.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::MemberCluster;

/// A cluster that has not written for so long is silent. What it said stands: silence ends no use.
pub const SILENT: Duration = Duration::from_secs(300);

/// Whether a cluster has not written for too long, or never.
pub fn is_silent(member: &MemberCluster, now: Timestamp) -> bool {
    let heartbeat = member.status.as_ref().and_then(|status| status.heartbeat.as_deref());
    let heartbeat = heartbeat.and_then(|text| text.parse::<Timestamp>().ok());
    heartbeat
        .is_none_or(|at| now.duration_since(at) > jiff::SignedDuration::try_from(SILENT).unwrap_or_default())
}

/// Who uses a plugin: one line for each cluster that does, or that does not tell. Empty: nobody.
pub fn uses(members: &[MemberCluster], identity: &str, now: Timestamp) -> Vec<String> {
    let of = |member: &MemberCluster| {
        let status = member.status.as_ref()?;
        let name = member.name_any();
        let silent = if is_silent(member, now) { " (silent)" } else { "" };
        let Some(told) = status.plugins.iter().find(|plugin| plugin.identity == identity) else {
            // Those in use are told first: where all that are told are in use, one that is not told may be too.
            let unknown = status.omitted > 0 && status.plugins.iter().all(|plugin| plugin.instances > 0);
            return unknown
                .then(|| format!("perhaps cluster {name}{silent}, which has more plugins than it tells"));
        };
        if told.instances <= 0 {
            return None;
        }
        let resources = if told.instances == 1 { "resource" } else { "resources" };
        let users = told.users.join(", ");
        Some(format!("cluster {name}{silent}: {} {resources}, of {users}", told.instances))
    };
    members.iter().filter_map(of).collect()
}
