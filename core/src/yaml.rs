//! The one place that reads and writes YAML (and JSON, which is YAML too).
//!
//! Read in the dialect of the published tools: `yes no on off y n` are booleans, `0777` is 511, the last of duplicate keys wins,
//! merge keys are resolved, dates are strings. Where that surprises, the document carries a warning. Reading is bounded in size,
//! depth and expansion of aliases. Written so that every reader, kubectl included, reads back what was meant.

mod compose;
mod node;
mod places;
mod scalar;
mod tagged;
mod write;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    problem::Problem,
    source::{Sources, Span, TextMap},
};

pub(crate) use compose::first;
pub use compose::too_long;
pub(crate) use node::{Content, Field, Fields, NODE, Node, Origin};
pub(crate) use tagged::lossy;
pub use write::{write, write_all};

/// The longest text that is read, in bytes.
pub const LONGEST_TEXT: usize = 4 << 20;
/// The deepest nesting that is read.
pub const DEEPEST: usize = 64;
/// The most that one text may come to in memory with its aliases expanded: bytes of strings and keys, and 128 for each node.
pub const LARGEST: usize = 32 << 20;

/// One document with the places of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The content.
    pub value: Value,
    /// Warnings of what the published reader would have accepted in silence; errors only where a template was expanded.
    pub problems: Vec<Problem>,
    /// The text that it was read from, and those that it embeds.
    pub sources: Sources,
    pub(crate) root: Arc<Node>,
}

/// All documents of a text; empty ones are left out. `file` is only for messages.
pub fn read_all(text: &str, file: &str) -> Result<Vec<Document>, Problem> {
    let documents = compose::compose(text, file, compose::Wanted::All)?;
    Ok(documents.into_iter().filter(|document| !document.value.is_null()).collect())
}

/// The first document of a text, as published plugin documents are read; further ones are ignored with a warning.
pub fn read_first(text: &str, file: &str) -> Result<Document, Problem> {
    let first = compose::compose(text, file, compose::Wanted::First)?.into_iter().next();
    first.filter(|document| !document.value.is_null()).ok_or_else(|| {
        Problem::error(
            "EmptyDocument",
            file,
            "there is nothing in it",
            "write a document, or name another file",
        )
    })
}

/// The text that bytes stand for: UTF-8, or UTF-16 where a byte-order mark says so. `file` is only for messages.
pub fn decode(bytes: Vec<u8>, file: &str) -> Result<String, Problem> {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let units = bytes.get(2..).unwrap_or_default().chunks(2);
        let units = units.map(|unit| match unit {
            [a, b] => pair([*a, *b]),
            _ => 0xdc00,
        });
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| bytes.len())
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let mut sources = Sources::default();
                let id = sources.add(file, String::from_utf8_lossy(error.as_bytes()));
                let start = crate::source::offset(at);
                let span = Span { file: id, start, end: start };
                let way_out = "save the file as UTF-8, or embed bytes with `@{embed[binary]: FILE}`";
                let problem = Problem::error("BadYaml", "", "this byte is no part of UTF-8 text", way_out);
                return Err(sources.place(span, problem));
            }
        },
    };
    text.map_err(|_| Problem::error("BadYaml", file, "the text is broken UTF-16", "save the file as UTF-8"))
}

impl Document {
    /// Name of the file, as shown to people.
    pub fn file(&self) -> &str {
        self.sources.get(self.root.span.file).map_or("", |source| &source.name)
    }

    /// Where the name of a field stands; of an item or the whole document, where it begins. Of what is not there, the same
    /// of the nearest part around it. Field paths are such as `spec.create[0].name`, in any case.
    pub fn key_span(&self, path: &str) -> Span {
        let found = self.root.find(&path.to_lowercase());
        found.key.unwrap_or_else(|| found.node.span.head())
    }

    /// Where the value at a field path stands, if it is there.
    pub fn value_span(&self, path: &str) -> Option<Span> {
        let found = self.root.find(&path.to_lowercase());
        found.whole.then_some(found.node.span)
    }

    /// From the bytes of the string at a field path to where they were written; none where there is no string.
    pub fn text_map(&self, path: &str) -> Option<TextMap> {
        let found = self.root.find(&path.to_lowercase());
        found.node.text_map(&self.sources).filter(|_| found.whole)
    }

    /// `file:line:column` of a field path such as `spec.create[0].name`, or of the nearest part around it.
    pub fn mark(&self, path: &str) -> String {
        self.sources.locate(self.key_span(path)).to_string()
    }

    /// Whether the string at a field path holds a placeholder that could not be replaced, so that it is not what was meant.
    pub fn is_failed(&self, path: &str) -> bool {
        let found = self.root.find(&path.to_lowercase());
        found.whole && matches!(&found.node.target().content, Content::Text(_, Origin::Failed(_)))
    }

    /// The same problem with `file:line:column` before its field path. `from` is what the path is to be looked up as, where it
    /// differs from the problem's own.
    #[must_use]
    pub fn locate(&self, problem: Problem, from: Option<&str>) -> Problem {
        Locator::new(self).locate(problem, from)
    }
}

/// Finds the places of many problems: what leads from a text to its places is found once.
#[derive(Debug)]
pub struct Locator<'d> {
    document: &'d Document,
    /// By the place of the text.
    maps: BTreeMap<Span, Option<TextMap>>,
}

impl<'d> Locator<'d> {
    /// For the problems of a document.
    pub const fn new(document: &'d Document) -> Self {
        Self { document, maps: BTreeMap::new() }
    }

    /// See [`Document::locate`].
    #[must_use]
    pub fn locate(&mut self, problem: Problem, from: Option<&str>) -> Problem {
        let found = self.document.root.find(&from.unwrap_or(&problem.place).to_lowercase());
        let sources = &self.document.sources;
        let within =
            problem.bytes().filter(|_| problem.location().is_none() && found.whole).and_then(|bytes| {
                let node = found.node.target();
                let map = self.maps.entry(node.span).or_insert_with(|| node.text_map(sources)).as_ref()?;
                Some(map.span(usize::try_from(bytes.start).ok()?..usize::try_from(bytes.end).ok()?))
            });
        let span = within.or(found.key).unwrap_or_else(|| found.node.span.head());
        sources.place(span, problem)
    }
}

/// A text of any length as messages show it.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The path of a field of `parent`; an empty parent is the document itself.
pub(crate) fn field(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

#[cfg(test)]
mod tests;
