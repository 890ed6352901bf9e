//! The figures of docs/performance.md.

use anyhow::Result;

use crate::{
    image,
    process::{self, cargo},
    test, testbed,
};

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only rows whose name contains this
    filter: Option<String>,
    /// Leave out the rows that need a real cluster (root, a few Debian packages, Go)
    #[arg(long)]
    without_cluster: bool,
    /// Use the running cluster with the sandbind that is installed there
    #[arg(long, conflicts_with = "without_cluster")]
    as_is: bool,
}

/// Prints a line per row: figure, goal, met or missed.
pub(crate) fn run(args: &Args) -> Result<()> {
    process::run(&mut cargo(&["build", "--quiet", "--release", "--package", "sandbind-bench"]))?;
    if args.without_cluster {
        image::build(&image::Args::of(image::RELEASE))?;
        return process::run(&mut bench(args));
    }
    test::with_cluster(None, args.as_is, |cluster| {
        if !args.as_is {
            testbed::install(cluster, image::RELEASE, &["--replicas", "1"])?;
        }
        process::run(bench(args).arg("--kubeconfig").arg(&cluster.kubeconfig))
    })
}

fn bench(args: &Args) -> std::process::Command {
    let mut bench = process::command(image::target_dir().join("release/bench"), &[]);
    bench.args(&args.filter);
    bench
}
