//! What is said of placeholders, each thing once and at its place.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Expander, MOST_EMBEDDED, Told};
use crate::{
    problem::Problem,
    source::Span,
    template::{Reading, directive::SyntaxError, embed::Unread},
    yaml::LONGEST_TEXT,
};

impl Expander<'_> {
    /// `@{` that begins nothing.
    pub(super) fn open(&mut self, span: Span) {
        let reason = "`@{` begins no placeholder here: it stays as it is";
        let way_out = match self.reading {
            Reading::Published => "close it with `}`, or move the text into a file and embed that",
            Reading::Strict => "close it with `}`, or write `@@{`",
        };
        self.warn("OpenPlaceholder", span, reason, way_out);
    }

    /// Behind a word, as in `name@@{version}`, the first `@` is meant as it is.
    pub(super) fn no_escape(&mut self, text: &str, at: usize, span: Span) {
        let before = text.get(..at).unwrap_or_default();
        let escape = before.strip_suffix('@').is_some_and(|before| !before.ends_with(char::is_alphanumeric));
        if self.reading == Reading::Published && escape {
            let reason = "`@@{` is no escape: the second `@` begins a placeholder";
            self.warn("NoEscape", span, reason, "move the text into a file and embed that");
        }
    }

    pub(super) fn syntax(&mut self, error: &SyntaxError, span: Span) -> Told {
        let reason = error.to_string();
        self.used.unreadable();
        match error {
            SyntaxError::Variable(_) => {
                let way_out = match self.reading {
                    Reading::Published => {
                        "write `@{NAME}`; a script that means `@{` itself goes into a file: `@{embed: FILE}`"
                    }
                    Reading::Strict => "write `@{NAME}`, or `@@{` for `@{` itself",
                };
                self.error("BadVariable", span, reason, way_out);
            }
            SyntaxError::Operation(_) => {
                let way_out = "write `@{embed: FILE}`; the strict reading has defaults too: `@{NAME:-VALUE}`";
                self.error("UnknownOperation", span, reason, way_out);
            }
            SyntaxError::Unbalanced { .. } | SyntaxError::Encoding { .. } => {
                self.error("BadEncoding", span, reason, "write `[raw]`, `[yaml]` or `[binary]`");
            }
        }
        Told
    }

    pub(super) fn unread(&mut self, error: &Unread, span: Span) -> Told {
        let reason = error.to_string();
        match error {
            Unread::TooLarge(_) => {
                let reason = format!("{reason}: at most {LONGEST_TEXT} bytes, {MOST_EMBEDDED} all together");
                self.error("TooLarge", span, reason, "put large files into the image");
            }
            Unread::Outside(_) => {
                self.error("EmbedOutside", span, reason, "move the file below it");
            }
            _ => {
                let way_out = "name a file that can be read; paths begin at the folder of the document";
                self.error("CannotEmbed", span, reason, way_out);
            }
        }
        Told
    }

    /// What is wrong within an embedded file, and has its place there.
    pub(super) fn within_file(&mut self, problem: Problem) -> Told {
        if self.said_first(None, &problem) {
            self.problems.push(problem);
        }
        Told
    }

    /// Variables without a value: after the whole walk, each at its first place.
    pub(super) fn tell_unset(&mut self) {
        for (name, places) in std::mem::take(&mut self.unset) {
            let Some((first, others)) = places.split_first() else { continue };
            let mut reason = format!("unexpanded variable: {name}");
            let places: BTreeSet<Span> = others.iter().copied().filter(|place| place != first).collect();
            for (at, place) in places.iter().enumerate() {
                if at == 3 {
                    let _infallible = write!(reason, " and {} more", places.len() - at);
                    break;
                }
                let location = self.sources.locate(*place);
                let head = if at == 0 { "; also at" } else { "," };
                let _infallible = write!(reason, "{head} {}:{}", location.line, location.column);
            }
            self.error("UnsetVariable", *first, reason, format!("give it a value with `--set {name}=VALUE`"));
        }
    }

    pub(super) fn error(
        &mut self,
        code: &str,
        span: Span,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        self.push(span, Problem::error(code, "", reason, way_out));
    }

    pub(super) fn warn(
        &mut self,
        code: &str,
        span: Span,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        self.push(span, Problem::warning(code, "", reason, way_out));
    }

    pub(super) fn push(&mut self, span: Span, problem: Problem) {
        if self.said_first(Some(span), &problem) {
            let placed = self.sources.place(span, problem);
            self.problems.push(placed);
        }
    }

    pub(super) fn said_first(&mut self, span: Option<Span>, problem: &Problem) -> bool {
        let what = match span {
            Some(_) => format!("{}: {}", problem.code, problem.reason),
            None => problem.to_string(),
        };
        self.said.insert((span, what))
    }
}
