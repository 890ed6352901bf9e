//! kubectl and the sandbind command, as users run them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

fn run(program: &str, arguments: &[&str], stdin: Option<&str>) -> Ended {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    if let Some(text) = stdin {
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// kubectl; the standard error when it fails.
pub fn try_kubectl(arguments: &[&str]) -> Result<String, String> {
    let ended = run("kubectl", arguments, None);
    if ended.code == 0 { Ok(ended.stdout) } else { Err(ended.stderr) }
}

/// kubectl, which must succeed.
pub fn kubectl(arguments: &[&str]) -> String {
    try_kubectl(arguments).unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
}

/// kubectl with a document on standard input, however it ends.
pub fn kubectl_with(arguments: &[&str], yaml: &str) -> Ended {
    run("kubectl", arguments, Some(yaml))
}

/// kubectl with a document on standard input; the standard error when it fails.
pub fn feed(arguments: &[&str], yaml: &str) -> Result<String, String> {
    let ended = kubectl_with(arguments, yaml);
    if ended.code == 0 { Ok(ended.stdout + &ended.stderr) } else { Err(ended.stderr) }
}

/// `kubectl apply -f -`, which must succeed.
pub fn apply(yaml: &str) -> String {
    feed(&["apply", "-f", "-"], yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The sandbind command.
pub fn sandbind(arguments: &[&str]) -> Ended {
    run("sandbind", arguments, None)
}

/// The sandbind command with a document on standard input.
pub fn sandbind_with(arguments: &[&str], stdin: &str) -> Ended {
    run("sandbind", arguments, Some(stdin))
}

/// The sandbind command with another kubeconfig.
pub fn sandbind_as(kubeconfig: &str, arguments: &[&str]) -> Ended {
    run("sandbind", &[&["--kubeconfig", kubeconfig], arguments].concat(), None)
}
