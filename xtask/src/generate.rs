//! Generated files: one source each, and a check that fails on drift.

use anyhow::{Result, bail};

use crate::{
    process::{self, command, output},
    test,
};

/// What the generator writes, relative to the root.
const GENERATED: &[&str] = &["manifests", "docs/reference"];

/// Writes everything that is generated.
pub(crate) fn run_generator() -> Result<()> {
    process::run(&mut command(test::sandbind()?, &["internal", "generate", "."]))
}

/// `cargo xtask generate [--check]`: writes everything; with `check`, fails when that differs from what is committed.
pub(crate) fn run(check: bool) -> Result<()> {
    run_generator()?;
    if check {
        let mut status = command("git", &["status", "--porcelain", "--"]);
        let drift = output(status.args(GENERATED))?;
        if !drift.trim().is_empty() {
            process::run(command("git", &["diff", "--stat", "--"]).args(GENERATED))?;
            bail!("generated files are out of date; run `cargo xtask generate` and commit:\n{drift}");
        }
    }
    Ok(())
}
