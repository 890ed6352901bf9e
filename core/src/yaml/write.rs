//! Values as YAML that every reader reads as meant: strings that any reader might take for something else are in double
//! quotes; text of several lines stands in literal blocks where that is safe.

use std::fmt::Write as _;

use serde_json::Value;

use super::scalar::{Scalar, resolve};

/// The longest key that stands before its colon, in bytes. No reader looks further than 1024 characters for the colon; a longer key
/// is marked by `?`.
const LONGEST_KEY: usize = 1000;

/// One document, ending with a line feed.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    node(&mut out, value, 0, Place::Top);
    out
}

/// Several documents.
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let texts: Vec<String> = values.into_iter().map(write).collect();
    texts.join("---\n")
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Alone in the document.
    Top,
    /// After `key:`.
    Field,
    /// After `- `.
    Item,
}

fn node(out: &mut String, value: &Value, indent: usize, place: Place) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (key, value)) in fields.iter().enumerate() {
                if at == 0 && place == Place::Field {
                    out.push('\n');
                }
                if at > 0 || place == Place::Field {
                    pad(out, indent);
                }
                let key = line(key);
                if key.len() > LONGEST_KEY {
                    out.push_str("? ");
                    out.push_str(&key);
                    out.push('\n');
                    pad(out, indent);
                } else {
                    out.push_str(&key);
                }
                out.push(':');
                node(out, value, indent + 2, Place::Field);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            // Items of a field stand at the field's own column.
            let indent = if place == Place::Field { indent - 2 } else { indent };
            for (at, item) in items.iter().enumerate() {
                if at == 0 && place == Place::Field {
                    out.push('\n');
                }
                if at > 0 || place == Place::Field {
                    pad(out, indent);
                }
                out.push_str("- ");
                node(out, item, indent + 2, Place::Item);
            }
        }
        value => {
            if place == Place::Field {
                out.push(' ');
            }
            match value {
                Value::String(text) if place != Place::Top && is_block(text) => block(out, text, indent),
                Value::String(text) => out.push_str(&line(text)),
                // Empty maps and lists, numbers, booleans and null are written as in JSON.
                value => {
                    let _ = write!(out, "{value}");
                }
            }
            out.push('\n');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A string on one line.
fn line(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether no reader takes the text for anything but itself.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./@()+,^~ -".contains(c))
        && !text.contains(',')
        && resolve(text) == Scalar::Text
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) > 0xffff => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Characters that every reader takes as they are, line feed and tab aside.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        || (u32::from(c) >= 0x1_0000 && u32::from(c) & 0xfffe != 0xfffe)
}

/// Several lines that a literal block carries safely: no line begins with a tab, the first not with a space, none consists of
/// blanks only.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(['\n', ' '])
        && text.chars().all(|c| is_printable(c) || c == '\n' || c == '\t')
        && text
            .split('\n')
            .all(|line| !line.starts_with('\t') && (line.is_empty() || !line.trim().is_empty()))
        && !text.trim_end_matches('\n').is_empty()
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push_str(match (text.ends_with("\n\n"), text.ends_with('\n')) {
        (true, _) => "|+",
        (_, true) => "|",
        _ => "|-",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}
