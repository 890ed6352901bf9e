//! `sandbind hub status`.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::{Api, ResourceExt as _, api::ListParams, config::Kubeconfig};
use sandbind_cluster::client::of_kubeconfig;
use sandbind_core::{
    accepted::RESOLVED_REFS,
    api::{MemberCluster, ResourcePlugin},
    hub::{hub_of, kubeconfig},
};
use serde_json::{Value, json};

use super::{members, way};
use crate::{
    client::Cluster,
    exit::{Failure, Outcome},
    output::{Shell, table},
};

/// Which hub, whether it answers from here, when the cluster last spoke there, and its copies.
pub(super) async fn run(cluster: &Cluster, shell: &Shell) -> Outcome {
    let way = way::needed(cluster).await?;
    let config = kubeconfig::read(&way.kubeconfig)?;
    let server = kubeconfig::server(&config).unwrap_or_default().to_owned();
    let asked = ask(config, &way.member).await.map_err(|failure| {
        let reasons: Vec<String> = failure.problems.into_iter().map(|problem| problem.reason).collect();
        reasons.join("; ")
    });
    let plugins: Api<ResourcePlugin> = Api::all(cluster.client.clone());
    let all = plugins.list(&ListParams::default()).await?.items;
    let copies: Vec<&ResourcePlugin> = all.iter().filter(|plugin| hub_of(plugin).is_some()).collect();
    let shown = json!({
        "server": server, "hub": way.hub, "member": way.member, "reachable": asked.is_ok(), "told": asked.as_ref().ok(),
        "copies": copies.iter().map(|copy| copy.spec.identity()).collect::<Vec<_>>(),
    });
    shell.show(&shown, || {
        let mut text =
            format!("Hub:         {server}\nHub id:      {}\nMember:      {}\n", way.hub, way.member);
        match &asked {
            Ok(member) => {
                let heartbeat = members::heartbeat(member, Timestamp::now());
                let _infallible = write!(text, "Reachable:   yes, from here\nHeartbeat:   {heartbeat}\n");
            }
            Err(reason) => {
                let _infallible = writeln!(text, "Reachable:   not from here: {reason}");
            }
        }
        let told = asked.as_ref().ok().and_then(|member| member.status.as_ref());
        let rows: Vec<Vec<String>> = match told {
            Some(status) => status
                .plugins
                .iter()
                .map(|plugin| {
                    let ready = if plugin.ready { "yes" } else { "no" };
                    let why = plugin.reason.clone().unwrap_or_default();
                    vec![plugin.identity.clone(), ready.to_owned(), plugin.instances.to_string(), why]
                })
                .collect(),
            None => copies.iter().map(|copy| row(copy, &way.hub)).collect(),
        };
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(&["PLUGIN", "READY", "INSTANCES", "WHY"], &rows));
        }
        text
    })
}

/// A copy by what this cluster knows of it.
fn row(copy: &ResourcePlugin, hub: &str) -> Vec<String> {
    let conditions = copy.status.iter().flat_map(|status| &status.conditions);
    let mut refs = conditions.filter(|one| one.type_ == RESOLVED_REFS);
    let refs = refs.next();
    let ready = if refs.is_some_and(|one| one.status == "True") { "yes" } else { "no" };
    let why = match refs {
        _ if hub_of(copy) != Some(hub) => "OtherHub",
        Some(one) if one.status != "True" => &one.reason,
        Some(_) => "",
        None => "NotSeenYet",
    };
    let instances = copy.status.as_ref().map(|status| status.instances).unwrap_or_default();
    vec![copy.spec.identity(), ready.to_owned(), instances.to_string(), why.to_owned()]
}

/// What stands on the hub about this cluster, asked as the runner would.
async fn ask(config: Value, member: &str) -> Outcome<MemberCluster> {
    let unusable =
        || Failure::failed("RefusedKubeconfig", kubeconfig::PLACE, "it is not usable", "join again");
    let parsed: Kubeconfig = serde_json::from_value(config).map_err(|_| unusable())?;
    let members: Api<MemberCluster> = Api::all(of_kubeconfig(parsed).await.map_err(|_| unusable())?);
    let member = members.get(member).await?;
    Ok(MemberCluster {
        metadata: kube::api::ObjectMeta { name: Some(member.name_any()), ..Default::default() },
        ..member
    })
}
