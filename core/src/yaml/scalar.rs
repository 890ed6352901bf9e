//! What a plain scalar means to the published readers (the YAML 1.1 family, then JSON).

use serde_json::{Number, Value};

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A plain scalar's meaning.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    /// A string: itself.
    Text,
    /// Null.
    Null,
    /// A boolean, and whether a YAML 1.2 reader would take it for a string.
    Bool(bool, bool),
    /// A whole number that JSON's readers keep, and what surprises in it.
    Whole(i128, Option<&'static str>),
    /// Any other number.
    Float(f64, Option<&'static str>),
}

/// The largest whole number up to which a double has all of them.
const EXACT: i128 = 1 << 53;

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true, false),
        "false" | "False" | "FALSE" => return Scalar::Bool(false, false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Scalar::Bool(true, true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Scalar::Bool(false, true),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY, None),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY, None),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN, None),
        _ => {}
    }
    let underscores = text.contains('_').then_some("a number without its underscores");
    match text.as_bytes() {
        [b'.', ..] => {
            let digits = text.replace('_', "");
            if is_float(&digits) && underscores_separate(text) {
                float(&digits, underscores)
            } else {
                Scalar::Text
            }
        }
        [b'0'..=b'9' | b'+' | b'-', ..] => {
            let digits = text.replace('_', "");
            match integer(&digits) {
                Some((number, octal)) => {
                    let note = if octal { Some("an octal number") } else { underscores };
                    Scalar::Whole(number, note)
                }
                None if is_float(&digits) => float(&digits, underscores),
                None => Scalar::Text,
            }
        }
        _ => Scalar::Text,
    }
}

impl Scalar {
    /// As a JSON value, and what it is read as where that surprises; none where JSON cannot say it. Numbers may be `exact`, or
    /// doubles as in published documents.
    pub(super) fn value(&self, text: &str, exact: bool) -> Option<(Value, Option<String>)> {
        let told = |note: Option<&str>| note.map(str::to_owned);
        Some(match self {
            Self::Text => (Value::String(text.to_owned()), None),
            Self::Null => (Value::Null, None),
            Self::Bool(value, odd) => (Value::Bool(*value), odd.then(|| format!("the boolean `{value}`"))),
            Self::Whole(number, note) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(small), _) if exact || (-EXACT..=EXACT).contains(number) => {
                    (Value::from(small), told(*note))
                }
                (_, Ok(large)) if exact => (Value::from(large), told(*note)),
                _ => {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "this loss is what the published reader has"
                    )]
                    let value = json_number(*number as f64)?;
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "saturates, which only tells them apart"
                    )]
                    let same = value.as_f64().is_some_and(|float| float as i128 == *number);
                    let lost = (!same).then(|| format!("`{value}`: numbers beyond 2^53 lose digits"));
                    (Value::Number(value), told(*note).or(lost))
                }
            },
            Self::Float(number, note) => (Value::Number(json_number(*number)?), told(*note)),
        })
    }

    /// As the key of a JSON object; none where the published reader refuses it.
    pub(super) fn key(&self, text: &str) -> Option<String> {
        match self {
            Self::Text => Some(text.to_owned()),
            Self::Null => None,
            Self::Bool(value, _) => Some(value.to_string()),
            Self::Whole(number, _) => i64::try_from(*number).ok().map(|number| number.to_string()),
            Self::Float(number, _) => Some(float_key(*number)),
        }
    }
}

/// An integer in any of the bases, and whether its base is told by a leading zero alone.
fn integer(text: &str) -> Option<(i128, bool)> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => (-1, text.get(1..)?),
        [b'+', ..] => (1, text.get(1..)?),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits, octal) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex, false)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary, false)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal, false)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.as_str(), true)
    } else {
        (10, lower.as_str(), false)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let number = sign * i128::from(u64::from_str_radix(digits, base).ok()?);
    // With a sign it is a signed number or none.
    let fits = i64::try_from(number).is_ok() || !text.starts_with(['-', '+']);
    fits.then_some((number, octal))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest) && !(whole.is_empty() && rest.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa && exponent
}

/// Whether each underscore stands between two digits.
fn underscores_separate(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    text.match_indices('_').all(|(at, _)| digit(at.checked_sub(1)) && digit(Some(at + 1)))
}

/// What is too large for a double is a string.
fn float(digits: &str, note: Option<&'static str>) -> Scalar {
    match digits.trim_start_matches('+').parse::<f64>() {
        Ok(number) if number.is_finite() => {
            let lost = !digits.contains(['.', 'e', 'E']) && number.abs() > 9_007_199_254_740_992.0;
            Scalar::Float(number, note.or_else(|| lost.then_some("a number that has lost digits")))
        }
        _ => Scalar::Text,
    }
}

/// As JSON writes a double: whole numbers without a point.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers below 2^53 are cast")]
fn json_number(float: f64) -> Option<Number> {
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}

/// A double as a key: the shortest digits that tell it from other *single* precision numbers.
#[expect(clippy::cast_possible_truncation, reason = "the published reader has single precision here")]
fn float_key(number: f64) -> String {
    let single = number as f32;
    if single.is_nan() {
        return ".nan".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = format!("{single:e}");
    match text.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => single.to_string(),
    }
}
