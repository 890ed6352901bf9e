//! The line of a problem with what is wrong on it underlined.

use sandbind_core::problem::Problem;
use unicode_width::UnicodeWidthChar as _;

/// Columns that a tab is shown as.
const TAB: usize = 4;

/// The lines of a frame, each ended; empty where it is not known where the problem is. Line numbers end where the parts of a problem
/// begin.
pub(super) fn frame(problem: &Problem) -> String {
    let (Some(location), Some(excerpt)) = (problem.location(), problem.excerpt()) else {
        return String::new();
    };
    let mut shown = String::new();
    let (mut before, mut width) = (0, 0);
    if excerpt.cut.0 {
        shown.push('…');
        before += 1;
    }
    for (at, character) in excerpt.text.char_indices() {
        let columns = push(&mut shown, character);
        if at < excerpt.marked.start {
            before += columns;
        } else if at < excerpt.marked.end {
            width += columns;
        }
    }
    if excerpt.cut.1 {
        shown.push('…');
    }
    if shown.trim().is_empty() {
        return String::new();
    }
    let marks = "^".repeat(width.max(1));
    format!("{:>8} | {}\n{:>8} | {:before$}{marks}\n", location.line, shown.trim_end(), "", "")
}

/// Adds a character as a terminal may show it: nothing of a document moves the cursor or changes colours. Answers its columns.
fn push(shown: &mut String, character: char) -> usize {
    if character == '\t' {
        shown.extend(std::iter::repeat_n(' ', TAB));
        return TAB;
    }
    let (character, columns) = match character.width() {
        Some(columns) if columns > 0 => (character, columns),
        // Control characters, and what joins the one before it.
        _ => ('\u{fffd}', 1),
    };
    shown.push(character);
    columns
}

#[cfg(test)]
mod tests {
    use sandbind_core::source::{Sources, Span};

    use super::*;

    fn framed(text: &str, start: u32, end: u32) -> String {
        let mut sources = Sources::default();
        let file = sources.add("x.yaml", text);
        frame(&sources.place(Span { file, start, end }, Problem::error("C", "", "r", "w")))
    }

    #[test]
    fn the_marks_stand_under_what_is_meant_whatever_stands_before() {
        let rows = [
            ("a: b\n", 3, 4, "       1 | a: b\n         |    ^\n"),
            ("x\n\ta: b\n", 6, 7, "       2 |     a: b\n         |        ^\n"),
            ("日本: b\n", 8, 9, "       1 | 日本: b\n         |       ^\n"),
            ("日本: b\n", 0, 6, "       1 | 日本: b\n         | ^^^^\n"),
            ("a\u{1b}[2J: b\n", 0, 5, "       1 | a\u{fffd}[2J: b\n         | ^^^^^\n"),
            ("a: |\n  b\n  c\n", 3, 12, "       1 | a: |\n         |    ^\n"),
            ("a:\n", 2, 2, "       1 | a:\n         |   ^\n"),
            ("\n", 0, 0, ""),
        ];
        for (text, start, end, expected) in rows {
            assert_eq!(framed(text, start, end), expected, "{text:?}");
        }
        assert_eq!(frame(&Problem::error("C", "spec", "r", "w")), "");
    }
}
