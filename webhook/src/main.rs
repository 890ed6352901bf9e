//! The admission webhook of an installation.

use std::process::ExitCode;

use clap::Parser as _;
use sandbind_cluster::{client, trust, view};
use sandbind_kit::{shutdown, telemetry, tls};
use sandbind_webhook::{args::Args, args::Resolved, server::Server, trace::Ending};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse().resolve();
    telemetry::log(args.log_format, &args.log)?;
    tls::install_provider();
    let ended = shutdown::run(|shutdown| Box::pin(run(args, shutdown))).await?;
    ended.map_or(Ok(ExitCode::FAILURE), |done| done.map(|()| ExitCode::SUCCESS))
}

async fn run(args: Resolved, shutdown: shutdown::Shutdown) -> anyhow::Result<()> {
    let client = client::connect(args.kubeconfig.as_deref()).await?;
    let server = Server::default();
    let (caches, address) = (server.part("caches"), server.part("runner address"));
    let (system, certificates) = (args.settings.system_namespace.clone(), server.certificates.clone());
    let (metrics, ending) = (server.metrics.clone(), Ending(args.abort_at));
    let world = view::Cluster::new(client.clone(), &system, args.installation, metrics, ending);
    let watching = world.run(|there| caches.set(there), |there| address.set(there));
    let show = |pair: &trust::Pair| certificates.replace(&pair.chain, &pair.key);
    let certifying = async {
        match &args.tls_dir {
            Some(folder) => tls::follow(folder, certificates.clone(), shutdown.clone()).await,
            None => trust::keep(client, &system, args.lifetimes, show).await,
        }
    };
    tokio::select! {
        served = server.run(world.clone(), args.settings, args.listen, shutdown.clone()) => Ok(served?),
        _never = async { tokio::join!(watching, certifying) } => Ok(()),
    }
}
