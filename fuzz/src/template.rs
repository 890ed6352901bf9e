//! Templates: a document, the variables (`NAME=VALUE` lines) and files (a line with the path, then the content).

use sandbind_core::{
    source::Sources,
    template::{self, Folder, Reading, Used, Variables, has_placeholder},
    yaml::{self, Document},
};
use serde_json::{Value, json};

/// The law.
pub fn law(data: &[u8]) {
    let mut parts = super::parts(data);
    let Some(text) = parts.next() else { return };
    let typed: Vec<&str> = parts.next().unwrap_or("a=1\nb=x: [1, 2]\nc=").lines().collect();
    let Ok(variables) = Variables::parse(&typed) else { return };
    let mut files = Folder([("f".to_owned(), b"a: 1\n@{a}\xff\n".to_vec())].into());
    files.0.extend(parts.filter_map(|part| {
        let (path, content) = part.split_once('\n')?;
        Some((path.to_owned(), content.as_bytes().to_vec()))
    }));
    plain(text, &variables);
    let Ok(document) = yaml::read_first(text, "dir/f.yaml") else { return };
    for reading in [Reading::Published, Reading::Strict] {
        let mut used = Used::default();
        let mut files = files.clone();
        let mut once = || template::expand(&document, &variables, reading, &mut files, &mut used);
        let expanded = once();
        super::same(&once(), &expanded, "two expansions differ");
        let _ = variables.unused(&used);
        expanded.problems.iter().for_each(|problem| super::is_told(problem, &expanded.sources));
        if !any_text(&document.value, &mut |text| text.contains("@{")) {
            super::same(&expanded.value, &document.value, "there is no placeholder");
        }
        let failed = expanded.problems.iter().any(sandbind_core::problem::Problem::is_error);
        places(&expanded, &expanded.value, "", failed);
    }
}

/// Whether something holds of any string of a value.
fn any_text(value: &Value, holds: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, holds)),
        Value::Object(fields) => fields.values().any(|field| any_text(field, holds)),
        _ => false,
    }
}

/// Every byte of every string has a place in a text that was read, and only a document with errors has strings that failed.
fn places(document: &Document, value: &Value, path: &str, failed: bool) {
    match value {
        Value::String(text) => {
            assert!(failed || !document.is_failed(path), "{path} failed, and nobody says so");
            let Some(map) = document.text_map(path) else { return };
            super::same(&map.len(), &text.len(), path);
            for piece in map.pieces() {
                is_in(&document.sources, piece.span, path);
            }
            is_in(&document.sources, map.span(0..text.len()), path);
            is_in(&document.sources, map.span(text.len() / 2..text.len()), path);
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(document, item, &format!("{path}[{at}]"), failed);
            }
        }
        Value::Object(fields) => {
            // A path says nothing certain of names with dots, and of those that differ in case only.
            let simple = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
            for (name, field) in fields.iter().filter(|(name, _)| simple(name)) {
                let rivals = fields.keys().filter(|other| other.to_lowercase().starts_with(name.as_str()));
                if rivals.count() == 1 {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    places(document, field, &path, failed);
                }
            }
        }
        _ => {}
    }
}

fn is_in(sources: &Sources, span: sandbind_core::source::Span, path: &str) {
    let whole = sources.whole(span.file);
    assert!(span.start <= span.end && span.end <= whole.end, "{path}: {span:?} is not in {whole:?}");
}

/// A text of variables and nothing else is what a search and replace makes of it.
fn plain(text: &str, variables: &Variables) {
    let mut expected = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        expected.push_str(before);
        match after.split_once('}') {
            Some(("", _)) | None => {
                expected.push_str("@{");
                rest = after;
            }
            Some((name, after)) => {
                // Anything but a variable is not for this law.
                let Some(value) = variables.get(name.trim()) else { return };
                expected.push_str(value);
                rest = after;
            }
        }
    }
    expected.push_str(rest);
    let Ok(document) = yaml::read_first(&yaml::write(&json!({"a": text})), "f") else { return };
    let (mut used, mut files) = (Used::default(), Folder::default());
    let expanded = template::expand(&document, variables, Reading::Published, &mut files, &mut used);
    super::same(&expanded.value["a"], &json!(expected), "variables are put in otherwise");
    super::same(&has_placeholder(text), &(used != Used::default()), text);
}
