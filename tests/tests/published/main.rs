//! Plugin documents of the published format, run as they are with stand-ins for the tools that they call: create and delete end
//! with 0, every declared output appears, delete steps get what create made, and what nobody passes is unset.
//!
//! `SANDBIND_CORPUS`: the folder of the documents; left out, `tests/published`. Needs root: `tests/published/isolated` says why.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("published").canonicalize().unwrap()
}

fn corpus() -> PathBuf {
    std::env::var_os("SANDBIND_CORPUS")
        .map_or_else(own, |folder| Path::new(&folder).canonicalize().expect("the folder of documents"))
}

/// Every YAML or JSON file below a folder that reads like a plugin document.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if path.is_dir() {
            documents(&path, found);
        } else if ["yaml", "yml", "json"].contains(&kind) && !path.to_string_lossy().contains(".test.") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let has = |key: &str| text.lines().any(|line| line.trim_start().starts_with(key));
            if has("runner:") && has("create:") && has("name:") {
                found.push(path);
            }
        }
    }
    found.sort();
}

/// `--set` for each variable of a document: any value will do.
fn variables(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let mut names = BTreeSet::new();
    for part in text.split("@{").skip(1) {
        let name = part.split(['}', '[', ':']).next().unwrap_or_default();
        if name != "embed" && !name.is_empty() {
            names.insert(name.to_owned());
        }
    }
    names.into_iter().flat_map(|name| ["--set".to_owned(), format!("{name}=stand-in")]).collect()
}

fn sandbind(arguments: &[&str], document: &Path) -> Output {
    let mut path = vec![own().join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(own().join("isolated"));
    command
        .args(["sandbind"])
        .args(arguments)
        .arg("-f")
        .arg(document)
        .args(variables(document))
        .args(["-o", "json"])
        .env("PATH", std::env::join_paths(path).unwrap());
    command.output().expect("isolated runs")
}

fn json(output: &Output, what: &str) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{what}: {error}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What is wrong with how a document ran.
fn tried(document: &Path) -> Vec<String> {
    let name = document.display().to_string();
    let rendered = json(&sandbind(&["plugin", "render", "--as", "document"], document), &name);
    let corpus = corpus();
    let folder = format!("SANDBIND_CORPUS={}", corpus.display());
    let output = sandbind(&["plugin", "test", "--env", &folder], document);
    let report = json(&output, &name);
    let mut wrong = Vec::new();
    if !output.status.success() {
        wrong.push(format!("it failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    for work in ["create", "delete"] {
        for step in rendered["spec"][work].as_array().into_iter().flatten() {
            let step_name = step["name"].as_str().unwrap_or_default();
            let mut ran = report["tests"][0][work].as_array().into_iter().flatten();
            let Some(ran) = ran.rfind(|ran| ran["step"] == step_name) else {
                wrong.push(format!("{work} step {step_name} did not run"));
                continue;
            };
            for output in step["outputs"].as_array().into_iter().flatten() {
                let output = output["name"].as_str().unwrap_or_default();
                if ran["outputs"].get(output).is_none() {
                    wrong.push(format!("{work} step {step_name}: output {output} did not appear"));
                }
            }
            let got = texts(ran, "inputs");
            for input in step["inputs"].as_array().into_iter().flatten() {
                let (input_name, passed) =
                    (input["name"].as_str().unwrap_or_default(), input.get("valueFromStep").is_some());
                if got.contains(&input_name) != passed {
                    wrong.push(format!("{work} step {step_name}: input {input_name} set: {}", !passed));
                }
            }
        }
    }
    wrong
}

#[test]
fn every_document_runs_create_and_delete_with_stand_ins_for_its_tools() {
    let mut found = Vec::new();
    documents(&corpus(), &mut found);
    assert!(!found.is_empty(), "no plugin document below {}", corpus().display());
    let mut wrong = Vec::new();
    for document in &found {
        let of_it = tried(document);
        eprintln!("{}: {}", document.display(), if of_it.is_empty() { "ok" } else { "FAILED" });
        wrong.extend(of_it.into_iter().map(|problem| format!("{}: {problem}", document.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{} documents ran", found.len());
}
