//! `sandbind-plugin-runner`.

use clap::Parser;
use sandbind_kit::{shutdown, telemetry, tls};
use sandbind_plugin_runner::{args::Args, controller};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    telemetry::log(args.log_format, &args.log)?;
    tls::install_provider();
    match shutdown::run(|shutdown| Box::pin(controller::run(args, shutdown))).await? {
        Some(ended) => ended,
        None => anyhow::bail!("ended before its time"),
    }
}
