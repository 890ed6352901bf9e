//! `sandbind sandbox`: everything a tenant needs, with the rights of `edit` in the namespace. Only whole logs need more: see `logs`.

mod create;
mod delete;
mod explain;
mod hold;
mod holders;
mod logs;
mod show;
pub(super) mod verdict;
pub(super) mod wait;
mod why;

use kube::Api;
use sandbind_core::api::Sandbox;

use crate::{
    args::{Global, SandboxCommand},
    client::{self, Cluster},
    exit::{Failure, Outcome},
    output::Shell,
};

/// Does what was typed.
pub(crate) async fn run(global: &Global, command: SandboxCommand, shell: &Shell) -> Outcome {
    let cluster = client::connect(global).await?;
    match command {
        SandboxCommand::Create(args) => create::run(&cluster, args, shell).await,
        SandboxCommand::List(args) => show::list(&cluster, &args, shell).await,
        SandboxCommand::Get(args) => show::get(&cluster, &args.name, shell).await,
        SandboxCommand::Wait(args) => wait::run(&cluster, &args, shell).await,
        SandboxCommand::Delete(args) => delete::run(&cluster, &args, shell).await,
        SandboxCommand::Why(args) => why::run(&cluster, &args.name, shell).await,
        SandboxCommand::Logs(args) => logs::run(&cluster, &args, shell).await,
        SandboxCommand::Retry(args) => hold::retry(&cluster, &args.name, shell).await,
        SandboxCommand::Hold(args) => hold::run(&cluster, &args, shell).await,
    }
}

/// The sandboxes of the namespace.
fn api(cluster: &Cluster) -> Api<Sandbox> {
    Api::namespaced(cluster.client.clone(), &cluster.namespace)
}

/// `Sandbox namespace/name`, as a place.
fn place(cluster: &Cluster, name: &str) -> String {
    format!("Sandbox {}/{name}", cluster.namespace)
}

/// The sandbox, or a problem that says what makes one.
async fn read(cluster: &Cluster, name: &str) -> Outcome<Sandbox> {
    api(cluster).get_opt(name).await?.ok_or_else(|| absent(cluster, name))
}

fn absent(cluster: &Cluster, name: &str) -> Failure {
    Failure::failed(
        "NotFound",
        place(cluster, name),
        "there is no such sandbox",
        format!(
            "`sandbind -n {} sandbox list` shows those there are; a pod with the label `sandbind.dev/sandbox: {name}` or \
             `sandbind sandbox create {name}` makes it",
            cluster.namespace
        ),
    )
}
