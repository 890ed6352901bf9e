//! A server's process in a folder of its own, and waiting for it.

use std::{
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take to start. RabbitMQ takes half a minute on a machine that builds something.
const START: Duration = Duration::from_mins(2);

/// Runs a command in the background until standard input ends, which it does when the test's process is gone in whatever way; then ends
/// the process group, and with it whatever the command started.
const GUARD: &str = r#""$@" </dev/null & cat >/dev/null; kill -KILL 0"#;

/// What runs for a test. It ends, with all that it started, when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it in `folder`; what it says goes to the file `log` there.
    pub(crate) fn start(folder: &Path, log: &str, command: &[&str], env: &[(&str, String)]) -> Self {
        use std::os::unix::process::CommandExt as _;
        let said = File::create(folder.join(log)).unwrap();
        let child = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args(command)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("PATH", path())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _killed = self.0.wait();
    }
}

/// A server: its folder, and what runs in it. The processes end before the folder goes.
pub(crate) struct Server {
    /// In the order in which they end.
    pub(crate) processes: Vec<Process>,
    /// Where its data and logs are.
    pub(crate) folder: TempDir,
}

impl Server {
    /// A folder without a process.
    pub(crate) fn new() -> Self {
        Self { processes: Vec::new(), folder: tempfile::tempdir().unwrap() }
    }

    /// Starts a process in the folder, and waits until a shell command succeeds there.
    pub(crate) fn start(&mut self, log: &str, command: &[&str], env: &[(&str, String)], ready: &str) {
        let folder = self.folder.path().to_owned();
        let found = shell(&folder, &format!("command -v {}", command[0]), env);
        found.unwrap_or_else(|error| panic!("`cargo xtask test` installs it: {error}"));
        self.processes.insert(0, Process::start(&folder, log, command, env));
        wait(&format!("{command:?}"), || {
            let asked = shell(&folder, ready, env);
            let said = std::fs::read_to_string(folder.join(log)).unwrap_or_default();
            asked.map(drop).map_err(|refused| format!("{refused}\n{log}: {said}"))
        });
    }

    /// Path of a file in the folder.
    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// Writes a file in the folder.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }
}

/// Asks again until it is so. After [`START`], says what it saw last.
fn wait(what: &str, mut so: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + START;
    while let Err(seen) = so() {
        assert!(Instant::now() < deadline, "{what} is not ready after {START:?}: {seen}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What a command of bash prints, or both of its outputs when it fails.
pub(crate) fn shell(folder: &Path, text: &str, env: &[(&str, String)]) -> Result<String, String> {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", text])
        .envs(env.iter().map(|(name, value)| (name, value)))
        .env("PATH", path())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("{text}\nended with {}: {printed}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// `PATH`, with where Debian puts servers.
fn path() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

/// A port of the loopback address that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
