//! Takes secret values out of what a script wrote: in plain, and in the forms that tools commonly give them (base64, as part of a
//! URL, hexadecimal, within JSON text).

mod escape;

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// What stands in a secret's place.
const MASK: &str = "[redacted]";
/// Shorter values are not looked for: they would hit ordinary words.
const SHORTEST: usize = 4;
/// Longer values are not looked for in URL, hexadecimal or JSON form (their lines are): nobody writes a file into a URL.
const LONGEST_ESCAPED: usize = 4 << 10;
/// Input bytes of one line of the `base64` command.
const BASE64_LINE: usize = 57;
/// Bytes of log that are shown.
pub const LOG_LIMIT: usize = 64 << 10;
/// Characters of the last line that are shown.
pub const LINE_LIMIT: usize = 200;

/// A set of values that must not be shown.
#[derive(Default)]
pub struct Redactor {
    /// By their first four bytes.
    needles: HashMap<[u8; SHORTEST], Needles>,
    longest: usize,
}

/// Values that begin alike.
#[derive(Default)]
struct Needles {
    values: HashSet<Vec<u8>>,
    /// The lengths that occur.
    lengths: BTreeSet<usize>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Adds a value: as a whole, each of its lines, and their other forms. Blank ones and those under four bytes are left out.
    pub fn add(&mut self, value: &[u8]) {
        self.add_one(value.trim_ascii());
        if value.len() > BASE64_LINE && !value.trim_ascii().is_empty() {
            for line in value.chunks(BASE64_LINE) {
                self.add_base64(line);
            }
        }
        if value.contains(&b'\n') {
            for line in value.split(|b| *b == b'\n') {
                self.add_one(line.trim_ascii());
            }
        }
    }

    fn add_one(&mut self, value: &[u8]) {
        if value.len() >= SHORTEST {
            self.insert(value.to_vec());
            self.add_base64(value);
            if value.len() <= LONGEST_ESCAPED {
                for form in escape::forms(value) {
                    self.insert(form);
                }
            }
        }
    }

    /// The base64 digits that depend on the value alone, wherever it stands within the encoded text (three alignments).
    fn add_base64(&mut self, value: &[u8]) {
        for shift in 0..3 {
            let mut text = vec![0u8; shift];
            text.extend_from_slice(value);
            let own = match shift {
                0 => 0,
                1 => 2,
                _ => 3,
            };
            let end = text.len() * 8 / 6;
            for digits in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                if let Some(core) = digits.as_bytes().get(own..end).filter(|core| core.len() > SHORTEST) {
                    self.insert(core.to_vec());
                }
            }
        }
    }

    fn insert(&mut self, needle: Vec<u8>) {
        let Some(head) = needle.first_chunk::<SHORTEST>() else { return };
        self.longest = self.longest.max(needle.len());
        let alike = self.needles.entry(*head).or_default();
        alike.lengths.insert(needle.len());
        alike.values.insert(needle);
    }

    /// The length of the longest value that begins at the front of `text`; 0 for none.
    fn hit(&self, text: &[u8]) -> usize {
        let Some(alike) = text.first_chunk::<SHORTEST>().and_then(|head| self.needles.get(head)) else {
            return 0;
        };
        let hits = |len: &&usize| text.get(..**len).is_some_and(|front| alike.values.contains(front));
        alike.lengths.iter().rev().find(hits).copied().unwrap_or(0)
    }

    /// The last [`LOG_LIMIT`] bytes of `raw` as text, without secrets. `cut` says that `raw` itself is only the end of a longer
    /// text: then its front, which may hold the end of a secret, is left out.
    pub fn log(&self, raw: &[u8], cut: bool) -> String {
        let first = if cut { self.longest.min(raw.len()) } else { 0 };
        let mut clean: Vec<u8> = Vec::new();
        let mut secret_until = 0;
        let mut masked_until = None;
        for (at, byte) in raw.iter().enumerate() {
            secret_until = secret_until.max(match self.hit(raw.get(at..).unwrap_or_default()) {
                0 => 0,
                n => at + n,
            });
            if at < first {
                continue;
            }
            if at >= secret_until {
                clean.push(*byte);
            } else if masked_until.is_none_or(|until| until < at) {
                clean.extend(MASK.bytes());
                masked_until = Some(secret_until);
            } else {
                masked_until = Some(secret_until);
            }
        }
        end_of(&String::from_utf8_lossy(&clean), LOG_LIMIT)
    }
}

/// The last line of a redacted log that is not blank: without control characters, at most [`LINE_LIMIT`] characters.
pub fn last_line(log: &str) -> String {
    let line = log.lines().rev().map(|l| l.replace(char::is_control, " ")).find(|l| !l.trim().is_empty());
    let line = line.unwrap_or_default();
    let line = line.trim();
    if line.chars().count() <= LINE_LIMIT {
        return line.to_owned();
    }
    line.chars().take(LINE_LIMIT - 1).chain(['…']).collect()
}

/// The end of `text` that fits in `limit` bytes.
fn end_of(text: &str, limit: usize) -> String {
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
