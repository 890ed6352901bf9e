//! What people see of the place of a problem: a piece of its line.

use std::ops::Range;

/// Bytes of a line before the marked ones that are shown at most, and behind their first.
const BEFORE: usize = 60;
const BEHIND: usize = 100;

/// A piece of the line on which a problem begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The piece, as it is written.
    pub text: String,
    /// The bytes of `text` that the problem is about; empty where it is about the place between two characters.
    pub marked: Range<usize>,
    /// Whether the line goes on before, and behind.
    pub cut: (bool, bool),
}

impl Excerpt {
    /// Of a line; `marked`: bytes of it, which may go on behind its end.
    pub(super) fn of(line: &str, marked: Range<usize>) -> Self {
        let start = line.floor_char_boundary(marked.start.min(line.len()));
        let end = line.floor_char_boundary(marked.end.clamp(start, line.len()));
        let from = match start.checked_sub(BEFORE) {
            // A line that is just a little longer is shown from its beginning.
            Some(over) if over > BEFORE / 4 => line.ceil_char_boundary(over),
            _ => 0,
        };
        let until = line.floor_char_boundary(start.saturating_add(BEHIND).min(line.len()));
        let text = line.get(from..until).unwrap_or_default();
        let marked = start.saturating_sub(from)..end.min(until).saturating_sub(from);
        Self { text: text.to_owned(), marked, cut: (from > 0, until < line.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_what_is_marked_and_never_within_a_character() {
        let long = format!("{}X{}", "ä".repeat(300), "ö".repeat(300));
        for (line, marked, shown, at, cut) in [
            ("a: b", 3..4, "a: b", "b", (false, false)),
            ("a: b", 0..900, "a: b", "a: b", (false, false)),
            ("a: b", 9..12, "a: b", "", (false, false)),
            (&*long, 600..601, "X", "X", (true, true)),
        ] {
            let excerpt = Excerpt::of(line, marked.clone());
            assert!(
                excerpt.text.contains(shown) && excerpt.text.len() <= BEFORE + BEHIND + 20,
                "{excerpt:?}"
            );
            assert_eq!((&excerpt.text[excerpt.marked.clone()], excerpt.cut), (at, cut), "{line}: {marked:?}");
        }
        for at in 0..long.len() {
            let excerpt = Excerpt::of(&long, at..at + 7);
            assert!(excerpt.text.get(excerpt.marked.clone()).is_some(), "{at}: {excerpt:?}");
        }
    }
}
