use std::sync::mpsc;

use sandbind_wire::{
    Bytes64,
    message::{InputFile, OutputPath},
};
use tempfile::TempDir;

use super::*;

/// A run in a folder of its own; `@` in script and paths stands for that folder.
struct Case {
    dir: TempDir,
    assignment: Assignment,
    options: RunOptions,
}

fn case(script: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display().to_string();
    let assignment = Assignment {
        script: script.replace('@', &at),
        env: BTreeMap::new(),
        files: Vec::new(),
        outputs: Vec::new(),
        timeout_seconds: 60,
        signal: "SIGTERM".to_owned(),
        grace_seconds: 1,
        redact: Vec::new(),
        terraform_state: false,
    };
    let nonce = at.clone();
    Case { dir, assignment, options: RunOptions { nonce, ..RunOptions::default() } }
}

impl Case {
    fn output(mut self, name: &str) -> Self {
        let path = self.dir.path().join(name).display().to_string();
        self.assignment.outputs.push(OutputPath { name: name.to_owned(), path });
        self
    }

    fn run(&self) -> StepResult {
        run(&self.assignment, &self.dir.path().join("work"), &self.options)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.path().join(file)).unwrap()
    }

    /// Whether the process whose id the script wrote to `file` is still there (a zombie of somebody else's is gone).
    fn lives(&self, file: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.read(file).trim()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}

#[test]
fn a_script_ends_as_it_says() {
    let cases = [
        ("exit 0", ScriptEnd::Exited { code: 0 }),
        ("exit 75", ScriptEnd::Exited { code: 75 }),
        ("#!/bin/sh\nexit 3", ScriptEnd::Exited { code: 3 }),
        ("#! /bin/sh -e\nfalse\nexit 9", ScriptEnd::Exited { code: 1 }),
        ("#!/usr/bin/env sh\nexit 4", ScriptEnd::Exited { code: 4 }),
        ("kill -KILL $$", ScriptEnd::Signaled { signal: 9 }),
        ("", ScriptEnd::Exited { code: 0 }),
    ];
    for (script, end) in cases {
        assert_eq!(case(script).run().end, end, "{script}");
    }
}

#[test]
fn a_missing_interpreter_is_named() {
    match case("#!/no/such/shell -x\nexit 0").run().end {
        ScriptEnd::NotStarted { reason } => assert!(reason.contains("`/no/such/shell`"), "{reason}"),
        end => panic!("{end:?}"),
    }
}

#[test]
fn the_environment_is_what_was_declared_and_the_folder_is_fresh() {
    let mut case = case("pwd > @/pwd; ls -A | wc -l > @/count; env > @/env; cat $0 > @/self");
    case.assignment.env.insert("GREETING".to_owned(), "hello world".to_owned());
    assert_eq!(case.run().end, ScriptEnd::Exited { code: 0 });
    assert_eq!(case.read("pwd").trim(), case.dir.path().join("work/cwd").display().to_string());
    assert_eq!(case.read("count").trim(), "0");
    assert_eq!(case.read("self"), case.assignment.script);
    let env = case.read("env");
    let mut names: Vec<&str> = env.lines().filter_map(|l| Some(l.split_once('=')?.0)).collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["GREETING", "PATH", MARK]);
    assert!(env.contains("GREETING=hello world\n"));
}

#[test]
fn an_inherited_environment_comes_without_the_agents_own_variables() {
    let options = RunOptions { inherit_env: true, ..RunOptions::default() };
    let own =
        [("SANDBIND_TOKEN_PATH", "/t"), ("SANDBIND_RUNNER_CA", "pem"), ("PGHOST", "db"), ("HOME", "/root")]
            .map(|(k, v)| (OsString::from(k), OsString::from(v)));
    let mut assignment = case("").assignment;
    assignment.env.insert("PGHOST".to_owned(), "declared".to_owned());
    let env = environment(&assignment, &options, own.into_iter());
    let names: Vec<_> = env.keys().map(|k| k.to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["HOME", "PGHOST", MARK]);
    assert_eq!(env.get(OsStr::new("PGHOST")).unwrap(), "declared");
}

#[test]
fn relative_paths_are_below_the_working_folder() {
    let mut case = case("cat sub/in >out");
    case.assignment.files.push(InputFile { path: "sub/in".to_owned(), content: Bytes64::from("x") });
    case.assignment.outputs.push(OutputPath { name: "o".to_owned(), path: "out".to_owned() });
    assert_eq!(case.run().outputs["o"], Bytes64::from("x"));
    assert_eq!(case.read("work/cwd/out"), "x");
}

#[test]
fn inputs_and_outputs_are_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).chain(*b"\n\n").collect();
    let mut case = case("cp @/deep/er/in @/out; printf x > @/single; exit 1")
        .output("out")
        .output("single")
        .output("none");
    let path = case.dir.path().join("deep/er/in").display().to_string();
    case.assignment.files.push(InputFile { path, content: Bytes64(bytes.clone()) });
    let result = case.run();
    assert_eq!(result.end, ScriptEnd::Exited { code: 1 });
    assert_eq!(result.outputs["out"].0, bytes, "also after a failure");
    assert_eq!(result.outputs["single"].0, b"x");
    assert!(!result.outputs.contains_key("none") && result.unreadable.is_empty());
}

#[test]
fn outputs_that_cannot_be_taken_are_named_with_the_reason() {
    let case = case("head -c 70000 /dev/zero > @/big; mkdir @/folder; mkfifo @/pipe; printf ok > @/good")
        .output("big")
        .output("folder")
        .output("pipe")
        .output("good");
    let result = case.run();
    assert_eq!(result.unreadable.keys().collect::<Vec<_>>(), ["big", "folder", "pipe"]);
    assert!(result.unreadable["big"].contains("too large"));
    assert_eq!(result.outputs.keys().collect::<Vec<_>>(), ["good"]);
}

