//! `sandbind hub leave`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use sandbind_core::{
    api::{ResourceInstance, ResourcePlugin},
    hub::hub_of,
};
use sandbind_wire::name::{ANNOTATION_HUB_LEFT, HUB_SECRET, LABEL_HUB};
use serde_json::json;

use super::{
    id, other_hub,
    way::{self, Way},
};
use crate::{
    args::{Global, HubLeaveArgs},
    client::{self, Cluster, unless_gone},
    exit::Outcome,
    install::hub,
    output::Shell,
};

/// Takes away the Secret, the copies that nothing uses, and, where the hub is named, what it has of this cluster.
pub(super) async fn run(global: &Global, args: &HubLeaveArgs, shell: &Shell) -> Outcome {
    let cluster = client::connect(global).await?;
    let way = way::needed(&cluster).await?;
    let hub = match &args.hub_context {
        None => None,
        Some(context) => {
            let hub = client::connect(&Global { context: Some(context.clone()), ..global.clone() }).await?;
            if id(&hub).await? != way.hub {
                let reason = "it is not the hub that this cluster is a member of".to_owned();
                return Err(other_hub("--hub-context", reason, "name the context of the hub, or none"));
            }
            Some(hub)
        }
    };
    unless_gone(way::secrets(&cluster).delete(HUB_SECRET, &DeleteParams::default()).await)?;
    match &hub {
        Some(hub) => forget(hub, &way.member).await?,
        None => shell.note(&format!(
            "on the hub, MemberCluster `{0}` and its account remain: `sandbind hub leave --hub-context` would have removed them; \
             `kubectl delete membercluster {0}` there ends what it says",
            way.member
        )),
    }
    copies(&cluster, &way, shell).await?;
    shell.note("this cluster takes no more plugins from the hub");
    Ok(())
}

/// The member's object and its account.
async fn forget(hub: &Cluster, member: &str) -> Outcome {
    for object in hub::account(member).iter().rev().chain([&hub::member(member, "")]) {
        unless_gone(
            client::api_of(&hub.client, object).delete(member_name(object), &DeleteParams::default()).await,
        )?;
    }
    Ok(())
}

fn member_name(object: &serde_json::Value) -> &str {
    object.pointer("/metadata/name").and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Marks the copies as left, so that they may be deleted, and deletes those that nothing uses.
async fn copies(cluster: &Cluster, way: &Way, shell: &Shell) -> Outcome {
    let plugins: Api<ResourcePlugin> = Api::all(cluster.client.clone());
    let records: Api<ResourceInstance> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records.list(&ListParams::default()).await?.items {
        if let Some(pinned) = record.status.and_then(|status| status.plugin) {
            let user = format!("{}/{}", record.spec.key.namespace, record.spec.key.sandbox);
            users.entry(pinned.identity).or_default().push(user);
        }
    }
    let ours = ListParams::default().labels(&format!("{LABEL_HUB}={}", way.hub));
    for copy in plugins.list(&ours).await?.items.iter().filter(|copy| hub_of(copy).is_some()) {
        let (name, identity) = (copy.name_any(), copy.spec.identity());
        let left = json!({"metadata": {"annotations": {ANNOTATION_HUB_LEFT: Timestamp::now().to_string()}}});
        unless_gone(plugins.patch(&name, &PatchParams::default(), &Patch::Merge(left)).await)?;
        if let Some(users) = users.get(&identity) {
            shell.note(&format!(
                "the copy of {identity} remains, in use by {}: `sandbind plugin delete {identity}` removes it afterwards",
                users.join(", ")
            ));
        } else {
            unless_gone(plugins.delete(&name, &DeleteParams::default()).await)?;
            shell.note(&format!("removed the copy of {identity}"));
        }
    }
    Ok(())
}
