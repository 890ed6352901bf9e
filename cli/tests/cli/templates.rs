//! Templates: `--set`, embedded files, `--strict`, and the places of what is wrong.

use std::{fs, os::unix::fs::symlink};

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Ended, sandbind, sandbind_with};

const PLUGIN: &str = "\
name: pg@@{version}
spec:
  runner:
    image: localhost/psql:1
    podTemplateOverlay: |
      spec: {containers: [{name: main, env: [{name: HOST, value: \"@{host}\"}]}]}
  create: \"@{embed[yaml]: create.yaml}\"
  delete:
  - {name: deprovision, script: \"@{embed: scripts/delete.sh}\"}
";

const CREATE: &str = "- name: provision\n  outputs: [{name: url, valueFromPath: /tmp/url}]\n  script: \"#!/bin/sh\\nprintf x >/tmp/url\"\n";

/// A folder with a plugin and what it embeds.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("pg/scripts")).unwrap();
    fs::write(path("pg/plugin.yaml"), PLUGIN).unwrap();
    fs::write(path("pg/create.yaml"), CREATE).unwrap();
    fs::write(
        path("pg/scripts/delete.sh"),
        "#!/bin/sh\nset -e\nperl -e 'print @{$x}'\necho \"$SANDBIND_NAME\"\n",
    )
    .unwrap();
    folder
}

/// Runs on the plugin of a folder, whose name does not show.
fn on(folder: &TempDir, arguments: &[&str]) -> Ended {
    let file = folder.path().join("pg/plugin.yaml");
    let mut all = arguments.to_vec();
    all.extend(["-f", file.to_str().unwrap()]);
    let mut ended = sandbind(&all);
    let shown = format!("{}/", folder.path().display());
    ended.stdout = ended.stdout.replace(&shown, "");
    ended.stderr = ended.stderr.replace(&shown, "");
    ended
}

#[test]
fn a_document_is_rendered_with_its_variables_and_files() {
    let folder = folder();
    let set = ["--set", "version=1.2", "--set", "host=db.example"];
    let object = on(&folder, &[&["plugin", "render"], &set[..]].concat());
    assert_snapshot!("render-template", object.text());
    let document = on(&folder, &[&["plugin", "render", "--as", "document"], &set[..]].concat());
    assert!(document.stderr.contains("LiteralPlaceholder") && document.code == 0, "{document:?}");
    let again = sandbind_with(&["plugin", "validate", "-f", "-"], &object.stdout);
    assert_eq!((again.code, again.stderr.as_str()), (0, "pg@1.2.0 is valid\n"));
    let valid = on(&folder, &[&["plugin", "validate"], &set[..]].concat());
    assert_eq!((valid.code, valid.stderr.as_str()), (0, "pg@1.2.0 is valid\n"));
}

#[test]
fn what_is_wrong_with_a_template_is_told_at_its_places() {
    let folder = folder();
    fs::write(folder.path().join("pg/create.yaml"), CREATE.replace("script", "scirpt")).unwrap();
    fs::remove_file(folder.path().join("pg/scripts/delete.sh")).unwrap();
    let broken = on(&folder, &["plugin", "validate", "--set", "verison=1.2"]);
    assert_snapshot!("validate-template", broken.text());
    let json = on(&folder, &["plugin", "validate", "--set", "version=1.2", "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let locations: Vec<String> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| format!("{} {}", problem["code"].as_str().unwrap(), problem["location"]))
        .collect();
    assert_snapshot!("validate-template-json", locations.join("\n"));
}

#[test]
fn variables_are_typed_as_published_or_refused_in_the_published_words() {
    for (typed, code, said) in [
        ("v=a=b", 0, "UnusedVariable: nothing takes the variable `v`"),
        ("v", 2, "--set expects <var>=<val> syntax, got \"v\""),
        ("-v=1", 2, "--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"-v\""),
    ] {
        let ended = sandbind_with(&["plugin", "validate", "-f", "-", "--set", typed], crate::offline::PLUGIN);
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let twice = ["plugin", "validate", "-f", "-", "--set", "v=1", "--set", "v=2"];
    let ended = sandbind_with(&twice, crate::offline::PLUGIN);
    assert!(ended.code == 2 && ended.stderr.contains("conflicting variable defs"), "{ended:?}");
}

#[test]
fn strict_has_an_escape_and_defaults_and_keeps_files_below_the_folder() {
    let folder = folder();
    let file = folder.path().join("pg/plugin.yaml");
    // The `@` before the version is doubled.
    let strict = PLUGIN.replace("pg@@{version}", "pg@@@{version:-3}").replace("@{host}", "@@{host}");
    fs::write(&file, &strict).unwrap();
    let ended = on(&folder, &["plugin", "render", "--strict", "-o", "json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let object: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(object["spec"]["version"], "3.0.0");
    assert!(object["spec"]["runner"]["podTemplateOverlay"].as_str().unwrap().contains("\"@{host}\""));
    for (path, said) in
        [("../up.sh", "EmbedOutside"), ("link.sh", "EmbedOutside"), ("/scripts/delete.sh", "AbsoluteEmbed")]
    {
        fs::write(folder.path().join("up.sh"), "#!/bin/sh\n").unwrap();
        let _there = symlink("../up.sh", folder.path().join("pg/link.sh"));
        fs::write(&file, strict.replace("scripts/delete.sh", path)).unwrap();
        let ended = on(&folder, &["plugin", "validate", "--strict"]);
        assert!(ended.code == 1 && ended.stderr.contains(said), "{path}: {ended:?}");
        fs::write(&file, PLUGIN.replace("scripts/delete.sh", path)).unwrap();
        let ended = on(&folder, &["plugin", "validate", "--set", "version=1", "--set", "host=x"]);
        assert_eq!(ended.code, 0, "{path}: {ended:?}");
    }
    fs::write(&file, &strict).unwrap();
    let unused = on(&folder, &["plugin", "validate", "--strict", "--set", "host=x"]);
    assert!(unused.code == 1 && unused.stderr.contains("error: UnusedVariable"), "{unused:?}");
}

#[test]
fn a_template_from_standard_input_begins_at_the_working_folder() {
    let ended =
        sandbind_with(&["plugin", "validate", "-f", "-", "--set", "version=1", "--set", "host=x"], PLUGIN);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("at:      stdin:7:12\n"), "{ended:?}");
    assert!(ended.stderr.contains("open create.yaml: no such file or directory"), "{ended:?}");
}

#[test]
fn a_stack_and_an_injection_expand_the_plugins_they_are_given() {
    let folder = folder();
    let file = folder.path().join("pg/plugin.yaml");
    let stack = format!("{}{}", crate::offline::BINDING.replace("postgres@^1", "pg@^1"), crate::offline::POD);
    let arguments = ["inject", "-f", file.to_str().unwrap(), "-f", "-", "--set", "version=1.2"];
    let ended = sandbind_with(&arguments, &stack);
    assert!(ended.code == 1 && ended.stderr.contains("unexpanded variable: host"), "{ended:?}");
    let ended = sandbind_with(&[&arguments[..], &["--set", "host=x"]].concat(), &stack);
    assert!(ended.code == 0 && ended.stdout.contains("DATABASE_URL"), "{ended:?}");
}

#[test]
fn what_no_reader_could_hold_is_refused_with_a_reason() {
    let nested = format!("name: p\nspec: {}1{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let alias = format!("*a{}, ", n - 1).repeat(9);
        format!("{text}a{n}: &a{n} [{alias}]\n")
    });
    let long = format!("name: p\nspec:\n  description: {}\n", "x".repeat(10 << 20));
    for (text, said) in [(nested, "levels deep"), (bomb, "aliases expanded"), (long, "longer than")] {
        let ended = sandbind_with(&["plugin", "validate", "-f", "-"], &text);
        assert!(ended.code == 1 && ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}
