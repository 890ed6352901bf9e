//! `sandbind hub join`.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::{Api, Config, ResourceExt as _, api::DeleteParams};
use pem::Pem;
use sandbind_core::{api::MemberCluster, hub::kubeconfig, identity::slug};
use sandbind_wire::name::{HUB_NAMESPACE, HUB_SECRET};

use super::{
    id, other_hub,
    way::{self, Way},
};
use crate::{
    args::{Global, HubJoinArgs},
    client::{self, Cluster, unless_gone},
    command::install::apply::apply,
    exit::{Failure, Outcome},
    install::hub,
    output::Shell,
};

/// The longest name of a member: names of roles are made of it.
const LONGEST: usize = 40;
/// How long the hub is given to make a token.
const TOKEN: Duration = Duration::from_secs(30);
/// Whose token it is, as the hub notes it.
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// Between two looks for it.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the cluster of `--context` a member of the hub of `--hub-context`. Again, it renews the Secret.
pub(super) async fn run(global: &Global, args: &HubJoinArgs, shell: &Shell) -> Outcome {
    let name = &args.name;
    if *name != slug(name, LONGEST) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        let reason =
            format!("`{name}` is no name: small letters, digits and single hyphens, at most {LONGEST}");
        return Err(Failure::usage("BadName", "NAME", reason, "name the cluster otherwise"));
    }
    let cluster = client::connect(global).await?;
    let config =
        client::config(&Global { context: Some(args.hub_context.clone()), ..global.clone() }).await?;
    let hub = Cluster { client: kube::Client::try_from(config.clone())?, ..cluster.clone() };
    let (cluster_id, hub_id) = (id(&cluster).await?, id(&hub).await?);
    if cluster_id == hub_id {
        let reason = "--context and --hub-context lead to the same API server";
        return Err(Failure::usage(
            "SameCluster",
            "--hub-context",
            reason,
            "name the hub and another cluster",
        ));
    }
    if let Some(there) = way::read(&cluster).await?.filter(|there| there.hub != hub_id) {
        let place = format!("Secret {}/{HUB_SECRET}", cluster.system);
        let reason = format!("this cluster is member `{}` of another hub", there.member);
        return Err(other_hub(&place, reason, "`sandbind hub leave` first"));
    }
    // Nothing is made on the hub for a cluster that could not use it.
    installed(&cluster).await?;
    member(&hub, name, &cluster_id, shell).await?;
    for object in hub::account(name) {
        apply(&hub.client, &object, shell).await?;
    }
    let (token, authority) = token(&hub, name, shell).await?;
    let server = args.server.clone().unwrap_or_else(|| config.cluster_url.to_string());
    let kubeconfig =
        way::kubeconfig(server.trim_end_matches('/'), &authority_of(&config).unwrap_or(authority), &token);
    // What the runner would refuse is refused here.
    kubeconfig::read(&kubeconfig)?;
    let way = Way { kubeconfig, member: name.clone(), hub: hub_id };
    apply(&cluster.client, &way::object(&cluster, &way), shell).await?;
    shell.note(&format!("the cluster is member `{name}` of the hub: `sandbind hub status` shows its copies"));
    Ok(())
}

async fn installed(cluster: &Cluster) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    if namespaces.get_opt(&cluster.system).await?.is_some() {
        return Ok(());
    }
    Err(Failure::failed(
        "NotFound",
        format!("Namespace {}", cluster.system),
        "sandbind is not installed in the cluster that is to join",
        "`sandbind install --apply` there, or name its namespace by --system-namespace",
    ))
}

/// The member's object, unless another cluster has that name.
async fn member(hub: &Cluster, name: &str, cluster_id: &str, shell: &Shell) -> Outcome {
    let no_hub = |what: &str| {
        let reason = format!("it has no {what}");
        Failure::failed(
            "NoHub",
            "the hub",
            reason,
            "`sandbind hub setup --context CONTEXT` makes an API server a hub",
        )
    };
    let namespaces: Api<Namespace> = Api::all(hub.client.clone());
    if namespaces.get_opt(HUB_NAMESPACE).await?.is_none() {
        return Err(no_hub(&format!("namespace `{HUB_NAMESPACE}`")));
    }
    let members: Api<MemberCluster> = Api::all(hub.client.clone());
    if let Some(there) = members.get_opt(name).await?.filter(|there| there.spec.cluster != cluster_id) {
        return Err(Failure::failed(
            "MemberExists",
            format!("MemberCluster {name}"),
            format!("it stands for another cluster, {}", there.spec.cluster),
            "take another name, or let that cluster leave by `sandbind hub leave --hub-context CONTEXT`",
        ));
    }
    apply(&hub.client, &hub::member(name, cluster_id), shell).await
}

/// The account's token and the hub's own CA, as soon as the hub has written them. Its caches may still hold an account of this name that
/// is gone, and its token is worth nothing: such a Secret is made anew.
async fn token(hub: &Cluster, name: &str, shell: &Shell) -> Outcome<(String, Vec<u8>)> {
    let secrets: Api<Secret> = Api::namespaced(hub.client.clone(), HUB_NAMESPACE);
    let accounts: Api<ServiceAccount> = Api::namespaced(hub.client.clone(), HUB_NAMESPACE);
    let account = accounts.get(name).await?.metadata.uid;
    let until = Instant::now() + TOKEN;
    loop {
        if let Some(secret) = secrets.get_opt(name).await? {
            let owner = secret.annotations().get(ACCOUNT_UID).cloned();
            let data = secret.data.unwrap_or_default();
            if owner.is_some() && owner != account {
                unless_gone(secrets.delete(name, &DeleteParams::default()).await)?;
            } else if let (Some(token), Some(authority)) = (data.get("token"), data.get("ca.crt")) {
                return Ok((String::from_utf8_lossy(&token.0).into_owned(), authority.0.clone()));
            }
        } else {
            for object in hub::account(name).iter().filter(|object| object["kind"] == "Secret") {
                apply(&hub.client, object, shell).await?;
            }
        }
        if Instant::now() >= until {
            let reason = "the hub has not made a token";
            let way_out = "see that its kube-controller-manager runs, then join again";
            return Err(Failure::late(format!("Secret {HUB_NAMESPACE}/{name}"), reason, way_out));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the context verifies the hub by; none: it says nothing of its own.
fn authority_of(config: &Config) -> Option<Vec<u8>> {
    let certificates = config.root_cert.as_ref().filter(|certificates| !certificates.is_empty())?;
    let blocks: Vec<Pem> = certificates.iter().map(|der| Pem::new("CERTIFICATE", der.as_slice())).collect();
    Some(pem::encode_many(&blocks).into_bytes())
}
