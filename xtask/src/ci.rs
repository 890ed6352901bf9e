//! What continuous integration runs, cheapest first.

use std::time::Duration;

use anyhow::Result;

use crate::{
    broken, fuzz, generate, guard,
    process::{self, cargo, note},
    test,
};

/// Nothing takes this long, from nothing but the toolchains, on the smallest machine; what does hangs.
const DEADLINE: Duration = Duration::from_secs(80 * 60);

/// Format, patches, fuzz targets, lints, bans, drift, documentation, then the README's test command.
pub(crate) fn run(args: &test::Args) -> Result<()> {
    guard::guarded(DEADLINE, || check(args))
}

fn check(args: &test::Args) -> Result<()> {
    process::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    broken::check()?;
    fuzz::check()?;
    lint(&["--all-targets"])?;
    // Targets that `cargo test` leaves out are left out by `--all-targets` too, also when they are named beside it.
    let named: Vec<&str> = test::ON_DEMAND.iter().flat_map(|name| ["--test", name]).collect();
    lint(&named)?;
    if process::there("cargo-deny") {
        process::run(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    } else {
        note("cargo-deny is not installed; the bans that matter are checked by the layering tests");
    }
    generate::run(true)?;
    process::run(
        cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    test::all(args)
}

fn lint(targets: &[&str]) -> Result<()> {
    let before = ["clippy", "--workspace", "--locked"];
    process::run(&mut cargo(&[&before, targets, &["--", "-D", "warnings"]].concat()))
}
