//! The admission webhook of an installation.

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use sandbind_cluster::{client, trust, view};
use sandbind_kit::{shutdown, telemetry, tls};
use sandbind_webhook::{args::Args, args::Resolved, server::Server};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse().resolve();
    telemetry::log(args.log_format, &args.log)?;
    tls::install_provider();
    Ok(match shutdown::run(|shutdown| run(args, shutdown)).await? {
        Some(done) => done.map(|()| ExitCode::SUCCESS)?,
        None => ExitCode::FAILURE,
    })
}

async fn run(args: Resolved, shutdown: shutdown::Shutdown) -> anyhow::Result<()> {
    let client = client::connect(args.kubeconfig.as_deref()).await?;
    let server = Server::default();
    let (caches, address) = (server.part("caches"), server.part("runner address"));
    let system = args.settings.system_namespace.clone();
    let world = view::Cluster::new(client.clone(), &system, args.installation, server.metrics.clone());
    let (certificates, again) = (server.certificates.clone(), shutdown.clone());
    let certify = async {
        match args.tls_dir {
            Some(dir) => tls::follow(&dir, certificates, Duration::from_secs(10), again).await,
            None => {
                trust::keep(client, &system, args.lifetimes, |pair| {
                    certificates.replace(&pair.chain, &pair.key)
                })
                .await
            }
        }
    };
    tokio::select! {
        served = server.run(world.clone(), args.settings, args.listen, shutdown) => Ok(served?),
        () = async { tokio::join!(world.run(|there| caches.set(there), |there| address.set(there)), certify); } => Ok(()),
    }
}
