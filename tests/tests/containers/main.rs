//! `plugin test` in containers, by a real podman: `cargo xtask test` installs that and makes the image. The program is the one of
//! sandbind's image, which needs nothing of the container's.
//!
//! `SANDBIND_TEST_STATIC`: the program.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// Of programs it has `sh` and a few more, and no C library that this program could use.
const IMAGE: &str = "localhost/steps:1";

/// Makes a file in one step and finds it in another; tells what it sees of the machine.
const PLUGIN: &str = r#"name: it
spec:
  runner: {image: IMAGE}
  params:
  - {name: host-file}
  create:
  - name: make
    inputs: [{name: host-file, valueFromSandbox: true}]
    outputs: [{name: seen, valueFromPath: /outputs/seen}]
    script: |
      #!/bin/sh
      set -eu
      mkdir -p /outputs "/srv/$SANDBIND_NAME"
      if [ -e "$HOST_FILE" ]; then printf host >/outputs/seen; else printf image >/outputs/seen; fi
  delete:
  - name: remove
    inputs: [{name: seen, valueFromStep: {name: make, output: seen}}]
    script: |
      #!/bin/sh
      set -eu
      rm -rf "/srv/$SANDBIND_NAME"
"#;

/// Of the machine, not of the image.
const HOST_FILE: &str = "/etc/debian_version";

struct Tested {
    output: Output,
    runs: Vec<String>,
}

fn tested(folder: &Path, image: &str, flags: &[&str]) -> Tested {
    let file = folder.join("plugin.yaml");
    fs::write(&file, PLUGIN.replace("IMAGE", image)).unwrap();
    let tests = format!(
        "tests:\n- {{name: it, params: {{host-file: {HOST_FILE}}}, outputs: {{make.seen: image}}, check: \"#!/bin/sh\\ntest -d /srv/$SANDBIND_NAME\"}}\nobserve: \"#!/bin/sh\\ntest -d /srv/$SANDBIND_NAME\"\n"
    );
    fs::write(folder.join("plugin.test.yaml"), tests).unwrap();
    let program = std::env::var_os("SANDBIND_TEST_STATIC").expect("the static program");
    let output = Command::new(program)
        .args(["plugin", "test", "--executor", "podman", "-o", "json", "-f"])
        .arg(&file)
        .args(flags)
        .env("XDG_STATE_HOME", folder)
        .output()
        .unwrap();
    let runs = fs::read_dir(folder.join("sandbind/runs")).into_iter().flatten();
    Tested { output, runs: runs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect() }
}

fn containers() -> String {
    let output = Command::new("podman").args(["ps", "--all", "--noheading"]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_plugin_lives_in_a_container_of_its_image_and_nothing_of_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Path::new(HOST_FILE).exists());
    let tested = tested(folder.path(), IMAGE, &["--kill-at", "random", "--trials", "4"]);
    let told = String::from_utf8_lossy(&tested.output.stderr);
    assert!(tested.output.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&tested.output.stdout).unwrap();
    assert_eq!(report["conformance"]["level"], "L2", "{report}");
    assert_eq!(tested.runs, Vec::<String>::new());
    assert_eq!(containers(), "");
}

#[test]
fn an_image_that_is_not_there_is_told_and_leaves_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let tested = tested(folder.path(), "localhost/no-such-image:1", &[]);
    let told = String::from_utf8_lossy(&tested.output.stderr);
    assert_eq!(tested.output.status.code(), Some(1), "{told}");
    assert!(told.contains("NoEnclosure") && told.contains("localhost/no-such-image:1"), "{told}");
    assert_eq!(tested.runs, Vec::<String>::new());
}