#[test]
fn what_an_earlier_attempt_left_is_not_taken_for_an_output() {
    let mut case = case("true").output("url");
    fs::write(case.dir.path().join("url"), "old").unwrap();
    assert_eq!(case.run().outputs.len(), 1);
    case.options.remove_old_outputs = true;
    assert!(case.run().outputs.is_empty());
}

#[test]
fn the_deadline_ends_the_script_and_all_it_started() {
    // A child that ignores the signal, and a grandchild in a session of its own with its parent gone.
    let mut case = case(
        "sh -c 'trap \"\" TERM; echo $$ > @/child; while :; do sleep 1; done' &\n\
         setsid sh -c 'sleep 600 & echo $! > @/grandchild' &\n\
         trap 'printf tidied > @/out; exit 0' TERM\n\
         while [ ! -s @/child ] || [ ! -s @/grandchild ]; do sleep 0.01; done\n\
         echo waiting; while :; do sleep 0.05; done",
    )
    .output("out");
    case.assignment.timeout_seconds = 1;
    let result = case.run();
    assert_eq!(result.end, ScriptEnd::Deadline);
    assert_eq!(result.outputs["out"].0, b"tidied", "the script had its grace");
    assert!(result.log.contains("waiting"));
    assert!(!case.lives("child") && !case.lives("grandchild"));
}

#[test]
fn a_script_that_ignores_its_signal_is_killed_after_its_grace() {
    let mut case = case("trap '' INT; while :; do sleep 0.05; done");
    case.assignment.timeout_seconds = 1;
    case.assignment.signal = "SIGINT".to_owned();
    let result = case.run();
    assert_eq!(result.end, ScriptEnd::Deadline);
    assert!(result.milliseconds >= 2000, "{} ms", result.milliseconds);
}

#[test]
fn nothing_outlives_a_script_that_ends_by_itself() {
    let case = case("setsid sleep 600 & echo $! > @/a; (sleep 600 & echo $! > @/b); exit 0");
    assert_eq!(case.run().end, ScriptEnd::Exited { code: 0 });
    assert!(!case.lives("a") && !case.lives("b"));
}

#[test]
fn two_scripts_at_once_leave_each_other_alone() {
    let long = case(
        "echo ready > @/ready; while [ ! -e @/go ]; do sleep 0.01; done; sleep 600 & echo $! > @/own; echo done",
    );
    let dir = long.dir.path().to_owned();
    let thread = thread::spawn(move || long.run());
    while !dir.join("ready").exists() {
        thread::yield_now();
    }
    assert_eq!(case("sleep 600 & exit 7").run().end, ScriptEnd::Exited { code: 7 });
    fs::write(dir.join("go"), "").unwrap();
    let result = thread.join().unwrap();
    assert_eq!((result.end, result.last_line.as_str()), (ScriptEnd::Exited { code: 0 }, "done"));
}

#[test]
fn a_stop_ends_a_running_script_as_its_deadline_would() {
    let case = case("trap 'exit 5' TERM; echo up > @/up; while :; do sleep 0.01; done");
    let (up, stop) = (case.dir.path().join("up"), case.options.stop.clone());
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(case.run()).unwrap());
    while !up.exists() {
        thread::yield_now();
    }
    stop.stop();
    assert_eq!(result.recv().unwrap().end, ScriptEnd::Exited { code: 5 });
}

#[test]
fn a_stop_before_the_start_starts_nothing() {
    let case = case("echo ran > @/ran");
    case.options.stop.stop();
    assert!(matches!(case.run().end, ScriptEnd::NotStarted { .. }));
    assert!(!case.dir.path().join("ran").exists());
}

#[test]
fn a_huge_log_keeps_its_end() {
    let result = case("i=0; while [ $i -lt 4000 ]; do echo \"line $i of a very long log: $(printf %01000d 0)\"; i=$((i+1)); done; echo last >&2").run();
    assert!(result.log.len() <= crate::redact::LOG_LIMIT && result.log.len() > 60_000);
    assert!(result.log.contains("line 3999") && !result.log.contains("line 100 "));
    assert_eq!(result.last_line, "last");
}

#[test]
fn no_secret_leaves_in_log_or_last_line() {
    let script = "printf '%s' out-canary-1 > @/out; head -c 66000 /dev/zero | tr '\\0' Q > @/big\n\
                  cat @/out; echo; echo sensitive-canary-2; echo env-canary-3; printf env-canary-3 | base64; echo $MULTI\n\
                  printf 'first-part-4\\nsecond-part-4\\n'; cat @/big; echo; echo \"failed: sensitive-canary-2\"; exit 1";
    let mut case = case(script).output("out").output("big");
    case.assignment.redact = vec!["sensitive-canary-2".into()];
    case.options.redact = vec![b"env-canary-3".to_vec(), b"first-part-4\nsecond-part-4\n".to_vec()];
    let result = case.run();
    assert_eq!(result.last_line, "failed: [redacted]");
    for secret in ["canary", "part-4", "ZW52LWNhbm", "QQQQQ"] {
        assert!(!result.log.contains(secret), "{secret}: {}", result.log);
    }
    assert_eq!(result.outputs["out"].0, b"out-canary-1");
}

#[test]
fn a_script_without_time_is_not_started() {
    let mut case = case("echo ran > @/ran");
    case.assignment.timeout_seconds = 0;
    assert!(matches!(case.run().end, ScriptEnd::NotStarted { .. }));
}
