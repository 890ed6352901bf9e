//! The project's pages: fenced blocks with their marks, links, headings.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Root of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every page that people read, relative to the root: those at the top, `docs/`, and the READMEs below.
pub fn all() -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    found.sort();
    assert!(found.iter().any(|page| page == "README.md"), "{found:?}");
    found
}

fn collect(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") {
                collect(root, &path, found);
            }
        } else if name.to_ascii_lowercase().ends_with(".md") {
            found.push(path);
        }
    }
}

/// Pages whose examples need a server that no cluster has; the test target `servers` follows them.
pub const WITH_SERVERS: &[&str] = &[
    "examples/helm/README.md",
    "examples/kubernetes/README.md",
    "examples/mariadb/README.md",
    "examples/nats/README.md",
    "examples/rabbitmq/README.md",
    "examples/redis/README.md",
    "examples/s3/README.md",
];

/// A page's text.
pub fn text(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What a test does with a fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Run it by a shell.
    Run,
    /// Apply it to a namespace.
    Apply,
    /// Let the API server check it, in whatever namespace it names, and keep nothing.
    Check,
    /// Validate it as a plugin.
    Plugin,
    /// Its lines stand, in this order, in what the block before it printed; `…` stands for anything.
    Shows,
    /// Nothing, for a reason.
    Skip(String),
}

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The word after the fence, such as `yaml`.
    pub language: String,
    /// What stands above it as `<!-- test: MARK -->`.
    pub mark: Option<Mark>,
    /// What stands between the fences.
    pub text: String,
    /// Line of the opening fence, from 1.
    pub line: usize,
}

/// The fenced blocks of a page, in order. A mark that stands above no block, or that means nothing, is an error.
pub fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut mark = None;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let fenced = line.trim_start();
        if let Some(word) = fenced.strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->")) {
            mark = Some(read_mark(word).ok_or_else(|| format!("line {}: unknown mark `{word}`", at + 1))?);
            continue;
        }
        let Some(language) = fenced.strip_prefix("```") else {
            if mark.is_some() {
                return Err(format!("line {}: no block follows the mark", at + 1));
            }
            continue;
        };
        let indent = line.len() - fenced.len();
        let inside =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.trim_start().starts_with("```"));
        let inside: Vec<&str> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
        blocks.push(Block {
            language: language.trim().to_owned(),
            mark: mark.take(),
            text: inside.join("\n"),
            line: at + 1,
        });
    }
    Ok(blocks)
}

fn read_mark(word: &str) -> Option<Mark> {
    Some(match word {
        "run" => Mark::Run,
        "apply" => Mark::Apply,
        "check" => Mark::Check,
        "plugin" => Mark::Plugin,
        "shows" => Mark::Shows,
        other => {
            let reason = other.strip_prefix("skip (")?.strip_suffix(')')?;
            if reason.len() < 10 {
                return None;
            }
            Mark::Skip(reason.to_owned())
        }
    })
}

/// Whether `shown`, line by line and in order, stands in `printed`; `…` stands for anything. Else the line that does not.
pub fn shows(printed: &str, shown: &str) -> Result<(), String> {
    let mut rest = printed.lines();
    for line in shown.lines().filter(|line| !line.trim().is_empty()) {
        if !rest.any(|printed| fits(printed.trim_end(), line.trim_end())) {
            return Err(line.to_owned());
        }
    }
    Ok(())
}

fn fits(printed: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    open || rest.is_empty()
}

/// Pieces of a line in `code` quotes.
pub fn inline_code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Lines outside fenced blocks, with their numbers.
pub fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let outside = |(_, line): &(usize, &str)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    };
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(outside).collect()
}

/// Targets of `[text](target)`, with their lines.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        // A link's text may be code, which is cut out above; its target never is.
        for rest in plain.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((at, target.to_owned()));
            }
        }
    }
    found
}

/// Anchors of a page's headings, as the common renderers make them.
pub fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim())
    });
    headings
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_marks_and_lose_their_indentation() {
        let page =
            "text\n<!-- test: run -->\n```console\nls\n```\n1. item\n\n   ```yaml\n   a:\n     b\n   ```\n";
        let found = blocks(page).unwrap();
        assert_eq!(found[0].mark, Some(Mark::Run));
        assert_eq!((found[0].language.as_str(), found[0].text.as_str(), found[0].line), ("console", "ls", 3));
        assert_eq!((found[1].mark.clone(), found[1].text.as_str()), (None, "a:\n  b"));
    }

    #[test]
    fn a_mark_without_a_block_or_a_reason_is_an_error() {
        for page in
            ["<!-- test: run -->\ntext\n", "<!-- test: skip () -->\n```\n```\n", "<!-- test: rnu -->\n"]
        {
            assert!(blocks(page).is_err(), "{page}");
        }
    }

    #[test]
    fn what_is_shown_must_be_printed_in_order() {
        let printed = "a 1 b\nsecond\nthird 3.2 s\n";
        assert_eq!(shows(printed, "a … b\nthird … s"), Ok(()));
        assert_eq!(shows(printed, "third …\nsecond"), Err("second".to_owned()));
        assert_eq!(shows(printed, "a 1"), Err("a 1".to_owned()));
    }

    #[test]
    fn links_and_anchors_are_found() {
        let page = "# A `b`: c-d\n[`x`](y.md#z) and `[no](link)`\n```\n[no](link)\n```\n";
        assert_eq!(links(page), [(2, "y.md#z".to_owned())]);
        assert_eq!(anchors(page), ["a-b-c-d"]);
    }
}
