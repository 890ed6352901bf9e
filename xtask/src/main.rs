//! The project's own tasks: `cargo xtask --help`.

mod bench;
mod beside;
mod broken;
mod ci;
mod containers;
mod fuzz;
mod generate;
mod guard;
mod image;
mod process;
mod servers;
mod test;
mod testbed;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks", max_term_width = 110)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The main job on this machine, no cluster needed
    Demo,
    /// Everything: unit, property, simulation, conformance and end-to-end tests on a real cluster
    Test(test::Args),
    /// Only the end-to-end tests, on a running cluster or one that is started for them
    E2e(test::E2eArgs),
    /// Only these test targets, of those that something is made or installed for
    Only(test::OnlyArgs),
    /// A real Kubernetes on this machine
    #[command(subcommand)]
    Cluster(testbed::Command),
    /// The container image with all programs, as a file that `cluster load` takes
    Image(image::Args),
    /// Writes what is generated: manifests, reference pages
    Generate {
        /// Fail when the result differs from what is committed
        #[arg(long)]
        check: bool,
    },
    /// Measures what docs/performance.md tells: figure, goal, met or missed
    Bench(bench::Args),
    /// Shows that the end-to-end tests notice what the patches in tests/broken break
    Broken(broken::Args),
    /// Fuzzes the parsers: targets in fuzz/, what is learnt and found in the cache
    Fuzz(fuzz::Args),
    /// Runs a folder of published plugin documents with stand-ins for the tools they call
    Corpus(test::CorpusArgs),
    /// What continuous integration runs
    Ci(test::Args),
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Demo => test::demo(),
        Task::Test(args) => test::all(&args),
        Task::E2e(args) => test::e2e(&args),
        Task::Only(args) => test::only(&args),
        Task::Cluster(command) => testbed::run(&command),
        Task::Image(args) => image::build(&args).map(|file| process::print(&file.display().to_string())),
        Task::Generate { check } => generate::run(check),
        Task::Bench(args) => bench::run(&args),
        Task::Broken(args) => broken::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Corpus(args) => test::corpus(&args),
        Task::Ci(args) => ci::run(&args),
    }
}

#[cfg(test)]
mod pages;
