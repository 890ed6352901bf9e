//! `sandbind hub`: plugins of one place for many clusters.

mod clusters;
mod join;
mod leave;
pub(crate) mod members;
mod setup;
mod status;
mod way;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};

use crate::{
    args::{Global, HubCommand},
    client::{self, Cluster},
    exit::{Failure, Outcome},
    output::Shell,
};

/// Does what was typed.
pub(crate) async fn run(global: &Global, command: HubCommand, shell: &Shell) -> Outcome {
    match command {
        HubCommand::Setup => setup::run(&client::connect(global).await?, shell).await,
        HubCommand::Join(args) => join::run(global, &args, shell).await,
        HubCommand::Status => status::run(&client::connect(global).await?, shell).await,
        HubCommand::Clusters => clusters::run(&client::connect(global).await?, shell).await,
        HubCommand::Leave(args) => leave::run(global, &args, shell).await,
    }
}

/// The id of a cluster: the UID of its namespace `kube-system`.
async fn id(cluster: &Cluster) -> Outcome<String> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    Ok(namespaces.get("kube-system").await?.uid().unwrap_or_default())
}

fn other_hub(place: &str, reason: String, way_out: &str) -> Failure {
    Failure::failed("OtherHub", place, reason, way_out)
}
