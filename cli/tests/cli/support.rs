//! Running the command and kubectl.
#![expect(dead_code, reason = "each of the two targets uses a part")]

use std::{
    ffi::OsStr,
    io::Write as _,
    process::{Command, Stdio},
};

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// All of it, for snapshots.
    pub(crate) fn text(&self) -> String {
        let Self { code, stdout, stderr } = self;
        format!("code: {code}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}")
    }
}

/// The command without any cluster in its environment.
pub(crate) fn sandbind(arguments: &[&str]) -> Ended {
    run(command(arguments), "")
}

/// The same with text on standard input.
pub(crate) fn sandbind_with(arguments: &[&str], stdin: &str) -> Ended {
    run(command(arguments), stdin)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbind"));
    command
        .args(arguments)
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .env_remove("SANDBIND_SYSTEM_NAMESPACE")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("COLUMNS", "100");
    command
}

/// The command against the cluster of this kubeconfig.
pub(crate) fn sandbind_on(kubeconfig: &OsStr, arguments: &[&str]) -> Ended {
    let mut command = command(arguments);
    command.env("KUBECONFIG", kubeconfig);
    run(command, "")
}

/// kubectl against that cluster.
pub(crate) fn kubectl(kubeconfig: &OsStr, arguments: &[&str], stdin: &str) -> Ended {
    let mut command = Command::new("kubectl");
    command.args(arguments).env("KUBECONFIG", kubeconfig);
    run(command, stdin)
}

fn run(mut command: Command, stdin: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A process that does not read may be gone already.
    let _closed = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
