//! The agent's program from claim to result, against a real TLS server.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../link/tests/support/runner.rs"]
#[allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "shared with other test programs")]
mod runner;

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use runner::{Reply, Request, Runner};
use sandbind_wire::{
    Bytes64,
    message::{Assignment, ClaimAnswer, OutputPath, ResultAnswer, ScriptEnd, StepResult},
};

fn assignment(script: &str, dir: &Path) -> Assignment {
    Assignment {
        script: script.replace('@', &dir.display().to_string()),
        env: BTreeMap::from([("FROM_ASSIGNMENT".to_owned(), "yes".to_owned())]),
        files: Vec::new(),
        outputs: vec![OutputPath { name: "url".to_owned(), path: dir.join("url").display().to_string() }],
        timeout_seconds: 60,
        signal: "SIGTERM".to_owned(),
        grace_seconds: 5,
        redact: vec![Bytes64::from("param-canary")],
        terraform_state: false,
    }
}

fn json(answer: &impl serde::Serialize) -> Reply {
    (200, serde_json::to_string(answer).unwrap())
}

fn run_with(assignment: Assignment) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let claim = ClaimAnswer::Run(Box::new(assignment));
    move |request| if request.line.contains("claim") { json(&claim) } else { json(&ResultAnswer::Accepted) }
}

/// Installs the agent as the init container does.
fn installed(dir: &Path) -> PathBuf {
    let target = dir.join("volume/agent");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbind-step-agent"));
    assert!(command.arg("install").arg(&target).stdout(Stdio::null()).status().unwrap().success());
    target
}

fn agent(runner: &Runner, dir: &Path) -> Child {
    Command::new(installed(dir))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PGPASSWORD", "overlay-canary")
        .env("SANDBIND_REDACT_ENV", "PGPASSWORD")
        .env("SANDBIND_REDACT_FILES", dir.join("mounted"))
        .env("TMPDIR", dir)
        .envs(runner.env(dir))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn result(runner: &Runner) -> StepResult {
    serde_json::from_str(&runner.next_of("/v1/step/result").body).unwrap()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_step_is_claimed_run_and_reported_and_nothing_raw_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("mounted")).unwrap();
    std::fs::write(dir.path().join("mounted/key"), "file-canary\n").unwrap();
    let script = "#!/bin/sh\nprintf 'db://output-canary' > @/url\nenv | grep SANDBIND_RUNNER\n\
                  echo $PGPASSWORD $FROM_ASSIGNMENT param-canary; cat @/mounted/key; cat @/url; exit 3";
    let runner = Runner::start(run_with(assignment(script, dir.path())));
    let output = agent(&runner, dir.path()).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let claim = runner.next();
    assert_eq!((claim.line.as_str(), claim.token.as_str()), ("POST /v1/step/claim HTTP/1.1", "the-token"));
    let result = result(&runner);
    assert!(claim.body.contains(&result.nonce));
    assert_eq!(result.end, ScriptEnd::Exited { code: 3 });
    assert_eq!(result.outputs["url"].0, b"db://output-canary");
    assert_eq!(result.log, "[redacted] yes [redacted]\n[redacted]\n[redacted]");
    assert_eq!(result.last_line, "[redacted]");
    assert!(!shown(&output).contains("canary") && !shown(&output).contains("yes"), "{}", shown(&output));
}

#[test]
fn what_a_script_leaves_in_the_background_is_dead_before_the_result_is_posted() {
    let dir = tempfile::tempdir().unwrap();
    let script = "setsid env -i /bin/sh -c 'echo $$ > @/orphan; exec sleep 600' &\nwhile [ ! -s @/orphan ]; do sleep 0.01; done";
    let runner = Runner::start(run_with(assignment(script, dir.path())));
    let mut child = agent(&runner, dir.path());
    let posted = result(&runner);
    let pid = std::fs::read_to_string(dir.path().join("orphan")).unwrap();
    assert!(
        !Path::new(&format!("/proc/{}", pid.trim())).exists(),
        "ended and reaped, without environment, group or session"
    );
    assert_eq!(posted.end, ScriptEnd::Exited { code: 0 });
    assert!(child.wait().unwrap().success());
}

