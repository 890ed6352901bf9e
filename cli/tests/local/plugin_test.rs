//! `plugin test`: lives, tests, kills, and what it says of them.

use serde_json::Value;

use crate::machine::{EXAMPLES, Machine, entries, text};

#[test]
fn a_test_of_a_plugin_shows_every_attempt() {
    let machine = Machine::new();
    let plugin = format!("{EXAMPLES}/files/plugin.yaml");
    let root = format!("SANDBIND_FILES_ROOT={}", machine.made().display());
    let arguments = ["plugin", "test", "-f", &plugin, "--env", &root, "--show-outputs", "-o", "json"];
    // What it makes is made on this machine, and is to go from there.
    let output = machine.sandbind(&[&arguments[..], &["--no-isolation"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&report), ["tests", "ok"]);
    let told = &report["tests"][0];
    assert_eq!(keys(told), ["name", "create", "refresh", "delete", "ok"]);
    assert_eq!(report["ok"], true);
    for (work, step, outputs) in [("create", "folder", 2), ("refresh", "folder", 1), ("delete", "remove", 0)]
    {
        let attempts = told[work].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{work}");
        assert_eq!(keys(&attempts[0]), ["step", "attempt", "exitCode", "seconds", "inputs", "outputs"]);
        assert_eq!(attempts[0]["step"], step);
        assert_eq!((&attempts[0]["attempt"], &attempts[0]["exitCode"]), (&1.into(), &0.into()));
        assert_eq!(attempts[0]["outputs"].as_object().unwrap().len(), outputs, "{work}");
    }
    assert_ne!(told["create"][0]["outputs"]["token"], told["refresh"][0]["outputs"]["token"]);
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
    let output = machine.sandbind(&["plugin", "test", "-f", &file, "--show-outputs", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (work, of) in [("create", "1"), ("refresh", "2")] {
        let cert = report["tests"][0][work]
            .as_array()
            .unwrap()
            .iter()
            .find(|attempt| attempt["step"] == "cert")
            .unwrap();
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
    assert_eq!(report["tests"][0]["create"][0]["exitCode"], 4);
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

/// A plugin whose create and delete are these commands, in the order of their lines, below a folder of the machine.
fn plugin(machine: &Machine, create: &str, delete: &str) -> String {
    let indent = |script: &str| script.replace('\n', "\n      ");
    let made = machine.made().display().to_string();
    let text = format!(
        "name: it\nspec:\n  runner: {{image: none}}\n  create:\n  - name: make\n    \
         outputs: [{{name: at, valueFromPath: at}}]\n    script: |\n      #!/bin/sh\n      set -eu\n      {}\n  \
         delete:\n  - name: drop\n    script: |\n      #!/bin/sh\n      set -eu\n      {}\n",
        indent(create),
        indent(delete)
    );
    machine.write("plugin.yaml", &text.replace("MADE", &made))
}

const OBSERVE: &str = "observe: |\n  #!/bin/sh\n  test -e \"MADE/$SANDBIND_NAME\"\n";
const OBSERVE_AND_LIST: &str =
    "observe: |\n  #!/bin/sh\n  test -e \"MADE/$SANDBIND_NAME\"\nlist: |\n  #!/bin/sh\n  ls \"MADE\" >list\n";
/// Slow enough to be killed on the way.
const MAKE: &str = "mkdir -p \"MADE/$SANDBIND_NAME\"\nsleep 0.2\necho x >\"MADE/$SANDBIND_NAME/file\"\nprintf %s \"MADE/$SANDBIND_NAME\" >at";
const DROP: &str = "sleep 0.02\nrm -rf \"MADE/$SANDBIND_NAME\"";

#[test]
fn the_conformance_level_says_what_a_plugin_holds_under_kills() {
    for (create, delete, observe, level, problem) in [
        (MAKE, DROP, OBSERVE_AND_LIST, "L3", ""),
        (MAKE, DROP, OBSERVE, "L2", ""),
        (MAKE, DROP, "tests: []", "L1", ""),
        // What the first one left, the second one trips over.
        ("mkdir \"MADE/$SANDBIND_NAME\"\nsleep 0.05\nprintf x >at", DROP, OBSERVE, "L0", "NotRepeatable"),
        // A delete that wants what a create did not come to.
        (MAKE, "rm \"MADE/$SANDBIND_NAME/file\"\nrmdir \"MADE/$SANDBIND_NAME\"", OBSERVE, "L0", "NotRemoved"),
        // A delete that finds nothing to do where create did not end.
        (
            MAKE,
            "test ! -e \"MADE/$SANDBIND_NAME/file\" || rm -r \"MADE/$SANDBIND_NAME\"",
            OBSERVE,
            "L0",
            "LeftBehind",
        ),
    ] {
        let machine = Machine::new();
        let file = plugin(&machine, create, delete);
        machine.write("plugin.test.yaml", &observe.replace("MADE", &machine.made().display().to_string()));
        let kills = if problem.is_empty() { "10" } else { "4" };
        let arguments =
            ["plugin", "test", "-f", &file, "--kill-at", "random", "--seed", "7", "--trials", kills];
        let done = machine.sandbind(&[&arguments[..], &["-o", "json"]].concat());
        let stderr = text(&done.stderr);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(report["conformance"]["level"], level, "{create}\n{delete}\n{report:#}\n{stderr}");
        assert_eq!(done.status.success(), problem.is_empty(), "{stderr}");
        assert!(stderr.contains(problem), "{problem}: {stderr}");
        let trials = report["conformance"]["trials"].as_array().unwrap();
        assert_eq!(
            (trials.len().to_string(), &report["conformance"]["seed"]),
            (format!("{}", kills.parse::<u32>().unwrap() + 2), &7.into())
        );
        if problem.is_empty() {
            machine.assert_nothing_is_left();
        }
    }
}

#[test]
fn a_seed_repeats_its_kills_by_step() {
    let machine = Machine::new();
    let file = plugin(&machine, MAKE, DROP);
    let steps = || {
        let arguments = ["plugin", "test", "-f", &file, "--kill-at", "random", "--seed", "3", "-o", "json"];
        let report: Value = serde_json::from_slice(&machine.sandbind(&arguments).stdout).unwrap();
        let trials = report["conformance"]["trials"].as_array().unwrap().clone();
        let what =
            |trial: &Value| trial["what"].as_str().unwrap().split(" killed").next().unwrap().to_owned();
        trials.iter().map(what).collect::<Vec<_>>()
    };
    assert_eq!(steps(), steps());
}

#[test]
fn what_a_file_of_tests_expects_is_compared_and_told_without_the_value() {
    let machine = Machine::new();
    let file = plugin(&machine, "printf canary-3 >at", ":");
    for (tests, code, place) in [
        ("tests: [{name: a, outputs: {make.at: canary-3}}]", "", ""),
        ("tests: [{name: a, outputs: {make.at: {matches: '^canary-[0-9]$'}}}]", "", ""),
        ("tests: [{name: a, outputs: {make.at: other}}]", "OutputUnexpected", "test a, output make.at"),
        (
            "tests: [{name: a}, {name: b, outputs: {make.of: x}}]",
            "OutputUnexpected",
            "test b, output make.of",
        ),
        ("tests: [{name: a, check: \"#!/bin/sh\\ngrep -q canary outputs/make.at\"}]", "", ""),
        ("tests: [{name: a, check: \"#!/bin/sh\\necho no; exit 4\"}]", "CheckFailed", "exit 4: no"),
        ("observe: \"#!/bin/sh\\nexit 1\"", "NotThere", "test default, observe"),
        ("observe: \"#!/bin/sh\\nexit 0\"", "LeftBehind", "test default, observe"),
        ("list: \"#!/bin/sh\\n: >list\"", "NotListed", "test default, list"),
        ("list: \"#!/bin/sh\\necho x\"", "ListFailed", "it wrote no file"),
        ("list: \"#!/bin/sh\\nexit 3\"", "ListFailed", "exit 3"),
        ("observe: \"#!/bin/sh\\nexit 2\"", "ObserveFailed", "exit 2"),
        ("test: []", "BadTests", "unknown field `test`"),
        ("tests: [{name: a, outputs: {make.at: {matches: '('}}}]", "BadTests", "plugin.test.yaml:1:"),
    ] {
        machine.write("plugin.test.yaml", tests);
        let done = machine.sandbind(&["plugin", "test", "-f", &file]);
        let said = text(&done.stderr);
        assert_eq!(done.status.success(), code.is_empty(), "{tests}: {said}");
        assert!(said.contains(code) && said.contains(place), "{tests}: {said}");
        assert!(!said.contains("canary-3") && !text(&done.stdout).contains("canary-3"), "{tests}: {said}");
    }
    machine.write("plugin.test.yaml", "tests: []");
    let shown = machine.sandbind(&["plugin", "test", "-f", &file, "--show-outputs"]);
    assert!(text(&shown.stdout).contains("make.at = canary-3"), "{}", text(&shown.stdout));
}

#[test]
fn one_step_runs_with_what_it_needs_and_nothing_else() {
    let machine = Machine::new();
    let step = |name: &str, from: &str| {
        let input = if from.is_empty() {
            String::new()
        } else {
            format!("inputs: [{{name: it, valueFromStep: {{name: {from}, output: id}}}}], ")
        };
        format!(
            "  - {{name: {name}, {input}outputs: [{{name: id, valueFromPath: id}}], script: \"#!/bin/sh\\nprintf 1 >id\"}}\n"
        )
    };
    let text_ = format!(
        "name: it\nspec:\n  runner: {{image: none}}\n  create:\n{}{}{}  delete:\n  - name: drop\n    \
         inputs: [{{name: it, valueFromStep: {{name: c, output: id}}}}]\n    script: \"#!/bin/sh\\ntest -z \\\"${{IT:-}}\\\"\"\n",
        step("a", ""),
        step("b", "a"),
        step("c", "b")
    );
    let file = machine.write("plugin.yaml", &text_);
    let done = machine.sandbind(&["plugin", "test", "-f", &file, "--step", "b", "-o", "json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let ran: Vec<&str> = report["tests"][0]["create"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["step"].as_str().unwrap())
        .collect();
    assert_eq!(ran, ["a", "b"]);
    let wrong = machine.sandbind(&["plugin", "test", "-f", &file, "--step", "drop"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("NoSuchStep"), "{}", text(&wrong.stderr));
}
