//! Commands as the tasks run them: shown before they run, in the project's root, failing with their name.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context as _, Result, bail};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where what takes long is kept between runs and checkouts: `$SANDBIND_CACHE`, else `$XDG_CACHE_HOME/sandbind`, else `~/.cache/sandbind`.
pub(crate) fn cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("SANDBIND_CACHE").unwrap_or_else(|| {
        from("XDG_CACHE_HOME")
            .unwrap_or_else(|| from("HOME").unwrap_or_else(|| PathBuf::from("/root")).join(".cache"))
            .join("sandbind")
    })
}

/// A cargo command in the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // `cargo xtask` tells this program which package it is. Build scripts of dependencies look at these variables, and would run
    // again, with all that is built on them, whenever a person's own cargo command and a task take turns.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Any other command in the root.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

static CHILD_ENV: OnceLock<(&str, String)> = OnceLock::new();

/// Every command from now on gets this variable.
pub(crate) fn mark_children(name: &'static str, value: &str) {
    let _first = CHILD_ENV.set((name, value.to_owned()));
}

fn marked(command: &mut Command) -> &mut Command {
    if let Some((name, value)) = CHILD_ENV.get() {
        command.env(name, value);
    }
    command
}

/// Shows and runs it; an unsuccessful end is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let command = marked(command);
    note(&format!("$ {}", show(command)));
    let status = command.status().with_context(|| format!("cannot start {}", show(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", show(command));
    }
    Ok(())
}

/// Starts it.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    let command = marked(command);
    command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {}", show(command)))
}

/// Runs it and answers its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = marked(command)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", show(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", show(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is on PATH or in the system folders.
pub(crate) fn there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).is_file())
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> Result<bool> {
    Ok(output(&mut command("id", &["-u"]))?.trim() == "0")
}

/// Installs Debian packages whose program is missing; without root, says what to run.
pub(crate) fn debian(packages: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        packages.iter().filter(|(_, program)| !there(program)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root()? {
        bail!(
            "Debian packages are missing; as root run: apt-get update && apt-get install -y --no-install-recommends {list}"
        );
    }
    run(command("apt-get", &["update", "-qq"]).stdout(Stdio::null()))?;
    let mut install = command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    run(install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

/// Says what is going on, to standard error.
#[expect(clippy::print_stderr, reason = "the tasks talk to a person")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints a result, to standard output.
#[expect(clippy::print_stdout, reason = "the tasks' results")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
