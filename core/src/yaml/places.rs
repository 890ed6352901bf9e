//! From the bytes of a string to where they stand in the source: through quotes, escapes, folds and indentation.

use super::scalar::Style;
use crate::source::{Span, TextMap, offset};

/// How the bytes of `text` lead back to `span` of `source`, where they are written in `style`. Where the two do not fit, the
/// whole string comes from the whole span.
pub(super) fn of(source: &str, span: Span, style: Style, text: &str) -> TextMap {
    let walked = walk(source, span, style, text);
    walked.unwrap_or_else(|| TextMap::whole(text.len(), span))
}

fn walk(source: &str, span: Span, style: Style, text: &str) -> Option<TextMap> {
    let start = usize::try_from(span.start).ok()?;
    let end = usize::try_from(span.end).ok()?;
    let walk = |start: usize| {
        let from = Span { start: offset(start), ..span };
        Some(Walk { raw: source.get(start..end)?, at: 0, text, done: 0, span: from, map: TextMap::new(span) })
    };
    match style {
        Style::Literal | Style::Folded => {
            // The span begins behind empty lines and the first indentation.
            let header = source.get(..start)?.trim_end_matches([' ', '\t', '\n', '\r']).len();
            let header = header + source.get(header..start)?.find(['\n', '\r'])?;
            walk(header + line_end(source.get(header..)?))?.block(style == Style::Folded)
        }
        Style::Plain => walk(start)?.flow(None),
        Style::Single => walk(start)?.flow(Some('\'')),
        Style::Double => walk(start)?.flow(Some('"')),
    }
}

/// Goes along the source and the string side by side.
struct Walk<'s> {
    raw: &'s str,
    at: usize,
    text: &'s str,
    done: usize,
    span: Span,
    map: TextMap,
}

impl<'s> Walk<'s> {
    /// What is left of the source.
    fn rest(&self) -> &'s str {
        self.raw.get(self.at..).unwrap_or_default()
    }

    /// What is left of the string.
    fn left(&self) -> &'s str {
        self.text.get(self.done..).unwrap_or_default()
    }

    fn here(&self, length: usize) -> Span {
        let start = self.span.start.saturating_add(offset(self.at));
        Span { start, end: start.saturating_add(offset(length)), ..self.span }
    }

    /// This many bytes stand in both as they are.
    fn same(&mut self, length: usize) {
        self.map.push_verbatim(length, self.here(length));
        self.at += length;
        self.done += length;
    }

    /// This much of the source stands for that much of the string.
    fn instead(&mut self, raw: usize, text: usize) {
        self.map.push_whole(text, self.here(raw));
        self.at += raw;
        self.done += text;
    }

    fn finished(self) -> Option<TextMap> {
        (self.done == self.text.len()).then_some(self.map)
    }

    /// The lines of a block.
    fn block(mut self, folded: bool) -> Option<TextMap> {
        // The first line that is not empty tells the indentation, by what the string has of it.
        let first = self.text.trim_start_matches('\n').split('\n').next().unwrap_or_default();
        let mut lines =
            self.rest().split(['\n', '\r']).filter(|line| !line.trim_matches([' ', '\t']).is_empty());
        let indent = if first.trim_matches([' ', '\t']).is_empty() {
            lines.next().map_or(0, |line| line.len() - line.trim_start_matches(' ').len())
        } else if folded {
            let line = lines.next()?;
            let shown = first.len() - first.trim_start_matches(' ').len();
            (line.len() - line.trim_start_matches(' ').len()).checked_sub(shown)?
        } else {
            lines.next()?.len().checked_sub(first.len())?
        };
        loop {
            let spaces = self.rest().len() - self.rest().trim_start_matches(' ').len();
            self.at += spaces.min(indent);
            let length = self.rest().split(['\n', '\r']).next().map_or(0, str::len);
            let line = self.rest().get(..length)?;
            if self.left().starts_with(line) {
                self.same(length);
            } else if line.trim_matches([' ', '\t']).is_empty() {
                // Blanks of a line that is empty to the reader.
                self.at += length;
            } else {
                return None;
            }
            if self.left().is_empty() {
                return self.finished();
            }
            let end = line_end(self.rest());
            if end == 0 {
                return None;
            }
            match self.left().as_bytes().first() {
                Some(b'\n') => self.instead(end, 1),
                Some(b' ') if folded => self.instead(end, 1),
                // Of several line ends a fold takes one away.
                _ if folded => self.at += end,
                _ => return None,
            }
        }
    }

    /// A plain or quoted string.
    fn flow(mut self, quote: Option<char>) -> Option<TextMap> {
        if let Some(quote) = quote {
            self.rest().strip_prefix(quote)?;
            self.at += 1;
        }
        while !self.left().is_empty() {
            let rest = self.rest();
            let stop = |c: char| matches!(c, '\n' | '\r' | ' ' | '\t' | '\\' | '\'');
            let plain = rest.find(stop).unwrap_or(rest.len()).min(self.left().len());
            let next = rest.get(plain..)?.chars().next();
            if plain > 0 {
                if !self.left().starts_with(rest.get(..plain)?) {
                    return None;
                }
                self.same(plain);
                continue;
            }
            match next? {
                '\\' if quote == Some('"') => self.escape()?,
                '\'' if quote == Some('\'') => {
                    rest.strip_prefix("''")?;
                    self.instead(2, 1);
                }
                ' ' | '\t' | '\n' | '\r' => self.blank()?,
                _ => {
                    self.left().strip_prefix(next?)?;
                    self.same(1);
                }
            }
        }
        self.finished()
    }

    /// Blanks: as they are within a line, a fold around a line end.
    fn blank(&mut self) -> Option<()> {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        let run = rest.get(..blanks)?;
        if !run.contains(['\n', '\r']) {
            self.left().strip_prefix(run)?;
            self.same(blanks);
            return Some(());
        }
        let left = self.left();
        let lines = left.len() - left.trim_start_matches('\n').len();
        let stands_for = if lines > 0 { lines } else { usize::from(left.starts_with(' ')) };
        if stands_for == 0 && !rest.starts_with(['\n', '\r', ' ', '\t']) {
            return None;
        }
        self.instead(blanks, stands_for);
        Some(())
    }

    /// A backslash and what belongs to it.
    fn escape(&mut self) -> Option<()> {
        let rest = self.rest();
        let letter = rest.chars().nth(1)?;
        if matches!(letter, '\n' | '\r') {
            // The line goes on in the next.
            let after = rest.get(1..)?;
            let blanks = after.len() - after.trim_start_matches([' ', '\t', '\n', '\r']).len();
            // Empty lines in between are line feeds.
            let lines = self.left().len() - self.left().trim_start_matches('\n').len();
            let breaks = after.get(..blanks)?.replace("\r\n", "\n").matches(['\n', '\r']).count();
            self.instead(1 + blanks, lines.min(breaks.saturating_sub(1)));
            return Some(());
        }
        let mut length = match letter {
            'x' => 4,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        let made = self.left().chars().next()?;
        if letter == 'u' && u32::from(made) > 0xffff {
            // Two halves of one character.
            length += 6;
        }
        rest.get(..length)?;
        self.instead(length, made.len_utf8());
        Some(())
    }
}

/// The length of the line end that a text begins with, if it does.
fn line_end(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        _ => 0,
    }
}
