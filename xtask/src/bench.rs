//! The figures of docs/performance.md.

use anyhow::Result;

use crate::process::{self, cargo};

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only rows whose name contains this
    filter: Option<String>,
}

/// Prints a line per row: figure, goal, met or missed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut bench =
        cargo(&["run", "--quiet", "--release", "--package", "sandbind-tests", "--bin", "bench", "--"]);
    process::run(bench.args(&args.filter))
}
