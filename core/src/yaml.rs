//! The one place that reads and writes YAML (and JSON, which is YAML too).
//!
//! Read in the dialect of the published tools: `yes no on off y n` are booleans, `0777` is 511, the last of duplicate keys wins,
//! merge keys are resolved, dates are strings. Where that surprises, the document carries a warning. Reading is bounded in size,
//! depth and expansion of aliases. Written so that every reader, kubectl included, reads back what was meant.

mod compose;
mod scalar;
mod write;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::problem::Problem;

pub use write::{write, write_all};

/// The longest text that is read, in bytes.
pub const LONGEST_TEXT: usize = 4 << 20;
/// The deepest nesting that is read.
pub const DEEPEST: usize = 64;
/// The most that one text may come to with its aliases expanded: bytes of strings and keys, and 16 for each node.
pub const LARGEST: usize = 32 << 20;

/// One document with the places of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The content.
    pub value: Value,
    /// What the published reader would have accepted in silence.
    pub warnings: Vec<Problem>,
    /// Name of the file, as shown to people.
    pub file: String,
    marks: Marks,
}

/// Where the parts of a document stand: line and column, both from 1, by field path in lower case.
type Marks = BTreeMap<String, (usize, usize)>;

/// All documents of a text; empty ones are left out. `file` is only for messages.
pub fn read_all(text: &str, file: &str) -> Result<Vec<Document>, Problem> {
    let documents = compose::compose(text, file, false)?;
    Ok(documents.into_iter().filter(|document| !document.value.is_null()).collect())
}

/// The first document of a text, as published plugin documents are read; further ones are ignored with a warning.
pub fn read_first(text: &str, file: &str) -> Result<Document, Problem> {
    let first = compose::compose(text, file, true)?.into_iter().next();
    first.filter(|document| !document.value.is_null()).ok_or_else(|| {
        Problem::error(
            "EmptyDocument",
            file,
            "there is nothing in it",
            "write a document, or name another file",
        )
    })
}

impl Document {
    /// `file:line:column` of a field path such as `spec.create[0].name`, or of the nearest part around it.
    pub fn mark(&self, path: &str) -> String {
        let mut path = path.to_lowercase();
        loop {
            if let Some((line, column)) = self.marks.get(&path) {
                return format!("{}:{line}:{column}", self.file);
            }
            if path.is_empty() {
                return self.file.clone();
            }
            path.truncate(path.rfind(['.', '[', ':']).unwrap_or(0));
        }
    }

    /// The same problem with `file:line:column` before its field path. `from` is what the path is to be looked up as, where it
    /// differs from the problem's own.
    #[must_use]
    pub fn locate(&self, problem: Problem, from: Option<&str>) -> Problem {
        let mark = self.mark(from.unwrap_or(&problem.place));
        let place = if problem.place.is_empty() { mark } else { format!("{mark}: {}", problem.place) };
        Problem { place, ..problem }
    }
}

/// The path of a field of `parent`; an empty parent is the document itself.
pub(crate) fn field(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

#[cfg(test)]
mod tests;
