//! The real Kubernetes of the tests: `tests/testbed` built once into the cache, up in seconds, down without a trace.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    image,
    process::{self, command, output, root},
    test,
};

/// `cargo xtask cluster …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Starts a cluster and leaves it running; the last line printed is `export KUBECONFIG=… PATH=…`
    Up {
        /// Kubernetes version, such as v1.33.13; the pinned one needs no flag
        #[arg(long)]
        k8s: Option<String>,
        /// Build the image and install sandbind
        #[arg(long)]
        install: bool,
        /// Further flags for tests/testbed/up
        #[arg(last = true)]
        more: Vec<String>,
    },
    /// Stops the cluster and removes every trace
    Down,
    /// Loads an image file into the running cluster
    Load {
        /// A docker archive, such as `cargo xtask image` makes
        file: PathBuf,
    },
}

/// A cluster that is up.
pub(crate) struct Cluster {
    /// Its admin kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// The folder with kubectl of its version.
    pub(crate) bin: PathBuf,
}

/// Does what was asked.
pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Up { k8s, install, more } => {
            let cluster = up(k8s.as_deref(), &more.iter().map(String::as_str).collect::<Vec<_>>())?;
            if *install {
                self::install(&cluster, image::RELEASE, &[])?;
            }
            // The folder has kubectl of the cluster's version.
            let (kubeconfig, bin) = (cluster.kubeconfig.display(), cluster.bin.display());
            process::print(&format!("export KUBECONFIG={kubeconfig} PATH=\"{bin}:$PATH\""));
            Ok(())
        }
        Command::Down => down(),
        Command::Load { file } => load(file),
    }
}

fn script(name: &str) -> std::process::Command {
    let mut script = command(root().join("tests/testbed").join(name), &[]);
    script.env("CLUSTER_CACHE", process::cache().join("cluster")).env("CLUSTER_STATE", state());
    script
}

/// Where the running cluster keeps its state. Short: unix sockets are below it.
pub(crate) fn state() -> PathBuf {
    std::env::var_os("CLUSTER_STATE").map_or_else(|| PathBuf::from("/run/sandbind-testbed"), PathBuf::from)
}

/// Builds Kubernetes where it is missing; the folder with its programs.
pub(crate) fn build(k8s: Option<&str>) -> Result<PathBuf> {
    let version: Vec<&str> = k8s.map(|version| vec!["--k8s", version]).unwrap_or_default();
    let bin = output(script("build").args(&version))?;
    Ok(bin.lines().last().context("tests/testbed/build printed no folder")?.into())
}

/// An API server with controllers and no node, for tests that need nothing to run in pods; needs no root.
pub(crate) fn control_plane(k8s: Option<&str>, name: &str) -> Result<Cluster> {
    let version: Vec<&str> = k8s.map(|version| vec!["--k8s", version]).unwrap_or_default();
    let bin = build(k8s)?;
    let state = control_plane_state(name);
    output(script("up").args(&version).arg("--control-plane-only").env("CLUSTER_STATE", &state))?;
    Ok(Cluster { kubeconfig: state.join("kubeconfig"), bin })
}

/// Stops it.
pub(crate) fn control_plane_down(name: &str) -> Result<()> {
    process::run(script("down").env("CLUSTER_STATE", control_plane_state(name)))
}

/// Where the control plane of this name keeps its state.
pub(crate) fn control_plane_state(name: &str) -> PathBuf {
    state().with_extension(name)
}

/// A folder with OpenTofu and a provider, built where missing.
pub(crate) fn opentofu() -> Result<PathBuf> {
    let folder = output(&mut script("opentofu"))?;
    Ok(folder.lines().last().context("tests/testbed/opentofu printed no folder")?.into())
}

/// A folder with an S3 server, the client of NATS and Helm, built where missing.
pub(crate) fn servers() -> Result<PathBuf> {
    let folder = output(&mut script("servers"))?;
    Ok(folder.lines().last().context("tests/testbed/servers printed no folder")?.into())
}

/// Builds what is missing and starts what is not running.
pub(crate) fn up(k8s: Option<&str>, more: &[&str]) -> Result<Cluster> {
    let version: Vec<&str> = k8s.map(|version| vec!["--k8s", version]).unwrap_or_default();
    let bin = build(k8s)?;
    output(script("up").args(&version).args(more))?;
    Ok(Cluster { kubeconfig: state().join("kubeconfig"), bin })
}

/// Stops it and removes every trace.
pub(crate) fn down() -> Result<()> {
    run_script("down", &[])
}

/// Loads an image file into every node.
pub(crate) fn load(file: &Path) -> Result<()> {
    run_script("images", &["load", &file.display().to_string()])
}

/// Makes an image file unless it is there, and loads it. `way` is `copy` (paths on this machine) or `debs` (Debian packages).
pub(crate) fn make_image(way: &str, name: &str, file: &Path, content: &[&str]) -> Result<()> {
    if !file.exists() {
        let file_name = file.display().to_string();
        let mut arguments = vec![way, name, file_name.as_str()];
        arguments.extend(content);
        run_script("images", &arguments)?;
    }
    load(file)
}

/// Makes an image file of this machine's own programs, with the libraries that they need.
pub(crate) fn pack_programs(name: &str, file: &Path, programs: &[&str]) -> Result<()> {
    process::debian(&[("busybox-static", "busybox")])?;
    let file = file.display().to_string();
    run_script("images", &[&["copy", name, file.as_str()], programs].concat())
}

fn run_script(name: &str, arguments: &[&str]) -> Result<()> {
    process::run(script(name).args(arguments))
}

/// Builds the image with this profile, loads it and installs sandbind with the command's own `install --apply`.
pub(crate) fn install(cluster: &Cluster, profile: &str, more: &[&str]) -> Result<()> {
    let file = image::build(&image::Args::of(profile))?;
    install_image(cluster, &file, &test::sandbind()?, more)
}

/// Loads an image file and installs it with a given `sandbind`.
pub(crate) fn install_image(cluster: &Cluster, file: &Path, sandbind: &Path, more: &[&str]) -> Result<()> {
    load(file)?;
    process::run(
        command(sandbind, &["install", "--apply", "--image", image::IMAGE])
            .args(more)
            .env("KUBECONFIG", &cluster.kubeconfig),
    )
}
