//! What holds of each parser for every input: one law in a file, a function of bytes that panics where it is broken.
//!
//! `targets/` gives each to libFuzzer. `core/tests/fuzzed.rs` includes this file and tries the laws on all seeds and on all inputs that
//! once broke them, so the laws hold without fuzzing.

pub mod binding;
pub mod inject;
pub mod migrate;
pub mod overlay;
pub mod plugin;
pub mod reference;
pub mod template;
pub mod wire;
pub mod yaml;

use std::fmt::Debug;

use sandbind_core::{problem::Problem, source::Sources};

/// What a law says of an input.
pub type Law = fn(&[u8]);

/// Every law by the name of its target.
pub const LAWS: &[(&str, Law)] = &[
    ("binding", binding::law),
    ("inject", inject::law),
    ("migrate", migrate::law),
    ("overlay", overlay::law),
    ("plugin", plugin::law),
    ("reference", reference::law),
    ("template", template::law),
    ("wire", wire::law),
    ("yaml", yaml::law),
];

/// What stands between the parts of an input that is more than one text.
const SEPARATOR: &str = "\n%%%\n";

/// The parts of an input; nothing where it is no text.
fn parts(data: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(data).ok().into_iter().flat_map(|text| text.split(SEPARATOR))
}

/// Fails with both where they differ.
#[track_caller]
fn same<T: PartialEq + Debug>(one: &T, other: &T, what: &str) {
    assert!(one == other, "{what}:\n{one:#?}\n{other:#?}");
}

/// A problem says what it is, and the place that it names is there.
#[track_caller]
fn is_told(problem: &Problem, sources: &Sources) {
    assert!(!problem.code.is_empty() && !problem.reason.is_empty(), "nothing is said: {problem:?}");
    let Some(at) = problem.location() else { return };
    let bytes = problem.bytes().unwrap_or_default();
    assert!(bytes.start <= bytes.end, "ends before it begins: {problem:?}");
    // A file that is no text is named, and is no source of the document.
    let Some(source) = sources.named(&at.file) else { return };
    let lines = source.line_count();
    assert!((1..=lines).contains(&at.line) && at.line <= at.end_line && at.end_line <= lines, "{problem:?}");
    let line = source.line(at.line).unwrap_or_default();
    assert!(at.column <= line.chars().count() + 2, "beyond its line: {problem:?}");
    let end = source.text.len();
    assert!(usize::try_from(bytes.end).is_ok_and(|bytes| bytes <= end), "beyond its text: {problem:?}");
}
