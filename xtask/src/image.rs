//! The container image: static binaries on an empty base, made by buildah from the project's Dockerfile.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::process::{self, cargo, command, output, root, run};

/// The image's name in tests.
pub(crate) const IMAGE: &str = "localhost/sandbind:dev";

/// Flags of `cargo xtask image`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the image file goes. Default: target/image/sandbind.tar
    #[arg(long)]
    out: Option<PathBuf>,
    /// The cargo profile of the servers and the command; the programs inside pods always use `pod`
    #[arg(long, default_value = RELEASE)]
    profile: String,
}

impl Args {
    /// With this profile, at the default place.
    pub(crate) fn of(profile: &str) -> Self {
        Self { out: None, profile: profile.to_owned() }
    }
}

/// The profile that is published, and measured.
pub(crate) const RELEASE: &str = "release";
/// The profile that is tested.
pub(crate) const TESTED: &str = "e2e";

/// package, binary, whether it runs inside pods
const PROGRAMS: &[(&str, &str, bool)] = &[
    ("sandbind-step-agent", "sandbind-step-agent", true),
    ("sandbind-binder-sidecar", "sandbind-binder-sidecar", true),
    ("sandbind-webhook", "sandbind-webhook", false),
    ("sandbind-plugin-runner", "sandbind-plugin-runner", false),
    ("sandbind-cli", "sandbind", false),
];

/// Builds the programs and the image; answers the image file.
pub(crate) fn build(args: &Args) -> Result<PathBuf> {
    process::debian(&[("buildah", "buildah")])?;
    let context = programs(&args.profile)?;
    let out = args.out.clone().unwrap_or_else(|| root().join("target/image/sandbind.tar"));
    pack(&context, &out)?;
    Ok(out)
}

/// Builds the programs, which need nothing of where they run; answers the folder with them.
pub(crate) fn programs(profile: &str) -> Result<PathBuf> {
    let target = host()?;
    let context = root().join("target/image/context");
    fs::create_dir_all(&context)?;
    for pods in [true, false] {
        let profile = if pods { "pod" } else { profile };
        let mut build = cargo(&["build", "--locked", "--target", &target, "--profile", profile]);
        for (package, binary, _) in PROGRAMS.iter().filter(|(_, _, in_pods)| *in_pods == pods) {
            build.args(["--package", package, "--bin", binary]);
        }
        // Static: the binaries run in images that have no C library.
        let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
        run(build.env(variable, "-C target-feature=+crt-static"))?;
        let folder = if profile == "dev" { "debug" } else { profile };
        let built = target_dir().join(&target).join(folder);
        for (_, binary, _) in PROGRAMS.iter().filter(|(_, _, in_pods)| *in_pods == pods) {
            fs::copy(built.join(binary), context.join(binary))
                .with_context(|| format!("no binary {binary}"))?;
        }
    }
    Ok(context)
}

/// The platform that the compiler runs on, and builds for.
pub(crate) fn host() -> Result<String> {
    output(&mut command("rustc", &["-vV"]))?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc -vV names no host")
}

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn pack(context: &std::path::Path, out: &std::path::Path) -> Result<()> {
    let store = root().join("target/image/store");
    let buildah = |arguments: &[&str]| {
        let mut command = command("buildah", &["--storage-driver", "vfs"]);
        command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run")).args(arguments);
        command
    };
    let dockerfile = root().join("Dockerfile");
    run(buildah(&["build", "--isolation", "chroot", "--quiet", "--tag", IMAGE, "--file"])
        .arg(dockerfile)
        .arg(context))?;
    if out.exists() {
        fs::remove_file(out)?;
    }
    run(&mut buildah(&["push", "--quiet", IMAGE, &format!("docker-archive:{}:{IMAGE}", out.display())]))?;
    fs::remove_dir_all(&store).context("cannot remove buildah's store")
}