#[test]
fn as_pid_1_the_agent_ends_and_reaps_every_process_of_its_container() {
    let inside = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    if !Command::new("unshare").args(inside).arg("true").status().is_ok_and(|status| status.success()) {
        println!("left out: no right to make a process namespace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Shells that ignore SIGTERM and breed, in sessions of their own, and a script that dies of its deadline.
    let script = "i=0; while [ $i -lt 5 ]; do setsid env -i /bin/sh -c 'trap \"\" TERM; echo x >> @/born; while :; do sleep 0.02; done' & i=$((i+1)); done\n\
                  while [ \"$(wc -l < @/born)\" != 5 ]; do sleep 0.01; done\necho $$ > @/pid; trap '' TERM; while :; do sleep 0.05; done";
    let mut assignment = assignment(script, dir.path());
    (assignment.timeout_seconds, assignment.grace_seconds) = (1, 0);
    let claim = ClaimAnswer::Run(Box::new(assignment));
    let (left, at) = (std::sync::Mutex::new(None), dir.path().to_owned());
    let left = std::sync::Arc::new(left);
    let counted = std::sync::Arc::clone(&left);
    // Counted while the agent waits for the answer to its result: every process that names this test's folder.
    let count = move || {
        let names = |entry: std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains(&at.display().to_string()) && line.contains("/born")).then_some(line)
        };
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(names).collect::<Vec<_>>()
    };
    let runner = Runner::start(move |request| {
        if request.line.contains("claim") {
            return json(&claim);
        }
        *counted.lock().unwrap() = Some(count());
        json(&ResultAnswer::Accepted)
    });
    let output = Command::new("unshare")
        .args(inside)
        .arg(installed(dir.path()))
        .env("TMPDIR", dir.path())
        .envs(runner.env(dir.path()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(result(&runner).end, ScriptEnd::Deadline);
    assert!(dir.path().join("pid").exists());
    assert_eq!(left.lock().unwrap().take(), Some(Vec::new()));
}

#[test]
fn a_refused_claim_has_no_effect_and_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| json(&ClaimAnswer::Refused { reason: "the attempt is over".to_owned() }));
    let output = agent(&runner, dir.path()).wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(shown(&output).contains("nothing to do: the attempt is over"), "{}", shown(&output));
}

#[test]
fn lost_answers_are_asked_for_again_with_the_same_nonce_and_result() {
    let dir = tempfile::tempdir().unwrap();
    let claim = ClaimAnswer::Run(Box::new(assignment("echo once >> @/runs", dir.path())));
    let count = AtomicU32::new(0);
    let runner = Runner::start(move |request| {
        match (count.fetch_add(1, Ordering::SeqCst), request.line.contains("claim")) {
            (0, _) => json(&ClaimAnswer::Wait),
            (1, _) | (4, false) => (0, String::new()),
            (2, _) => (503, String::new()),
            (_, true) => json(&claim),
            (5, false) => (500, String::new()),
            (_, false) => json(&ResultAnswer::Stale),
        }
    });
    let output = agent(&runner, dir.path()).wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(shown(&output).contains("the attempt was over"), "{}", shown(&output));
    let seen: Vec<Request> = (0..7).map(|_| runner.next()).collect();
    assert!(
        seen[..4].iter().all(|r| r.body == seen[0].body) && seen[4..].iter().all(|r| r.body == seen[4].body)
    );
    assert_eq!(std::fs::read_to_string(dir.path().join("runs")).unwrap(), "once\n");
}

#[test]
fn sigterm_to_the_agent_is_the_scripts_signal_and_the_result_is_still_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'echo tidied; exit 9' TERM; echo up > @/up; while :; do sleep 0.01; done";
    let runner = Runner::start(run_with(assignment(script, dir.path())));
    let mut child = agent(&runner, dir.path());
    while !dir.path().join("up").exists() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let result = result(&runner);
    assert_eq!((result.end, result.last_line.as_str()), (ScriptEnd::Exited { code: 9 }, "tidied"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_agent_installs_itself() {
    let dir = tempfile::tempdir().unwrap();
    let target = installed(dir.path());
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    let copy = Command::new(&target).arg("nonsense").output().unwrap();
    assert_eq!(copy.status.code(), Some(2));
}
