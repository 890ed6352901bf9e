//! The laws of the fuzz targets on inputs that are known: all seeds, and what once broke a law.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests read files, and a panic is how a law says no"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

#[path = "../../fuzz/src/lib.rs"]
mod laws;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Every file below a folder that the condition holds of.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, wanted, found);
        } else if wanted(&path) {
            found.push(path);
        }
    }
}

fn below(folder: &str, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&Path::new(ROOT).join(folder), wanted, &mut found);
    found
}

/// Tries an input, so that a failure names it.
fn holds(name: &str, law: laws::Law, input: &[u8], from: &Path) {
    let tried = std::panic::catch_unwind(|| law(input));
    assert!(tried.is_ok(), "the law `{name}` is broken by {}, see above", from.display());
}

#[test]
fn what_once_broke_a_law_keeps_it_now() {
    for (name, law) in laws::LAWS {
        let folder = Path::new(ROOT).join("fuzz/regressions").join(name);
        if folder.is_dir() {
            let mut inputs = Vec::new();
            files(&folder, &|_| true, &mut inputs);
            for file in &inputs {
                holds(name, *law, &fs::read(file).unwrap(), file);
            }
        }
    }
    for folder in fs::read_dir(Path::new(ROOT).join("fuzz/regressions")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        assert!(laws::LAWS.iter().any(|(name, _)| *name == folder), "no law is called {folder}");
    }
}

#[test]
fn every_law_holds_for_every_document_of_the_project() {
    let yaml = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml");
    let mut documents = below("cli/tests/wrong", &yaml);
    documents.extend(below("examples", &yaml));
    assert!(documents.len() > 100, "{}", documents.len());
    for file in &documents {
        let text = fs::read(file).unwrap();
        for (name, law) in laws::LAWS {
            holds(name, *law, &text, file);
        }
    }
}

#[test]
fn every_law_has_seeds_and_holds_for_what_is_left_of_them_when_they_are_cut() {
    for (name, law) in laws::LAWS {
        let file = Path::new(ROOT).join(format!("fuzz/seeds/{name}.txt"));
        for seed in fs::read_to_string(&file).unwrap().split("\n===\n") {
            holds(name, *law, seed.as_bytes(), &file);
            for (at, _) in seed.char_indices().step_by(13) {
                holds(name, *law, &seed.as_bytes()[..at], &file);
                holds(name, *law, &seed.as_bytes()[at..], &file);
            }
        }
    }
}
