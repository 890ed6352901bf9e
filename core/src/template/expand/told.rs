//! What is said of placeholders, each thing once and at its place.

use std::fmt::Write as _;

use super::{Expander, MOST_EMBEDDED, Told};
use crate::{
    problem::{MOST_PROBLEMS, Problem},
    source::Span,
    template::{Reading, directive::SyntaxError, embed::Unread},
    yaml::LONGEST_TEXT,
};

/// Characters of what is said of a placeholder that cannot be read.
const LONGEST_REASON: usize = 300;
/// How many further places of a variable without a value are told.
const SHOWN_PLACES: usize = 3;

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
        // It quotes the placeholder, which may be as long as the document.
        let mut reason = error.to_string();
        if let Some((cut, _)) = reason.char_indices().nth(LONGEST_REASON) {
            reason.truncate(cut);
            reason.push('…');
        }
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
        let mut unset: Vec<(String, Vec<Span>)> = std::mem::take(&mut self.unset).into_iter().collect();
        unset.sort_by_key(|(_, places)| places.first().copied());
        for (name, places) in unset {
            if self.problems.is_full() {
                return;
            }
            let Some((first, others)) = places.split_first() else { continue };
            let mut reason = format!("unexpanded variable: {name}");
            for (at, place) in others.iter().enumerate() {
                if at == SHOWN_PLACES {
                    reason.push_str(" and more");
                    break;
                }
                let location = self.sources.locate(*place);
                let head = if at == 0 { "; also at" } else { "," };
                let _infallible = write!(reason, "{head} {}:{}", location.line, location.column);
            }
            self.error("UnsetVariable", *first, reason, format!("give it a value with `--set {name}=VALUE`"));
        }
    }

    /// Takes down where a variable without a value is wanted.
    pub(super) fn unset(&mut self, name: &str, span: Span) {
        if let Some(places) = self.unset.get_mut(name) {
            // An alias comes to the same place again.
            if places.len() < SHOWN_PLACES + 2 && !places.contains(&span) {
                places.push(span);
            }
        } else if self.unset.len() < MOST_PROBLEMS {
            self.unset.insert(name.to_owned(), vec![span]);
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
        if self.problems.takes(problem.severity) && self.said_first(Some(span), &problem) {
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
