//! What a tag makes of a scalar.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use granit_parser::Tag;

use super::scalar::{Scalar, resolve};

/// What a scalar is under its tag.
#[derive(Debug, PartialEq)]
pub(super) enum Tagged {
    /// As its text says.
    Scalar(Scalar),
    /// A string other than its text.
    Text(String),
    /// A string, for the tag means nothing.
    Unknown,
}

/// Why a scalar is not what its tag says.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum TagError {
    /// Not of that type.
    #[error("the text is no `!!{0}`")]
    Type(String),
    /// Not base64.
    #[error("the text after `!!binary` is not base64")]
    Base64,
}

/// The suffix of a tag of YAML's own namespace; none where it is another's.
pub(super) fn core(tag: &Tag) -> Option<String> {
    tag.suffix_in_namespace("tag:yaml.org,2002:").map(|suffix| suffix.to_string())
}

/// Whether it is the tag `!`, which says only that the value is what it looks like.
pub(super) fn is_plain(tag: &Tag) -> bool {
    let (handle, suffix) = (tag.handle(), tag.suffix());
    matches!((handle, suffix), ("!", "") | ("", "!"))
}

/// Reads a scalar under its tag.
pub(super) fn read(tag: Option<&Tag>, plain: bool, text: &str) -> Result<Tagged, TagError> {
    let Some(tag) = tag else {
        return Ok(Tagged::Scalar(if plain { resolve(text) } else { Scalar::Text }));
    };
    let Some(suffix) = core(tag) else {
        return Ok(if is_plain(tag) { Tagged::Scalar(Scalar::Text) } else { Tagged::Unknown });
    };
    let fits = match (suffix.as_str(), resolve(text)) {
        ("int", scalar @ Scalar::Whole(..))
        | ("float", scalar @ (Scalar::Whole(..) | Scalar::Float(..)))
        | ("bool", scalar @ Scalar::Bool(..))
        | ("null", scalar @ Scalar::Null) => Some(scalar),
        ("int" | "float" | "bool" | "null", _) => None,
        ("timestamp", _) => is_date(text).then_some(Scalar::Text),
        ("binary", _) => return decode(text).map(Tagged::Text).ok_or(TagError::Base64),
        _ => Some(Scalar::Text),
    };
    fits.map(Tagged::Scalar).ok_or(TagError::Type(suffix))
}

/// Begins with a date.
fn is_date(text: &str) -> bool {
    let date = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    let number = |part: &str, long: std::ops::RangeInclusive<usize>| {
        long.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(parts.as_slice(), [year, month, day] if number(year, 4..=4) && number(month, 1..=2) && number(day, 1..=2))
}

fn decode(text: &str) -> Option<String> {
    let engine =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    engine.decode(compact).ok().map(lossy)
}

/// Bytes as JSON's writer of the published tools has them: each byte that is no part of a character becomes U+FFFD.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let mut text = String::with_capacity(error.as_bytes().len());
            for chunk in error.as_bytes().utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
            }
            text
        }
    }
}
