//! The texts that were read, and places in them: what every `file:line:column` and every frame of source code rests on.
//!
//! A [`Span`] is a stretch of one text, in bytes. [`Sources`] holds the texts and turns spans into [`Location`]s. A [`TextMap`]
//! says for each byte of a string where it was written, whatever lies between: quotes, escapes, indentation, placeholders,
//! embedded files.

mod excerpt;
mod map;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

pub use excerpt::Excerpt;
pub use map::{Piece, TextMap};

use crate::problem::{Problem, Spot};

/// The number of a text within its [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(u32);

/// A stretch of a text, in bytes; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The place before the first byte.
    #[must_use]
    pub const fn head(self) -> Self {
        Self { end: self.start, ..self }
    }
}

/// Where something is in the files that were read. Lines and columns count from 1, columns in characters; the end is the
/// place after the last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Name of the file, as shown to people.
    pub file: String,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end.
    pub end_column: usize,
}

impl fmt::Display for Location {
    /// `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The texts that one document came from: its own first, then those it embeds. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    all: Vec<Arc<Source>>,
}

/// One text.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// Name of the file, as shown to people.
    pub name: String,
    /// What is in it.
    pub text: Arc<str>,
    /// First bytes of the lines.
    lines: Vec<u32>,
    /// How many characters stand before each [`STRIDE`]th byte; empty where every character is one byte.
    characters: Vec<u32>,
}

/// Distance of the bytes whose character number is kept: columns of very long lines need no walk along the line.
const STRIDE: usize = 1024;

impl Sources {
    /// Takes up a text. Texts are shorter than 4 GiB; bytes beyond have no place of their own.
    pub fn add(&mut self, name: &str, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Arc::new(Source::new(name, text.into())));
        id
    }

    /// A text.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.all.get(usize::try_from(file.0).ok()?).map(|source| &**source)
    }

    /// The text of a name, for who only has a [`Location`].
    pub fn named(&self, name: &str) -> Option<&Source> {
        self.all.iter().find(|source| source.name == name).map(|source| &**source)
    }

    /// The whole of a text.
    pub fn whole(&self, file: FileId) -> Span {
        let end = self.get(file).map_or(0, |source| offset(source.text.len()));
        Span { file, start: 0, end }
    }

    /// A problem with its location, and `file:line:column` before its field path.
    #[must_use]
    pub fn place(&self, span: Span, problem: Problem) -> Problem {
        let location = self.locate(span);
        let place = match problem.place.as_str() {
            "" => location.to_string(),
            path => format!("{location}: {path}"),
        };
        let excerpt = self.excerpt(span, location.line);
        let spot = Spot::At(location, span.start..span.end, excerpt);
        Problem { place, spot: Some(Box::new(spot)), ..problem }
    }

    /// What is to be seen of a span that begins on this line.
    fn excerpt(&self, span: Span, line: usize) -> Excerpt {
        let Some((source, start)) =
            self.get(span.file).and_then(|source| Some((source, source.start(line)?)))
        else {
            return Excerpt::default();
        };
        let within = |at: u32| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        Excerpt::of(source.line(line).unwrap_or_default(), within(span.start)..within(span.end))
    }

    /// A span in lines and columns.
    pub fn locate(&self, span: Span) -> Location {
        let Some(source) = self.get(span.file) else {
            return Location { file: String::new(), line: 1, column: 1, end_line: 1, end_column: 1 };
        };
        let (line, column) = source.position(span.start);
        let (end_line, end_column) = source.position(span.end.max(span.start));
        Location { file: source.name.clone(), line, column, end_line, end_column }
    }
}

impl Source {
    fn new(name: &str, text: Arc<str>) -> Self {
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            // `\n`, `\r\n` and a lone `\r` end a line, as YAML has it.
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                lines.push(offset(at + 1));
            }
        }
        let characters = if text.is_ascii() { Vec::new() } else { characters(bytes) };
        Self { name: name.to_owned(), text, lines, characters }
    }

    /// How many lines there are; a last line end begins one more.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The first byte of a line; lines count from 1.
    fn start(&self, line: usize) -> Option<u32> {
        self.lines.get(line.checked_sub(1)?).copied()
    }

    /// A line without its end; lines count from 1.
    pub fn line(&self, line: usize) -> Option<&str> {
        let start = usize::try_from(*self.lines.get(line.checked_sub(1)?)?).ok()?;
        let end =
            self.lines.get(line).and_then(|next| usize::try_from(*next).ok()).unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// Line and column of a byte, both from 1.
    fn position(&self, at: u32) -> (usize, usize) {
        let at = at.min(offset(self.text.len()));
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        (line, self.characters_before(at).saturating_sub(self.characters_before(start)) + 1)
    }

    /// How many characters begin before a byte.
    fn characters_before(&self, at: u32) -> usize {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        match self.characters.get(at / STRIDE) {
            Some(before) => {
                let from = at / STRIDE * STRIDE;
                let rest = self.text.as_bytes().get(from..at).unwrap_or_default();
                usize::try_from(*before).unwrap_or(usize::MAX)
                    + rest.iter().filter(|byte| begins(**byte)).count()
            }
            None => at,
        }
    }
}

/// Whether a byte of UTF-8 begins a character.
const fn begins(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

fn characters(bytes: &[u8]) -> Vec<u32> {
    let mut before = 0;
    let mut all = vec![before];
    for chunk in bytes.chunks(STRIDE) {
        before += offset(chunk.iter().filter(|byte| begins(**byte)).count());
        all.push(before);
    }
    all
}

/// A count of bytes as offsets are kept.
pub(crate) fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
