//! Finds the placeholders of a string.

use std::ops::Range;

use super::Reading;

/// A stretch of a string, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it is.
    Text(Range<usize>),
    /// Pairs of `@` before a brace, each of which stands for one.
    Escape(Range<usize>),
    /// `@{…}`, braces included.
    Placeholder(Range<usize>),
    /// `@{` that begins no placeholder: it is never closed, or `@{}`. It stays as it is.
    Open(Range<usize>),
}

/// The parts of a string, in order and without gaps.
pub(super) fn parts(text: &str, reading: Reading) -> Vec<Part> {
    let mut parts = Vec::new();
    // Up to where the string is in `parts`, and from where the next placeholder is searched.
    let (mut done, mut from) = (0, 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("@{")).map(|found| from + found) {
        if reading == Reading::Strict {
            let before = text.get(done..at).unwrap_or_default();
            let run = before.len() - before.trim_end_matches('@').len() + 1;
            let pairs = run / 2 * 2;
            if pairs > 0 {
                let start = at + 1 - run;
                push_text(&mut parts, done..start);
                parts.push(Part::Escape(start..start + pairs));
                done = start + pairs;
            }
            if run % 2 == 0 {
                // The brace is only a brace.
                from = at + 2;
                continue;
            }
        }
        let inside = text.get(at + 2..).unwrap_or_default();
        let Some(length) = inside.find('}') else {
            push_text(&mut parts, done..at);
            parts.push(Part::Open(at..at + 2));
            done = at + 2;
            break;
        };
        push_text(&mut parts, done..at);
        if length == 0 {
            parts.push(Part::Open(at..at + 3));
            (done, from) = (at + 3, at + 3);
        } else {
            let end = at + 2 + length + 1;
            parts.push(Part::Placeholder(at..end));
            (done, from) = (end, end);
        }
    }
    push_text(&mut parts, done..text.len());
    parts
}

fn push_text(parts: &mut Vec<Part>, range: Range<usize>) {
    if !range.is_empty() {
        parts.push(Part::Text(range));
    }
}
