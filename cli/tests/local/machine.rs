//! A machine of its own for the command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub(crate) const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// A machine of its own: state, and where plugins make things.
pub(crate) struct Machine(tempfile::TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.made()).unwrap();
        machine
    }

    /// Its only folder.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the scripts make their resources.
    pub(crate) fn made(&self) -> PathBuf {
        self.path("made")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandbind"));
        command.args(arguments).env("XDG_STATE_HOME", self.path("state")).env("TMPDIR", self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn sandbind(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `sandbind run` of the example, whose folder lies on this machine.
    pub(crate) fn run(&self, command: &[&str]) -> Command {
        let root = format!("SANDBIND_FILES_ROOT={}", self.made().display());
        let stack = format!("{EXAMPLES}/stack.yaml");
        let arguments = ["run", "-f", &stack, "--env", &root, "--"];
        self.command(&arguments.into_iter().chain(command.iter().copied()).collect::<Vec<_>>())
    }

    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(entries(&self.made()), Vec::<String>::new());
        assert_eq!(entries(&self.path("state/sandbind/runs")), Vec::<String>::new());
    }
}

pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
