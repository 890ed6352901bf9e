//! Coverage-guided fuzzing of the parsers: `fuzz/`, built by the pinned toolchain with libFuzzer, and run for a while.

mod seeds;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    image,
    process::{self, cargo, command, note, print, root},
};

/// Flags of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One of the targets below fuzz/targets; left out: all, one after the other
    target: Option<String>,
    /// For how long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only try this input, such as one that was found
    #[arg(long, requires = "target")]
    input: Option<PathBuf>,
}

/// What the compiler adds to every crate below the targets, so that libFuzzer sees which ways an input takes.
const INSTRUMENTED: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// Builds the targets and runs them; fails when one of them found something.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = targets()?;
    let wanted: Vec<String> = match &args.target {
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => bail!("there is no target `{target}`; there are {}", all.join(", ")),
        None => all,
    };
    let built = build(&wanted)?;
    if let (Some(input), [target]) = (&args.input, wanted.as_slice()) {
        let input = input.canonicalize().with_context(|| format!("no input {}", input.display()))?;
        return process::run(command(built.join(target), &[]).arg(input));
    }
    let mut broken = Vec::new();
    for target in &wanted {
        if !fuzz(&built.join(target), target, args.seconds)? {
            broken.push(target.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("something was found by {}", broken.join(", "));
    }
    Ok(())
}

/// That the targets are formatted and compile; they are built without libFuzzer itself, which takes a C++ compiler.
pub(crate) fn check() -> Result<()> {
    process::run(&mut cargo(&["fmt", "--manifest-path", MANIFEST, "--check"]))?;
    process::run(&mut cargo(&[
        "check",
        "--quiet",
        "--manifest-path",
        MANIFEST,
        "--locked",
        "--no-default-features",
    ]))
}

const MANIFEST: &str = "fuzz/Cargo.toml";

fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/targets"))? {
        names.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Builds these targets; the folder that they are in.
fn build(targets: &[String]) -> Result<PathBuf> {
    process::debian(&[("g++", "c++")])?;
    let host = image::host()?;
    // With a target named, build scripts and macros are not instrumented.
    let mut build =
        cargo(&["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target", &host]);
    for target in targets {
        build.args(["--bin", target]);
    }
    // The root's own build is another one, so it is kept elsewhere.
    let folder = image::target_dir().join("fuzz");
    process::run(build.env("RUSTFLAGS", INSTRUMENTED).env("CARGO_TARGET_DIR", &folder))?;
    Ok(folder.join(host).join("release"))
}

/// Runs a target; whether it found nothing. What it has learnt and what it finds is kept in the cache.
fn fuzz(program: &Path, target: &str, seconds: u64) -> Result<bool> {
    let kept = process::cache().join("fuzz").join(target);
    let (corpus, found, seeds) = (kept.join("corpus"), kept.join("found"), kept.join("seeds"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    seeds::write(target, &seeds)?;
    let log = kept.join("log");
    note(&format!("{target}: {seconds} s; libFuzzer writes to {}", log.display()));
    let ended = command(program, &["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-dict={}", root().join("fuzz/words.dict").display()))
        .args([&corpus, &seeds])
        .stdout(File::create(&log)?)
        .stderr(File::options().append(true).open(&log)?)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let log = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let executions = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executions = executions.map_or("?", str::trim);
    if ended.success() {
        print(&format!("{target}: {executions} executions, nothing found"));
        return Ok(true);
    }
    let said = log.lines().skip_while(|line| !line.starts_with("thread ")).take(3);
    let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    let input =
        log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path.trim());
    print(&format!("{target}: {executions} executions, FOUND: {}", said.join(" ")));
    match input {
        Some(input) => print(&format!(
            "  the input: {input}\n  again:     cargo xtask fuzz {target} --input {input}\n  once mended, keep it in fuzz/regressions/{target}/"
        )),
        None => print(&format!("  {target} ended with {ended} and kept no input")),
    }
    Ok(false)
}
