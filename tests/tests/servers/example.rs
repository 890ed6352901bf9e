//! An example on its server: its page is followed, what it makes is seen, and it is killed at random points.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::{fs::symlink, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use sandbind_tests::pages::{self, Mark};
use tempfile::TempDir;

use crate::server::{Server, shell};

/// Points at which a run is killed.
const SEEDS: u64 = 8;
/// An undisturbed run takes about as long, in milliseconds.
const RUN: u64 = 800;

/// A plugin of `examples/` and its server.
pub(crate) struct Example {
    /// Name of its folder.
    pub(crate) name: &'static str,
    /// What its page says must be in the environment.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Command of a shell that lists everything on the server of the kind that the plugin makes, by the server's own client.
    pub(crate) list: String,
    /// The server, which runs as long as this.
    pub(crate) _server: Server,
}

/// The page of an example.
pub(crate) fn page(name: &str) -> String {
    format!("examples/{name}/README.md")
}

/// Somebody who has the examples in their folder, and an environment that fits the server.
struct Reader<'e> {
    example: &'e Example,
    folder: TempDir,
    env: Vec<(&'static str, String)>,
}

impl<'e> Reader<'e> {
    fn new(example: &'e Example) -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(pages::root().join("examples"), folder.path().join("examples")).unwrap();
        let mut env = example.env.clone();
        // No settings of whoever runs the tests hold, and none are left there.
        env.push(("HOME", folder.path().display().to_string()));
        env.push(("XDG_STATE_HOME", folder.path().join("state").display().to_string()));
        Self { example, folder, env }
    }

    fn run(&self, text: &str) -> Result<String, String> {
        shell(self.folder.path(), text, &self.env)
    }

    fn list(&self) -> String {
        self.run(&self.example.list).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `sandbind run` with the example and, for the scripts, what its page says.
    fn command(&self, command: &str) -> String {
        let name = self.example.name;
        let env: Vec<String> = self.example.env.iter().map(|(name, _)| format!("--env {name}")).collect();
        format!(
            "sandbind run -q -f examples/{name}/plugin.yaml -f examples/{name}/binding.yaml {} -- {command}",
            env.join(" ")
        )
    }
}

impl Example {
    /// Everything that holds for each example.
    pub(crate) fn check(&self) {
        self.its_page_is_true(&Reader::new(self));
        self.check_scripts();
    }

    /// What holds whatever its page says.
    pub(crate) fn check_scripts(&self) {
        let reader = Reader::new(self);
        self.is_valid(&reader);
        self.makes_what_it_says(&reader);
        self.leaves_nothing_when_killed(&reader);
    }

    /// That nothing is left when a command of bash has used what is made.
    pub(crate) fn check_after(&self, command: &str) {
        let reader = Reader::new(self);
        let before = reader.list();
        std::fs::write(reader.folder.path().join("use.sh"), command).unwrap();
        reader.run(&reader.command("bash -euo pipefail use.sh")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reader.list(), before, "{} leaves something", self.name);
    }

    /// What `plugin test` says of it when its scripts are killed.
    pub(crate) fn conformance(&self) -> String {
        let reader = Reader::new(self);
        let env: Vec<String> = self.env.iter().map(|(name, _)| format!("--env {name}")).collect();
        let test = format!(
            "sandbind plugin test -f examples/{}/plugin.yaml --kill-at random {}",
            self.name,
            env.join(" ")
        );
        reader.run(&test).unwrap_or_else(|error| panic!("{error}"))
    }

    fn is_valid(&self, reader: &Reader<'_>) {
        let validate = format!("sandbind plugin validate --strict -f examples/{}/plugin.yaml", self.name);
        reader.run(&validate).unwrap_or_else(|error| panic!("{error}"));
    }

    fn its_page_is_true(&self, reader: &Reader<'_>) {
        let before = reader.list();
        let mut printed = String::new();
        for block in pages::blocks(&pages::text(&page(self.name))).unwrap() {
            let place = format!("{}:{}", page(self.name), block.line);
            match block.mark {
                Some(Mark::Run) => {
                    printed = reader.run(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
                    assert_eq!(reader.list(), before, "{place} leaves something");
                }
                Some(Mark::Shows) => {
                    let shown = pages::shows(&printed, &block.text);
                    shown.unwrap_or_else(|line| panic!("{place}: not printed: {line}\n{printed}"));
                }
                None | Some(Mark::Skip(_)) => {}
                Some(other) => panic!("{place}: `{other:?}` is not for a page about a server"),
            }
        }
    }

    fn makes_what_it_says(&self, reader: &Reader<'_>) {
        let before = reader.list();
        std::fs::write(reader.folder.path().join("list.sh"), &self.list).unwrap();
        let during = reader.run(&reader.command("bash list.sh")).unwrap_or_else(|error| panic!("{error}"));
        let made: Vec<&str> = during.lines().filter(|line| !before.contains(line)).collect();
        assert!(made.iter().any(|line| line.contains("local-")), "{}: {before}\n{during}", self.name);
        assert_eq!(reader.list(), before, "{} leaves something", self.name);
    }

    fn leaves_nothing_when_killed(&self, reader: &Reader<'_>) {
        let before = reader.list();
        for seed in 0..SEEDS {
            let mut hasher = DefaultHasher::new();
            (self.name, seed).hash(&mut hasher);
            let after = hasher.finish() % RUN;
            eprintln!("{}, seed {seed}: SIGKILL after {after} ms", self.name);
            killed(reader.folder.path(), &reader.command("true"), &reader.env, Duration::from_millis(after));
            reader.run("sandbind local gc").unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(reader.list(), before, "{}, seed {seed} leaves something", self.name);
        }
    }
}

/// Runs it, and kills its process after a while. Its scripts are processes of their own and may go on: to clean up is `local gc`'s task.
fn killed(folder: &Path, command: &str, env: &[(&str, String)], after: Duration) {
    let mut child = Command::new("bash")
        .args(["-c", &format!("exec {command}")])
        .envs(env.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    // Not to wait for something: the point in time is what is varied.
    thread::sleep(after);
    let _ended_before = child.kill();
    child.wait().unwrap();
}
