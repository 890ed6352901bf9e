//! OpenTofu and a real provider, run as steps: what they make is removed, whenever they are stopped.
//!
//! `cargo xtask test` runs it with `SANDBIND_TEST_OPENTOFU` naming a folder with `tofu` and a provider mirror, and with `sandbind` first
//! in `PATH`.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Points at which an apply is stopped.
const SEEDS: u64 = 10;
/// An undisturbed create takes about as long, in milliseconds, on a machine that does nothing else.
const CREATE: u64 = 1_000;

/// What `sandbind plugin test` said.
struct Tested {
    succeeded: bool,
    text: String,
}

impl Tested {
    /// Exit code of the only attempt of a step.
    fn exit(&self, step: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let is_its_row = matches!(words.next(), Some("create" | "delete")) && words.next() == Some(step);
            words.nth(1).filter(|exit| is_its_row && exit.parse::<i32>().is_ok())
        })
    }
}

fn opentofu() -> PathBuf {
    std::env::var_os("SANDBIND_TEST_OPENTOFU").expect("the folder that tests/testbed/opentofu prints").into()
}

/// Runs a plugin of this checkout with resources below `folder` of this machine.
fn tested(plugin: &str, folder: &Path, params: &[(&str, &str)]) -> Tested {
    run(plugin, folder, params, &["--no-isolation"])
}

fn run(plugin: &str, folder: &Path, params: &[(&str, &str)], flags: &[&str]) -> Tested {
    let opentofu = opentofu();
    let mut path = vec![opentofu.clone()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new("sandbind");
    command
        .args(["plugin", "test", "-f"])
        .arg(root.join(plugin))
        .args(flags)
        .env("PATH", std::env::join_paths(path).unwrap());
    let own = [
        ("folder".to_owned(), folder.display().to_string()),
        ("mirror".to_owned(), opentofu.join("mirror").display().to_string()),
    ];
    let more = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    for (name, value) in own.into_iter().chain(more) {
        command.args(["--param", &format!("{name}={value}")]);
    }
    let output = command.output().expect("sandbind in PATH");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Tested { succeeded: output.status.success(), text }
}

fn left(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn states_are_kept_for_scripts_with_a_view_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let done = run("examples/opentofu/plugin.yaml", folder.path(), &[], &[]);
    assert!(done.succeeded, "{}", done.text);
    assert_eq!((done.exit("provision"), done.exit("destroy")), (Some("0"), Some("0")), "{}", done.text);
}

#[test]
fn the_example_makes_a_folder_and_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let done = tested("examples/opentofu/plugin.yaml", folder.path(), &[]);
    assert!(done.succeeded, "{}", done.text);
    assert_eq!((done.exit("provision"), done.exit("destroy")), (Some("0"), Some("0")), "{}", done.text);
    assert!(left(folder.path()).is_empty(), "{:?}\n{}", left(folder.path()), done.text);
}

#[test]
fn an_apply_that_is_stopped_at_any_point_is_followed_by_a_destroy_that_leaves_nothing() {
    for seed in 0..SEEDS {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        let after = hasher.finish() % CREATE;
        let folder = tempfile::tempdir().unwrap();
        let seconds = format!("{}.{:03}", after / 1000, after % 1000);
        let params = [("what", "interrupt"), ("after", seconds.as_str())];
        let done = tested("tests/tests/opentofu/plugin/plugin.yaml", folder.path(), &params);
        eprintln!("seed {seed}: SIGINT after {after} ms; create exits {:?}", done.exit("provision"));
        assert_eq!(done.exit("destroy"), Some("0"), "seed {seed}\n{}", done.text);
        assert!(left(folder.path()).is_empty(), "seed {seed}: {:?}\n{}", left(folder.path()), done.text);
    }
}

#[test]
fn the_lock_of_a_killed_apply_does_not_stop_its_destroy() {
    let folder = tempfile::tempdir().unwrap();
    let done = tested("tests/tests/opentofu/plugin/plugin.yaml", folder.path(), &[("what", "kill")]);
    assert!(!done.succeeded);
    assert_eq!((done.exit("provision"), done.exit("destroy")), (Some("137"), Some("0")), "{}", done.text);
}

#[test]
fn a_lock_that_is_held_by_a_live_apply_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    let done = tested("tests/tests/opentofu/plugin/plugin.yaml", folder.path(), &[("what", "twice")]);
    // The script exits with 3 when its second tofu was not refused, and with 4 when that failed for another reason.
    assert_eq!((done.exit("provision"), done.exit("destroy")), (Some("0"), Some("0")), "{}", done.text);
    assert!(left(folder.path()).is_empty(), "{:?}\n{}", left(folder.path()), done.text);
}
