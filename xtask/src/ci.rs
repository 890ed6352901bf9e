//! What continuous integration runs, cheapest first.

use anyhow::Result;

use crate::{
    broken, generate,
    process::{self, cargo, note},
    test,
};

/// Format, patches, lints, bans, drift, documentation, then the README's test command.
pub(crate) fn run(args: &test::Args) -> Result<()> {
    process::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    broken::check()?;
    // Targets that `cargo test` leaves out are left out by `--all-targets` too.
    let mut lint = cargo(&["clippy", "--workspace", "--locked", "--all-targets"]);
    for name in test::ON_DEMAND {
        lint.args(["--test", name]);
    }
    process::run(lint.args(["--", "-D", "warnings"]))?;
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
