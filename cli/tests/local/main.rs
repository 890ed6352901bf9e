//! What works without a cluster, by the built binary: `run`, `local`, `plugin test`, `demo`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at whatever it did not expect")]

mod isolation;
mod machine;
mod plugin_test;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use machine::{EXAMPLES, Machine, entries, text};
use sandbind_tests::pages;
use serde_json::Value;

/// The first line of a process's stdout.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn kill(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A stack whose only create step runs this script, and whose delete step leaves a mark.
fn stack(script: &str) -> String {
    let script = script.replace('\n', "\n      ");
    format!(
        "name: it@1.0.0
spec:
  runner: {{image: none}}
  create:
  - name: make
    outputs: [{{name: id, valueFromPath: id}}]
    grace: 1s
    script: |
      #!/bin/sh
      {script}
  delete:
  - name: remove
    script: |
      #!/bin/sh
      rm -f \"$MADE\"/thing; touch \"$MADE\"/../removed
---
apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {{name: it}}
spec:
  resources: [{{name: it, plugin: it}}]
  env:
  - {{name: ID, valueFrom: {{resource: {{name: it, outputKey: make.id}}}}}}
  - {{name: LINE, value: \"$(ID) of $(sandbox), $$(ID)\"}}
"
    )
}

#[test]
fn a_command_gets_env_and_files_and_its_exit_code_is_passed_on() {
    let machine = Machine::new();
    let script = r#"echo "$FILES_TOKEN"; cat "$SANDBIND_FILES/bindings/files/folder.token"; echo; cat "$FILES_PATH/greeting"; exit 7"#;
    let output = machine.run(&["sh", "-c", script]).output().unwrap();
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert_eq!((lines[0].len(), lines[0]), (24, lines[1]));
    assert_eq!(lines[2], "hello from local");
    assert!(text(&output.stderr).contains("files: ready\n"), "a line per change where nobody looks on");
    assert!(!text(&output.stderr).contains(lines[0]), "no value is ever shown");
    machine.assert_nothing_is_left();
}

#[test]
fn variables_are_expanded_as_a_kubelet_does() {
    let machine = Machine::new();
    let file = machine.write("stack.yaml", &stack("printf 42 >id"));
    let made = format!("MADE={}", machine.made().display());
    let arguments =
        ["run", "-q", "-f", &file, "--env", &made, "--sandbox", "pr-1", "--", "sh", "-c", "echo \"$LINE\""];
    let output = machine.sandbind(&arguments);
    assert_eq!(text(&output.stdout), "42 of pr-1, $(ID)\n");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn a_failing_step_is_undone_and_told_and_the_command_never_runs() {
    let machine = Machine::new();
    let script = "touch \"$MADE\"/thing\necho \"no such server: $MADE\" >&2\nexit 3";
    let file = machine.write("stack.yaml", &stack(script));
    let made = format!("MADE={}", machine.made().display());
    let output = machine.sandbind(&[
        "run",
        "-q",
        "-f",
        &file,
        "--env",
        &made,
        "--",
        "touch",
        &format!("{}/ran", machine.made().display()),
    ]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert!(
        stderr.contains("plugin it@1.0.0, step make, attempt 1: exit 3: no such server: [redacted]"),
        "{stderr}"
    );
    assert!(stderr.contains("way out: "), "{stderr}");
    assert!(machine.path("removed").exists(), "the delete graph ran");
    machine.assert_nothing_is_left();
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_made() {
    let binding = "apiVersion: sandbind.dev/v1alpha1\nkind: ResourceBinding\nmetadata: {name: b}\nspec:\n  resources: [{name: x, plugin: ";
    let twice = format!("{}---\n{binding}it}}]\n", stack("true"));
    let cases = [
        (format!("{binding}nowhere}}]\n"), "UnknownPlugin"),
        (twice, "WrongStack"),
        ("just: text\n".to_owned(), "UnknownDocument"),
        (stack("true").replace("make.id", "make.nothing"), "UnknownOutput"),
        (stack("true").replace("plugin: it}", "plugin: it, params: {no: such}}"), "UnknownParam"),
    ];
    for (stack, code) in cases {
        let machine = Machine::new();
        let file = machine.write("stack.yaml", &stack);
        let output = machine.sandbind(&["run", "-f", &file, "--", "true"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{code}: {stderr}");
        assert!(stderr.contains(&format!("error: {code}: ")), "{code}: {stderr}");
        assert!(
            !machine.path("state/sandbind/runs").exists()
                || entries(&machine.path("state/sandbind/runs")).is_empty()
        );
    }
}

#[test]
fn a_command_that_cannot_start_or_dies_of_a_signal_has_the_shells_exit_codes() {
    for (command, code) in [(&["/no/such"][..], 127), (&["/"], 126), (&["sh", "-c", "kill -9 $$"], 137)] {
        let machine = Machine::new();
        let output = machine.run(command).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command:?}: {}", text(&output.stderr));
        machine.assert_nothing_is_left();
    }
}

#[test]
fn signals_are_passed_on_to_the_command() {
    let machine = Machine::new();
    let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
    let mut child = machine.run(&["sh", "-c", script]).spawn().unwrap();
    assert_eq!(first_line(&mut child), "up");
    kill(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(9));
    machine.assert_nothing_is_left();
}

#[test]
fn a_signal_while_resources_are_made_ends_the_step_and_undoes_it() {
    let machine = Machine::new();
    let (file, pipe) = slow(&machine);
    let made = format!("MADE={}", machine.made().display());
    let child = machine.command(&["run", "-f", &file, "--env", &made, "--", "true"]).spawn().unwrap();
    fs::read_to_string(pipe).unwrap();
    kill(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(machine.path("removed").exists(), "the delete graph ran");
    machine.assert_nothing_is_left();
}

/// A stack whose create step tells its pid by a pipe and then takes for ever.
fn slow(machine: &Machine) -> (String, PathBuf) {
    let pipe = machine.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!("touch \"$MADE\"/thing\necho $$ >{}\nsleep 1000", pipe.display());
    (machine.write("stack.yaml", &stack(&script)), pipe)
}

#[test]
fn after_a_kill_gc_removes_what_was_in_use() {
    let machine = Machine::new();
    let mut child = machine.run(&["sh", "-c", "echo up; exec sleep 1"]).spawn().unwrap();
    assert_eq!(first_line(&mut child), "up");
    let listed = |state: &str, resources: usize| {
        let output = machine.sandbind(&["local", "list", "-o", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(list[0]["state"], state);
        assert_eq!(list[0]["resources"].as_array().unwrap().len(), resources);
    };
    listed("alive", 0);
    let gc = machine.sandbind(&["local", "gc"]);
    assert_eq!((gc.status.code(), entries(&machine.made()).len()), (Some(0), 1), "a live run is left alone");
    child.kill().unwrap();
    child.wait().unwrap();
    listed("left", 1);
    let gc = machine.sandbind(&["local", "gc"]);
    assert_eq!(gc.status.code(), Some(0), "{}", text(&gc.stderr));
    machine.assert_nothing_is_left();
}

#[test]
fn after_a_kill_gc_ends_the_step_that_was_running_and_undoes_it() {
    let machine = Machine::new();
    let (file, pipe) = slow(&machine);
    let made = format!("MADE={}", machine.made().display());
    let mut child = machine.command(&["run", "-f", &file, "--env", &made, "--", "true"]).spawn().unwrap();
    let pid = fs::read_to_string(pipe).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let process = Path::new("/proc").join(pid.trim());
    // A process that has ended and that nobody has reaped yet has no command line.
    let acts = || fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty());
    assert!(acts(), "the step outlives its runner");
    let gc = machine.sandbind(&["local", "gc"]);
    assert_eq!(gc.status.code(), Some(0), "{}", text(&gc.stderr));
    assert!(!acts(), "nothing of it may act any more");
    assert!(machine.path("removed").exists(), "the delete graph ran");
    machine.assert_nothing_is_left();
}

#[test]
fn the_demo_verifies_every_stage_and_leaves_nothing() {
    let machine = Machine::new();
    let output = machine.sandbind(&["demo"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", text(&output.stderr));
    let stages: Vec<&str> =
        stdout.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).collect();
    insta::assert_snapshot!(stages.join("\n"), @"
    1. webhook and plugin runner listen
    2. a pod with the label `sandbind.dev/sandbox: pr-142` is created; the webhook holds it and makes the resource
    3. the sidecar runs as a process, writes the files and opens the gate
    4. the app starts and sees
    5. an hour later the refresh step has rotated the token; the sidecar swapped the file and told the app
    6. the pod ends; nobody uses the resource any more, so the delete step runs
    7. nothing is left: no record, no outputs, no folder of the resource, no process
    ");
    assert!(stdout.contains("all 7 stages verified in "), "{stdout}");
    let page = pages::blocks(&pages::text("docs/quick-start.md")).unwrap();
    let shown = page.iter().find(|block| block.text.starts_with("1. webhook")).unwrap();
    assert_eq!(pages::shows(&stdout, &shown.text), Ok(()), "{stdout}");
    let masked = stdout
        .lines()
        .filter_map(|line| line.rsplit_once(['=', ' ']))
        .filter(|(_, value)| value.contains("****"));
    assert!(
        masked.clone().count() == 3 && masked.into_iter().all(|(_, value)| value.ends_with(&"*".repeat(20))),
        "{stdout}"
    );
    machine.assert_nothing_is_left();
}

#[test]
fn the_part_about_templates_runs_as_written() {
    let machine = Machine::new();
    let bin = Path::new(env!("CARGO_BIN_EXE_sandbind")).parent().unwrap().display().to_string();
    std::os::unix::fs::symlink(EXAMPLES, machine.path("examples")).unwrap();
    let mut printed = String::new();
    let mut seen = 0;
    for block in pages::blocks(&pages::text("docs/plugins.md")).unwrap() {
        if block.text.contains("examples/scripts") {
            let mut shell = Command::new("bash");
            shell.args(["-euo", "pipefail", "-c", &block.text]).current_dir(machine.folder());
            shell.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
            shell.env("XDG_STATE_HOME", machine.path("state")).env("SANDBIND_FILES_ROOT", machine.made());
            let output = shell.output().unwrap();
            printed = text(&output.stdout);
            assert!(output.status.success(), "{}\n{printed}{}", block.text, text(&output.stderr));
            seen += 1;
        } else if block.mark == Some(pages::Mark::Shows) && seen > 0 {
            assert_eq!(pages::shows(&printed, &block.text), Ok(()), "{printed}");
        }
    }
    assert_eq!(seen, 3);
    machine.assert_nothing_is_left();
}
