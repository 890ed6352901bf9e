//! The dependencies that ARCHITECTURE.md allows, read from the dependency graph and from `use` lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Crate → the crates of ours it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("kit", &[]),
    ("core", &["wire"]),
    ("link", &["wire"]),
    ("engine", &["core", "wire"]),
    ("step-agent", &["link", "wire"]),
    ("binder-sidecar", &["link", "wire"]),
    ("cluster", &["core", "engine", "kit", "wire"]),
    ("local", &["core", "engine", "step-agent", "wire"]),
    ("webhook", &["cluster", "core", "engine", "kit", "wire"]),
    ("plugin-runner", &["cluster", "core", "engine", "kit", "wire"]),
    (
        "cli",
        &[
            "binder-sidecar",
            "cluster",
            "core",
            "engine",
            "kit",
            "link",
            "local",
            "plugin-runner",
            "step-agent",
            "webhook",
            "wire",
        ],
    ),
];

/// What must not be anywhere below a crate.
const ABSENT: &[(&str, &[&str])] = &[
    ("core", &["tokio", "hyper", "kube-client", "kube-runtime", "axum", "ureq", "getrandom", "rustls"]),
    ("wire", &["tokio", "hyper", "kube-core", "axum", "k8s-openapi"]),
    ("link", &["tokio", "kube-core", "k8s-openapi", "axum"]),
    ("step-agent", &["tokio", "kube-core", "k8s-openapi", "axum", "sandbind-core"]),
    ("binder-sidecar", &["tokio", "kube-core", "k8s-openapi", "axum", "sandbind-core"]),
    ("engine", &["kube-client", "axum", "redb", "rustix"]),
];

/// What must not be anywhere: one TLS provider, one HTTP stack, one runtime, one YAML reader.
const BANNED: &[&str] =
    &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl-sys", "reqwest", "async-std", "serde_yaml"];

/// The layers of `core`, lowest first. A module uses only modules of lower layers, or of its own.
const LAYERS: &[&[&str]] = &[
    &["problem", "source"],
    &["yaml", "version", "template", "api", "identity", "selector", "trust"],
    &["plugin", "sandbox", "binding"],
    &["inject", "workflow", "step", "migrate"],
    &["lifecycle", "accepted"],
    &["hub"],
];

/// Uses of a higher layer on purpose, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("sandbox", "lifecycle", "a Sandbox's status mirrors records, whose type and words are the life cycle's"),
    (
        "binding",
        "lifecycle",
        "a binding resolves to the snapshot that a round pins, whose type is the life cycle's",
    ),
    (
        "workflow",
        "lifecycle",
        "the workflow reads the record's step states and the snapshot, whose types are the life cycle's",
    ),
    ("step", "lifecycle", "a step pod is made from a snapshot and a run, whose types are the life cycle's"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn metadata() -> serde_json::Value {
    serde_json::from_str(&cargo(&["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"]))
        .unwrap()
}

#[test]
fn every_crate_depends_only_on_the_crates_below_it() {
    let metadata = metadata();
    let ours = |name: &str| name.strip_prefix("sandbind-").map(str::to_owned);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = package["name"].as_str().and_then(ours).filter(|_| package["source"].is_null())
        else {
            continue;
        };
        let uses = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        found
            .insert(name, uses.filter_map(|dependency| dependency["name"].as_str().and_then(ours)).collect());
    }
    // Besides these crates: whatever measures or tests may use all of them.
    for beside in ["tests", "bench"] {
        found.remove(beside);
    }
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), allowed.keys().copied().collect());
    for (name, uses) in &found {
        let stray: Vec<_> =
            uses.iter().filter(|used| !allowed[name.as_str()].contains(used.as_str())).collect();
        assert!(stray.is_empty(), "{name} must not depend on {stray:?}");
    }
}

#[test]
fn no_crate_drags_in_what_is_absent_in_its_layer() {
    for (name, absent) in ABSENT {
        let tree = cargo(&[
            "tree",
            "--package",
            &format!("sandbind-{name}"),
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
            "--locked",
        ]);
        let below: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let stray: Vec<_> = absent.iter().filter(|banned| below.contains(**banned)).collect();
        assert!(stray.is_empty(), "{name} drags in {stray:?}");
    }
}

#[test]
fn nothing_banned_is_in_the_dependency_graph() {
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--offline",
        "--locked",
    ]);
    let all: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let stray: Vec<_> = BANNED.iter().filter(|banned| all.contains(**banned)).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |at| &text[..at])
}

#[test]
fn the_modules_of_core_use_only_lower_layers() {
    let layer: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(level, modules)| modules.iter().map(move |module| (*module, level)))
        .collect();
    let source = root().join("core/src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut stray = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&source).unwrap().to_string_lossy().into_owned();
        let module = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || relative.ends_with("tests.rs") {
            continue;
        }
        let own = *layer
            .get(module.as_str())
            .unwrap_or_else(|| panic!("core/src/{relative}: module `{module}` is in no layer"));
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in without_tests(&text).match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            for used in first_segments(rest) {
                let Some(level) = layer.get(used.as_str()) else { continue };
                let excused = EXCEPTIONS.iter().any(|(from, to, _)| *from == module && *to == used);
                if *level > own && !excused {
                    stray.push(format!("core/src/{relative} uses crate::{used}"));
                }
            }
        }
    }
    assert!(stray.is_empty(), "uses of a higher layer:\n{}", stray.join("\n"));
}

/// `a::b` → a; `{a::b, c::{d, e}}` → a, c.
fn first_segments(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut words, mut fresh) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            c if depth == 1 && fresh && c.is_alphabetic() => {
                words.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    words
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut files = Vec::new();
    for (name, _) in ALLOWED {
        sources(&root().join(name).join("src"), &mut files);
    }
    let long: Vec<String> = files
        .iter()
        .filter(|file| !file.ends_with("tests.rs"))
        .map(|file| (file, without_tests(&fs::read_to_string(file).unwrap()).lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn mains_stay_small() {
    for name in ["webhook", "plugin-runner", "step-agent", "binder-sidecar", "cli"] {
        let lines = fs::read_to_string(root().join(name).join("src/main.rs")).unwrap().lines().count();
        assert!(lines < 40, "{name}/src/main.rs has {lines} lines");
    }
}
