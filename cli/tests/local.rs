//! What works without a cluster, by the built binary: `run`, `local`, `plugin test`, `demo`.
#![expect(clippy::unwrap_used, reason = "a test may stop at whatever it did not expect")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use sandbind_tests::pages;
use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// A machine of its own: state, and where plugins make things.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.made()).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the scripts make their resources.
    fn made(&self) -> PathBuf {
        self.path("made")
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandbind"));
        command.args(arguments).env("XDG_STATE_HOME", self.path("state")).env("TMPDIR", self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn sandbind(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `sandbind run` of the example, whose folder lies on this machine.
    fn run(&self, command: &[&str]) -> Command {
        let root = format!("SANDBIND_FILES_ROOT={}", self.made().display());
        let stack = format!("{EXAMPLES}/stack.yaml");
        let arguments = ["run", "-f", &stack, "--env", &root, "--"];
        self.command(&arguments.into_iter().chain(command.iter().copied()).collect::<Vec<_>>())
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(entries(&self.made()), Vec::<String>::new());
        assert_eq!(entries(&self.path("state/sandbind/runs")), Vec::<String>::new());
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

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
fn a_test_of_a_plugin_shows_every_attempt() {
    let machine = Machine::new();
    let plugin = format!("{EXAMPLES}/files/plugin.yaml");
    let root = format!("SANDBIND_FILES_ROOT={}", machine.made().display());
    let output = machine.sandbind(&[
        "plugin",
        "test",
        "-f",
        &plugin,
        "--env",
        &root,
        "--param",
        "greeting=ho",
        "-o",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&report), ["create", "refresh", "delete", "ok"]);
    assert_eq!(report["ok"], true);
    for (work, step, outputs) in [("create", "folder", 2), ("refresh", "folder", 1), ("delete", "remove", 0)]
    {
        let attempts = report[work].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{work}");
        assert_eq!(keys(&attempts[0]), ["step", "attempt", "exitCode", "seconds", "outputs"]);
        assert_eq!(attempts[0]["step"], step);
        assert_eq!((&attempts[0]["attempt"], &attempts[0]["exitCode"]), (&1.into(), &0.into()));
        assert_eq!(attempts[0]["outputs"].as_object().unwrap().len(), outputs, "{work}");
    }
    assert_ne!(report["create"][0]["outputs"]["token"], report["refresh"][0]["outputs"]["token"]);
    machine.assert_nothing_is_left();
}

#[test]
fn a_refresh_step_takes_what_another_one_of_the_same_refresh_made() {
    let machine = Machine::new();
    let plugin = r##"name: it
spec:
  runner: {image: none}
  create:
  - {name: key, outputs: [{name: id, valueFromPath: id}], script: "#!/bin/sh\nprintf 1 > id"}
  - name: cert
    inputs: [{name: id, valueFromStep: {name: key, output: id}}]
    outputs: [{name: of, valueFromPath: of}]
    script: "#!/bin/sh\nprintf %s \"$ID\" > of"
  delete:
  - {name: remove, script: "#!/bin/sh\n:"}
  refresh:
    every: 1h
    steps:
    - {name: key, outputs: [{name: id, valueFromPath: id}], script: "#!/bin/sh\nprintf 2 > id"}
    - name: cert
      inputs: [{name: id, valueFromStep: {name: key, output: id}}]
      outputs: [{name: of, valueFromPath: of}]
      script: "#!/bin/sh\nprintf %s \"$ID\" > of"
"##;
    let file = machine.write("plugin.yaml", plugin);
    let output = machine.sandbind(&["plugin", "test", "-f", &file, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (work, of) in [("create", "1"), ("refresh", "2")] {
        let cert = report[work].as_array().unwrap().iter().find(|attempt| attempt["step"] == "cert").unwrap();
        assert_eq!(cert["outputs"]["of"], of, "{work}");
    }
    machine.assert_nothing_is_left();
}

#[test]
fn a_test_of_a_failing_plugin_fails_and_shows_what_its_script_said_without_secrets() {
    let machine = Machine::new();
    let plugin = "name: it\nspec:\n  runner: {image: none}\n  create:\n  - name: make\n    script: |\n      #!/bin/sh\n      echo \"password $PASSWORD is wrong\"; exit 4\n";
    let file = machine.write("plugin.yaml", plugin);
    let output =
        machine.sandbind(&["plugin", "test", "-f", &file, "--env", "PASSWORD=canary-7", "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["ok"], false);
    assert_eq!(report["create"][0]["exitCode"], 4);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("password [redacted] is wrong") && !stderr.contains("canary-7"), "{stderr}");
    machine.assert_nothing_is_left();
}

#[test]
fn a_kept_resource_goes_with_gc() {
    let machine = Machine::new();
    let plugin = format!("{EXAMPLES}/files/plugin.yaml");
    let root = format!("SANDBIND_FILES_ROOT={}", machine.made().display());
    let output = machine.sandbind(&["plugin", "test", "-f", &plugin, "--env", &root, "--keep"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(entries(&machine.made()).len(), 1);
    assert_eq!(machine.sandbind(&["local", "gc"]).status.code(), Some(0));
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
            shell.args(["-euo", "pipefail", "-c", &block.text]).current_dir(machine.0.path());
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

#[test]
fn a_plugin_to_start_from_is_tested_at_once_and_may_be_repeated() {
    let machine = Machine::new();
    let folder = machine.path("first").display().to_string();
    let written = machine.sandbind(&["plugin", "init", "first", "--directory", &folder]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let tested = machine.sandbind(&["plugin", "test", "--twice", "-f", &format!("{folder}/plugin.yaml")]);
    assert!(tested.status.success(), "{}{}", text(&tested.stdout), text(&tested.stderr));
    assert!(!text(&tested.stderr).contains("OutputChanges"), "{}", text(&tested.stderr));
    machine.assert_nothing_is_left();
}

/// Codes of what a test may find.
const FINDINGS: &[&str] = &["OutputEndsInLineEnd", "OutputChanges", "NotRepeatable"];

#[test]
fn what_a_test_finds_is_said_with_its_place() {
    let machine = Machine::new();
    let plugin = |create: &str| {
        format!(
            "name: x\nspec:\n  runner: {{image: none}}\n  create:\n  - name: make\n    outputs: [{{name: url, valueFromPath: url}}]\n    \
             script: |\n      #!/bin/sh\n      {create}\n  delete:\n  - {{name: drop, script: \"#!/bin/sh\"}}\n"
        )
    };
    let once = format!("mkdir {} && printf x >url", machine.path("made-once").display());
    for (create, twice, code, said) in [
        ("echo value >url", false, 0, "OutputEndsInLineEnd"),
        ("printf 'a\\nb\\n' >url", false, 0, ""),
        ("date +%N | tr -d '\\n' >url", true, 0, "OutputChanges"),
        (once.as_str(), true, 1, "NotRepeatable"),
    ] {
        let file = machine.write("plugin.yaml", &plugin(create));
        let mut arguments = vec!["plugin", "test", "-f", file.as_str()];
        arguments.extend(twice.then_some("--twice"));
        let tested = machine.sandbind(&arguments);
        let stderr = text(&tested.stderr);
        assert_eq!(tested.status.code(), Some(code), "{create}: {stderr}");
        let found = |code: &&str| stderr.contains(*code);
        let found: Vec<&str> = FINDINGS.iter().copied().filter(found).collect();
        let expected: Vec<&str> = Some(said).filter(|said| !said.is_empty()).into_iter().collect();
        assert_eq!(found, expected, "{create}: {stderr}");
    }
}
