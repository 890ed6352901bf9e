//! The tests, and the demo.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{
    beside::Beside,
    containers::{self, Podman},
    image,
    process::{self, cargo, note, run},
    servers,
    testbed::{self, Cluster},
};

/// Flags of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs a real cluster (root, a few Debian packages, Go), and say so
    #[arg(long)]
    without_cluster: bool,
    /// Kubernetes version of the cluster, such as v1.33.13
    #[arg(long)]
    k8s: Option<String>,
}

/// Flags of `cargo xtask e2e`.
#[derive(clap::Args)]
pub(crate) struct E2eArgs {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Kubernetes version of the cluster, such as v1.33.13
    #[arg(long)]
    k8s: Option<String>,
    /// Leave the cluster running afterwards
    #[arg(long)]
    keep: bool,
    /// Use the running cluster with the sandbind that is installed there
    #[arg(long)]
    as_is: bool,
}

/// `cargo xtask demo`
pub(crate) fn demo() -> Result<()> {
    run(&mut process::command(sandbind()?, &["demo"]))
}

/// Builds the command; where it is. The whole workspace is named for the reason given at [`target`].
pub(crate) fn sandbind() -> Result<PathBuf> {
    run(&mut cargo(&["build", "--quiet", "--workspace", "--bin", "sandbind"]))?;
    Ok(image::target_dir().join("debug/sandbind"))
}

/// `cargo xtask test`
pub(crate) fn all(args: &Args) -> Result<()> {
    if args.without_cluster {
        run(&mut cargo(&["test", "--workspace"]))?;
        note(
            "left out by --without-cluster: the adapters' conformance tests, those with containers, OpenTofu and the examples' servers, and all end-to-end tests",
        );
        return Ok(());
    }
    able()?;
    let k8s = args.k8s.as_deref();
    run(&mut cargo(&["test", "--workspace", "--no-run"]))?;
    // Many of these tests wait; what the cluster will run is compiled meanwhile.
    let image = Beside::start(&["image", "--profile", image::TESTED])?;
    let tested = run(&mut cargo(&["test", "--workspace"]));
    image.end().and(tested)?;
    let version: Vec<&str> = k8s.into_iter().flat_map(|version| ["--k8s", version]).collect();
    only(&OnlyArgs { targets: BUSY.map(str::to_owned).into(), k8s: args.k8s.clone() })?;
    with_cluster(k8s, false, |cluster| {
        prepare(cluster)?;
        let names = end_to_end_names()?;
        let calm = calm(cluster, &names);
        // Storms wait for programs that come up again, and so do those for what API servers tell.
        let idle = Beside::start(&[&["only"], &IDLE[..], &version].concat())?;
        let storms = storms(cluster, &names);
        idle.end().and(calm).and(storms)?;
        rights(cluster)
    })
}

/// `cargo xtask e2e`
pub(crate) fn e2e(args: &E2eArgs) -> Result<()> {
    with_cluster(args.k8s.as_deref(), args.keep || args.as_is, |cluster| {
        if !args.as_is {
            prepare(cluster)?;
        }
        end_to_end(cluster, args.filter.as_deref())
    })
}

/// What the end-to-end tests need of the installation: reservations that are soon over, programs that can be killed, a second
/// namespace for step pods, and certificates that are renewed all the time.
#[rustfmt::skip]
pub(crate) const INSTALLATION: &[&str] = &[
    "--bind-window", "20s",
    "--replicas", "1",
    "--step-namespace", "sandbind-steps,published-steps",
    // An authority is old after 160 s, and its successor signs from 235 s on: the kubelet takes a minute to tell running pods.
    "--leaf-lifetime", "60s", "--ca-lifetime", "240s", "--ca-lead", "75s",
];

/// Images and the installation that the end-to-end tests need.
pub(crate) fn prepare(cluster: &Cluster) -> Result<()> {
    postgres_images()?;
    testbed::install(cluster, image::TESTED, INSTALLATION)
}

