//! Shows that the end-to-end tests bite: each patch in `tests/broken` breaks one thing, and the test it names must then fail.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{self, command, note, print, root},
    test, testbed,
};

/// Flags of `cargo xtask broken`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only patches whose name contains this
    filter: Option<String>,
    /// Only build the broken images; they are kept for the run itself
    #[arg(long)]
    build_only: bool,
}

/// A patch, and the test that notices it.
struct Break {
    name: String,
    patch: PathBuf,
    test: String,
}

/// What a broken tree makes.
struct Built {
    image: PathBuf,
    sandbind: PathBuf,
}

/// All images first (the tree's build folder serves them all), then each on a cluster of its own.
pub(crate) fn run(args: &Args) -> Result<()> {
    let breaks = breaks(args.filter.as_deref())?;
    let folder = process::cache().join("broken");
    let mut built = Vec::new();
    for one in &breaks {
        built.push(build(one, &folder).with_context(|| format!("patch {}", one.name))?);
    }
    if args.build_only {
        return Ok(());
    }
    let tests = test::end_to_end_names()?;
    if let Some(lost) =
        breaks.iter().find(|one| !tests.iter().any(|test| test.ends_with(&format!("::{}", one.test))))
    {
        bail!("{}: there is no end-to-end test `{}`", lost.name, lost.test);
    }
    let mut survivors = Vec::new();
    for (one, built) in breaks.iter().zip(&built) {
        let noticed = is_noticed(one, built).with_context(|| format!("patch {}", one.name))?;
        let verdict = if noticed { "fails, as it should" } else { "STILL PASSES" };
        print(&format!("{}: {} {verdict}", one.name, one.test));
        if !noticed {
            survivors.push(one.name.as_str());
        }
    }
    print(&format!("{} of {} patches are noticed", breaks.len() - survivors.len(), breaks.len()));
    if !survivors.is_empty() {
        bail!("tests that do not notice: {}", survivors.join(", "));
    }
    Ok(())
}

/// That every patch names its test and still fits the tree; whether the test notices takes a cluster each.
pub(crate) fn check() -> Result<()> {
    for one in breaks(None)? {
        process::output(command("git", &["apply", "--check"]).arg(&one.patch))
            .with_context(|| format!("{}: the patch does not fit any more", one.name))?;
    }
    Ok(())
}

fn breaks(filter: Option<&str>) -> Result<Vec<Break>> {
    let dir = root().join("tests/broken");
    let mut breaks = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let patch = entry?.path();
        let name = patch.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if patch.extension().is_none_or(|extension| extension != "patch")
            || filter.is_some_and(|filter| !name.contains(filter))
        {
            continue;
        }
        let text = fs::read_to_string(&patch)?;
        let test = text.lines().find_map(|line| line.strip_prefix("# fails: e2e "));
        let test = test.with_context(|| format!("{name}: no line `# fails: e2e TEST`"))?.trim().to_owned();
        breaks.push(Break { name, patch, test });
    }
    if breaks.is_empty() {
        bail!("no patch in {} matches", dir.display());
    }
    breaks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(breaks)
}

/// The image and the command of HEAD with the patch, unless they are there from an earlier run.
fn build(one: &Break, folder: &Path) -> Result<Built> {
    let head = process::output(&mut command("git", &["rev-parse", "HEAD"]))?;
    let patch = process::output(command("git", &["hash-object"]).arg(&one.patch))?;
    let short = |id: &str| id.trim().chars().take(12).collect::<String>();
    let out = folder.join("images").join(format!("{}-{}", short(&head), short(&patch)));
    let built = Built { image: out.join("sandbind.tar"), sandbind: out.join("sandbind") };
    if built.sandbind.exists() {
        return Ok(built);
    }
    note(&format!("building with {}", one.name));
    let tree = folder.join("tree");
    checkout(&tree, head.trim())?;
    process::run(command("git", &["apply", "--whitespace=nowarn"]).arg(&one.patch).current_dir(&tree))?;
    fs::create_dir_all(&out)?;
    // The tree's own task, so that a patch may change how the image is made. It does not compile: an error, not a notice.
    process::run(
        command("cargo", &["xtask", "image", "--profile", "dev", "--out"])
            .arg(&built.image)
            .current_dir(&tree)
            .env_remove("CARGO_TARGET_DIR"),
    )?;
    fs::copy(tree.join("target/image/context/sandbind"), &built.sandbind)?;
    Ok(built)
}

/// HEAD without its build folder, which stays from patch to patch.
fn checkout(tree: &Path, head: &str) -> Result<()> {
    if tree.join(".git").exists() {
        process::run(command("git", &["fetch", "--quiet"]).arg(root()).arg("HEAD").current_dir(tree))?;
    } else {
        fs::create_dir_all(tree)?;
        process::run(command("git", &["clone", "--quiet"]).arg(root()).arg(tree))?;
    }
    process::run(command("git", &["checkout", "--quiet", "--force", head]).current_dir(tree))?;
    process::run(command("git", &["clean", "-fdq", "-e", "target"]).current_dir(tree))
}

/// Whether the test fails on a fresh cluster with the broken programs. What fails before the test is an error.
fn is_noticed(one: &Break, built: &Built) -> Result<bool> {
    let cluster = testbed::up(None, &["--audit"])?;
    let tried = test::postgres_images()
        .and_then(|()| testbed::install_image(&cluster, &built.image, &built.sandbind, test::INSTALLATION))
        .map(|()| test::end_to_end(&cluster, Some(&one.test)).is_err());
    testbed::down()?;
    tried
}
