//! Texts in double quotes, as the published messages show them.

use std::fmt::Write as _;

/// The text in double quotes, with escapes for what cannot be seen.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _infallible = match code {
                    0..0x80 => write!(out, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// Letters, marks, numbers, punctuation, symbols, and the blank.
fn is_printable(c: char) -> bool {
    // Behind a letter, marks that combine with it are shown as they are.
    let shown = matches!(c, ' ' | '\'') || !format!("a{c}").escape_debug().any(|c| c == '\\');
    shown && !(c.is_whitespace() && c != ' ')
}