/// Builds the end-to-end tests; their names.
pub(crate) fn end_to_end_names() -> Result<Vec<String>> {
    let list = process::output(target("e2e").args(["--", "--list"]))?;
    Ok(list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Runs the end-to-end tests whose name contains the filter against an installed cluster.
pub(crate) fn end_to_end(cluster: &Cluster, filter: Option<&str>) -> Result<()> {
    let mut names = end_to_end_names()?;
    names.retain(|name| filter.is_none_or(|filter| name.contains(filter)));
    if names.is_empty() {
        bail!("no end-to-end test has `{}` in its name", filter.unwrap_or_default());
    }
    let (calm, storms) = (calm(cluster, &names), storms(cluster, &names));
    calm.and(storms)?;
    if filter.is_some() {
        note("left out: only all end-to-end tests together use every right that is granted");
        return Ok(());
    }
    rights(cluster)
}

/// Those that leave sandbind's own programs alone. They wait for a cluster some of the time: more at once than there are processors.
fn calm(cluster: &Cluster, names: &[String]) -> Result<()> {
    some(cluster, "5", names.iter().filter(|name| !is_storm(name)))
}

/// Those that disturb sandbind's own programs, one after the other.
fn storms(cluster: &Cluster, names: &[String]) -> Result<()> {
    some(cluster, "1", names.iter().filter(|name| is_storm(name)))
}

fn is_storm(name: &str) -> bool {
    name.starts_with("storms::")
}

fn some<'n>(cluster: &Cluster, at_once: &str, names: impl Iterator<Item = &'n String>) -> Result<()> {
    let names: Vec<String> = names.cloned().collect();
    if names.is_empty() {
        return Ok(());
    }
    // What they count and measure is for people to read, also when all is well.
    let arguments = ["--test-threads", at_once, "--show-output", "--exact"].map(str::to_owned);
    against(cluster, "e2e", &[&arguments, &*names].concat())
}

/// After all end-to-end tests: what the API server's audit log says of rights.
fn rights(cluster: &Cluster) -> Result<()> {
    against(cluster, "rights", &["--show-output".to_owned()])
}

/// One test target that `cargo test --workspace` leaves out. The whole workspace is named all the same: what is selected decides which
/// features the dependencies have, and other features are another build of them.
fn target(name: &str) -> std::process::Command {
    cargo(&["test", "--workspace", "--test", name])
}

fn against(cluster: &Cluster, name: &str, arguments: &[String]) -> Result<()> {
    let mut test = target(name);
    test.arg("--")
        .args(arguments)
        .env("KUBECONFIG", &cluster.kubeconfig)
        .env("PATH", path(cluster)?)
        // kubectl has ended before it would need to collect what it has allocated.
        .env("GOGC", "off")
        .env("SANDBIND_TESTBED_STATE", testbed::state());
    run(&mut test)
}

/// Test targets that something is made or installed for, and that keep the processors busy.
const BUSY: [&str; 4] = ["published", "containers", "opentofu", "servers"];
/// The same, but they wait most of the time.
const IDLE: [&str; 4] = ["api_server", "driving", "cluster", "hub"];

fn targets() -> impl Iterator<Item = &'static str> {
    BUSY.into_iter().chain(IDLE)
}

/// Flags of `cargo xtask only`.
#[derive(clap::Args)]
pub(crate) struct OnlyArgs {
    /// Their names
    #[arg(required = true, value_parser = clap::builder::PossibleValuesParser::new(targets()))]
    targets: Vec<String>,
    /// Kubernetes version, such as v1.33.13
    #[arg(long)]
    k8s: Option<String>,
}

/// `cargo xtask only`
pub(crate) fn only(args: &OnlyArgs) -> Result<()> {
    let k8s = args.k8s.as_deref();
    for target in &args.targets {
        match target.as_str() {
            "hub" => hub(k8s)?,
            "published" => published(None)?,
            "containers" => containers()?,
            "opentofu" => opentofu()?,
            "servers" => servers(k8s)?,
            // A fresh API server for each, for they install what others would trip over.
            name => on_a_control_plane(name, k8s)?,
        }
    }
    Ok(())
}

/// Test targets that `cargo test --workspace` leaves out: they need servers or programs that are made here.
pub(crate) const ON_DEMAND: &[&str] = &[
    "api_server",
    "driving",
    "cluster",
    "hub",
    "containers",
    "opentofu",
    "published",
    "servers",
    "e2e",
    "rights",
];

/// Scripts in containers.
fn containers() -> Result<()> {
    let podman = Podman::ready()?;
    let program = containers::static_program()?;
    run(podman.with(&mut target("containers")).env("SANDBIND_TEST_STATIC", program))
}

