//! The page of codes against the source: a code that a user may see is explained, and what is explained exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use sandbind_tests::pages;

/// Crates whose words reach users.
const ROOMS: &[&str] = &["core", "engine", "cluster", "local", "webhook", "plugin-runner", "cli"];

/// What stands directly before the code of a problem, failure, condition or Event.
const MAKERS: &[&str] = &[
    "Problem::error(",
    "Problem::warning(",
    "Failure::failed(",
    "Failure::usage(",
    "Self::failed(",
    "self.error(",
    "self.warning(",
    "self.failed(",
    "self.warn(",
    "refuse(",
    "reason: ",
    "code: ",
    "Ending::Failed,",
    "Ending::Lost,",
    "Ending::Unclaimed,",
];

/// The source of a crate without comments and unit tests.
fn source(room: &str) -> String {
    let mut text = String::new();
    read(&pages::root().join(room).join("src"), &mut text);
    text
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "tests" | "codes" | "memory") {
                read(&path, text);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !matches!(name.as_str(), "tests.rs" | "fixture.rs" | "fixtures.rs")
        {
            let file = fs::read_to_string(&path).unwrap();
            let code = file.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let kept = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            kept.for_each(|line| text.extend([line, "\n"]));
        }
    }
}

fn code_at(text: &str) -> Option<&str> {
    let quoted = text.trim_start().strip_prefix('"')?;
    let (code, _) = quoted.split_once('"')?;
    let camel = code.len() > 3
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.chars().all(|c| c.is_ascii_alphanumeric());
    camel.then_some(code)
}

/// Codes in the page's tables.
fn explained() -> BTreeSet<String> {
    let page = pages::text("docs/reference/codes.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn every_code_that_a_user_may_see_is_explained() {
    let explained = explained();
    let mut missing: BTreeMap<String, &str> = BTreeMap::new();
    let mut seen = 0;
    for room in ROOMS {
        let source = source(room);
        for maker in MAKERS {
            for (at, _) in source.match_indices(maker) {
                let Some(code) = code_at(&source[at + maker.len()..]) else { continue };
                seen += 1;
                if !explained.contains(code) {
                    missing.insert(code.to_owned(), room);
                }
            }
        }
    }
    assert!(seen > 200, "only {seen} codes were found: has the way they are written changed?");
    assert!(missing.is_empty(), "add to cli/src/reference/codes/: {missing:#?}");
}

#[test]
fn every_code_that_is_explained_exists() {
    let source: String = ROOMS.iter().map(|room| source(room)).collect();
    // A policy of the API server itself has its code at the head of its message.
    let said = |code: &String| {
        [format!("\"{code}\""), format!("\"{code}: ")].iter().any(|said| source.contains(said))
    };
    let gone: Vec<String> = explained().into_iter().filter(|code| !said(code)).collect();
    assert!(gone.is_empty(), "take out of cli/src/reference/codes/: {gone:?}");
}
