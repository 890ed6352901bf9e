//! Shows that tests bite: each patch in `tests/broken` breaks one thing, and the test it names must then fail.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    image,
    process::{self, command, note, print, root},
    test, testbed,
};

/// How a broken tree is tested: the first line of a patch, `# fails: cargo test …` or `# fails: e2e NAME`.
enum Proof {
    Cargo(Vec<String>),
    EndToEnd(String),
}

/// `cargo xtask broken [FILTER]`
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    let dir = root().join("tests/broken");
    let mut patches: Vec<PathBuf> = fs::read_dir(&dir)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .filter(|path| filter.is_none_or(|filter| path.display().to_string().contains(filter)))
        .collect();
    patches.sort();
    if patches.is_empty() {
        bail!("no patch in {} matches", dir.display());
    }
    let tree = process::cache().join("broken");
    let mut survived = Vec::new();
    for patch in &patches {
        let name = patch.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let caught = try_patch(patch, &tree).with_context(|| format!("patch {name}"))?;
        print(&format!(
            "{name}: {}",
            if caught { "the test fails, as it should" } else { "THE TEST STILL PASSES" }
        ));
        if !caught {
            survived.push(name);
        }
    }
    if survived.is_empty() {
        print(&format!("{} passed, 0 failed", patches.len()));
        return Ok(());
    }
    bail!("tests that would not notice: {}", survived.join(", "));
}

fn try_patch(patch: &Path, tree: &Path) -> Result<bool> {
    let text = fs::read_to_string(patch)?;
    let proof = proof(&text)?;
    fresh_tree(tree)?;
    process::run(command("git", &["apply", "--whitespace=nowarn"]).arg(patch).current_dir(tree))?;
    let target = tree.join("target");
    match proof {
        Proof::Cargo(arguments) => {
            let mut test = command("cargo", &[]);
            test.args(&arguments).current_dir(tree).env("CARGO_TARGET_DIR", target);
            note(&format!("$ cargo {}", arguments.join(" ")));
            // A tree that does not compile proves nothing.
            process::run(
                command("cargo", &["check", "--workspace", "--quiet"])
                    .current_dir(tree)
                    .env("CARGO_TARGET_DIR", tree.join("target")),
            )?;
            Ok(!test.status()?.success())
        }
        Proof::EndToEnd(name) => {
            let cluster = testbed::up(None, &["--audit"])?;
            let file = tree.join("sandbind.tar");
            process::run(
                command("cargo", &["xtask", "image", "--out"])
                    .arg(&file)
                    .current_dir(tree)
                    .env("CARGO_TARGET_DIR", target),
            )?;
            test::prepare(&cluster)?;
            testbed::load(&file)?;
            restart(&cluster)?;
            let failed = test::end_to_end(&cluster, Some(&name)).is_err();
            testbed::down()?;
            Ok(failed)
        }
    }
}

fn restart(cluster: &testbed::Cluster) -> Result<()> {
    let kubectl = |arguments: &[&str]| {
        let mut kubectl = command(cluster.bin.join("kubectl"), arguments);
        kubectl.env("KUBECONFIG", &cluster.kubeconfig);
        kubectl
    };
    note(&format!("restarting the programs with the broken {}", image::IMAGE));
    process::run(&mut kubectl(&["-n", "sandbind-system", "rollout", "restart", "deployment"]))?;
    for name in ["sandbind-webhook", "sandbind-plugin-runner"] {
        process::run(&mut kubectl(&[
            "-n",
            "sandbind-system",
            "rollout",
            "status",
            "--timeout=120s",
            &format!("deployment/{name}"),
        ]))?;
    }
    Ok(())
}

fn proof(text: &str) -> Result<Proof> {
    let line =
        text.lines().find_map(|line| line.strip_prefix("# fails: ")).context("no line `# fails: …`")?;
    match line.split_once(' ') {
        Some(("cargo", rest)) => Ok(Proof::Cargo(rest.split_whitespace().map(str::to_owned).collect())),
        Some(("e2e", name)) => Ok(Proof::EndToEnd(name.trim().to_owned())),
        _ => bail!("`# fails: {line}` is neither `cargo …` nor `e2e NAME`"),
    }
}

/// A clean copy of HEAD whose target folder survives from patch to patch.
fn fresh_tree(tree: &Path) -> Result<()> {
    let head = process::output(&mut command("git", &["rev-parse", "HEAD"]))?;
    if tree.join(".git").exists() {
        process::run(command("git", &["fetch", "--quiet"]).arg(root()).arg("HEAD").current_dir(tree))?;
    } else {
        fs::create_dir_all(tree)?;
        process::run(command("git", &["clone", "--quiet"]).arg(root()).arg(tree))?;
    }
    process::run(command("git", &["checkout", "--quiet", "--force", head.trim()]).current_dir(tree))?;
    process::run(command("git", &["clean", "-fdq", "-e", "target"]).current_dir(tree))
}
