//! The figures of docs/performance.md: a line per row with figure, goal, and whether it is met. `cargo xtask bench` runs it.
//!
//! Figures depend on the machine and on what else runs there, so nothing here fails by a figure: it only tells.

mod bed;
mod figure;
mod live;
mod machine;
mod row;
mod rows;
mod webhook;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures what docs/performance.md tells.
#[derive(Parser)]
#[command(name = "bench")]
struct Args {
    /// Only rows whose name contains this
    filter: Option<String>,
    /// Folder with the static programs of the image, for the rows about them
    #[arg(long, default_value = "target/image/context")]
    programs: PathBuf,
    /// Kubeconfig of a cluster with sandbind installed; without it the rows that need one are left out
    #[arg(long, env = "SANDBIND_BENCH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the program starts itself as.
#[derive(Subcommand)]
enum Part {
    /// The real webhook server, with surroundings in memory
    #[command(hide = true)]
    ServeWebhook(webhook::server::Args),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    sandbind_kit::tls::install_provider();
    if let Some(Part::ServeWebhook(args)) = &args.part {
        return webhook::server::run(args);
    }
    rows::all(&rows::Means {
        filter: args.filter.unwrap_or_default(),
        programs: args.programs,
        kubeconfig: args.kubeconfig,
    })
}
