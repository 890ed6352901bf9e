//! `sandbind hub clusters`.

use jiff::Timestamp;
use kube::ResourceExt as _;
use sandbind_core::api::MemberCluster;
use serde_json::json;

use super::members;
use crate::{
    args::Format,
    client::Cluster,
    exit::Outcome,
    output::{Shell, table},
};

/// Each cluster, when it last spoke, and what it makes of the hub's plugins.
pub(super) async fn run(cluster: &Cluster, shell: &Shell) -> Outcome {
    let items = members::all(cluster).await?;
    if items.is_empty() && shell.format() == Format::Human {
        shell.note("no clusters: `sandbind hub join NAME --hub-context CONTEXT` makes one a member");
        return Ok(());
    }
    let list = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "MemberClusterList", "items": items});
    shell.show(&list, || {
        let now = Timestamp::now();
        let row = |member: &MemberCluster| {
            let status = member.status.clone().unwrap_or_default();
            let instances: i64 = status.plugins.iter().map(|plugin| plugin.instances).sum();
            let summary = status.summary.unwrap_or_default();
            vec![member.name_any(), members::heartbeat(member, now), summary, instances.to_string()]
        };
        table(&["NAME", "HEARTBEAT", "PLUGINS", "INSTANCES"], &items.iter().map(row).collect::<Vec<_>>())
    })
}