/// OpenTofu as the program of steps.
fn opentofu() -> Result<()> {
    let folder = testbed::opentofu()?;
    let mut path = vec![sandbind()?.with_file_name("")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    run(target("opentofu").env("SANDBIND_TEST_OPENTOFU", folder).env("PATH", std::env::join_paths(path)?))
}

/// Flags of `cargo xtask corpus`.
#[derive(clap::Args)]
pub(crate) struct CorpusArgs {
    /// Folder with plugin documents, such as a checkout of published ones
    folder: PathBuf,
}

/// `cargo xtask corpus`
pub(crate) fn corpus(args: &CorpusArgs) -> Result<()> {
    published(Some(&args.folder))
}

/// Documents of the published format, with stand-ins for their tools: the project's own, or those of a folder.
fn published(folder: Option<&Path>) -> Result<()> {
    able()?;
    process::debian(&[("python3-minimal", "python3"), ("util-linux", "unshare")])?;
    let mut path = vec![sandbind()?.with_file_name("")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut test = target("published");
    if let Some(folder) = folder {
        test.env("SANDBIND_CORPUS", folder.canonicalize()?);
    }
    run(test.args(["--", "--nocapture"]).env("PATH", std::env::join_paths(path)?))
}

/// The examples, each on the server that it is for; for those that make Kubernetes objects, that is an API server.
fn servers(k8s: Option<&str>) -> Result<()> {
    servers::install()?;
    let mut path = vec![sandbind()?.with_file_name(""), testbed::servers()?];
    with_control_plane(k8s, "servers", |plane| {
        path.push(plane.bin.clone());
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut tests = target("servers");
        tests.env("SANDBIND_TEST_KUBECONFIG", &plane.kubeconfig).env("PATH", std::env::join_paths(path)?);
        run(&mut tests)
    })
}

fn on_a_control_plane(name: &str, k8s: Option<&str>) -> Result<()> {
    with_control_plane(k8s, name, |plane| {
        let mut tests = target(name);
        run(tests.env("SANDBIND_TEST_KUBECONFIG", &plane.kubeconfig).env("PATH", path(plane)?))
    })
}

/// Does it on a fresh API server, and stops that afterwards whatever came of it.
fn with_control_plane(k8s: Option<&str>, name: &str, job: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
    let result = testbed::control_plane(k8s, name).and_then(|plane| job(&plane));
    let stopped = testbed::control_plane_down(name);
    result.and(stopped)
}

/// A hub and two clusters.
fn hub(k8s: Option<&str>) -> Result<()> {
    let names = ["hub", "east", "west"];
    let mut result = (|| {
        sandbind()?;
        let planes =
            names.iter().map(|name| testbed::control_plane(k8s, name)).collect::<Result<Vec<_>>>()?;
        let states: Vec<String> =
            names.iter().map(|name| testbed::control_plane_state(name).display().to_string()).collect();
        let [plane, ..] = planes.as_slice() else { bail!("no control plane") };
        let mut tests = target("hub");
        tests
            .env("SANDBIND_TEST_CONTROL_PLANES", states.join(","))
            .env("CLUSTER_CACHE", process::cache().join("cluster"))
            .env("PATH", path(plane)?);
        run(&mut tests)
    })();
    // Each is stopped, whatever became of the others.
    for name in names {
        let stopped = testbed::control_plane_down(name);
        result = result.and(stopped);
    }
    result
}

/// Says what is missing before anything is built.
fn able() -> Result<()> {
    if !process::is_root()? {
        bail!(
            "the real cluster needs root; run as root, or `cargo xtask test --without-cluster` to leave that part out"
        );
    }
    if !process::there("go") {
        bail!(
            "Go is missing: the real cluster is built from Go modules; install Go, or `cargo xtask test --without-cluster`"
        );
    }
    Ok(())
}

/// PATH with kubectl of the cluster's version and the built command first.
fn path(cluster: &Cluster) -> Result<std::ffi::OsString> {
    let mut path = vec![cluster.bin.clone(), image::target_dir().join("debug")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    Ok(std::env::join_paths(path)?)
}

/// Does it on a cluster that is up, and stops the cluster afterwards unless it is to be kept.
pub(crate) fn with_cluster(
    k8s: Option<&str>,
    keep: bool,
    job: impl FnOnce(&Cluster) -> Result<()>,
) -> Result<()> {
    able()?;
    let cluster = testbed::up(k8s, &["--audit"])?;
    let result = job(&cluster);
    if keep {
        note(&format!("left running: export KUBECONFIG={}", cluster.kubeconfig.display()));
        return result;
    }
    let stopped = testbed::down();
    result.and(stopped)
}

/// `localhost/psql:1` and `localhost/postgres:1`: this machine's PostgreSQL 15, or Debian's packages, which need not be installed for it.
pub(crate) fn postgres_images() -> Result<()> {
    let dir = process::cache().join("images");
    std::fs::create_dir_all(&dir)?;
    let (psql, postgres) = (dir.join("psql.tar"), dir.join("postgres.tar"));
    let home = PathBuf::from("/usr/lib/postgresql/15");
    let bin = home.join("bin").display().to_string();
    if !home.join("bin/postgres").exists() {
        testbed::make_image("debs", "psql:1", &psql, &["postgresql-client-15"])?;
        return testbed::make_image("debs", "postgres:1", &postgres, &["postgresql-15"]);
    }
    testbed::make_image("copy", "psql:1", &psql, &[&format!("{bin}/psql"), "bash"])?;
    // llvmjit would pull in all of LLVM.
    let mut libraries: Vec<String> = std::fs::read_dir(home.join("lib"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "so"))
        .map(|path| path.display().to_string())
        .filter(|path| !path.contains("llvmjit"))
        .collect();
    libraries.sort();
    let mut paths = vec![bin.as_str()];
    paths.extend(libraries.iter().map(String::as_str));
    paths.extend(["/usr/share/postgresql/15", "/usr/share/zoneinfo", "bash"]);
    testbed::make_image("copy", "postgres:1", &postgres, &paths)
}
