//! What a plain scalar means to the published readers (the YAML 1.1 family, then JSON).

use serde_json::{Number, Value};

/// A plain scalar's meaning.
pub(super) enum Scalar {
    /// A value, and why a YAML 1.2 reader would read it differently, where it would.
    Value(Value, Option<&'static str>),
    /// Infinite or no number: JSON cannot say it.
    NotJson,
}

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Scalar {
    let plain = |value: Value| Scalar::Value(value, None);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return plain(Value::Null),
        "true" | "True" | "TRUE" => return plain(Value::Bool(true)),
        "false" | "False" | "FALSE" => return plain(Value::Bool(false)),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Scalar::Value(Value::Bool(true), Some("the boolean `true`"));
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Scalar::Value(Value::Bool(false), Some("the boolean `false`"));
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan"
        | ".NaN" | ".NAN" => return Scalar::NotJson,
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return plain(Value::String(text.to_owned()));
    }
    let digits = text.replace('_', "");
    if let Some((number, octal)) = integer(&digits) {
        let note = if octal {
            Some("an octal number")
        } else {
            text.contains('_').then_some("a number without its underscores")
        };
        return Scalar::Value(Value::Number(number), note);
    }
    if is_float(&digits) {
        // Too large for a double: infinite, which JSON cannot say.
        let float: f64 = digits.trim_start_matches('+').parse().unwrap_or(f64::INFINITY);
        return json_number(float).map_or(Scalar::NotJson, |number| plain(Value::Number(number)));
    }
    plain(Value::String(text.to_owned()))
}

/// An integer in any of the bases, and whether its base is told by a leading zero alone.
fn integer(text: &str) -> Option<(Number, bool)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
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
    let size = u64::from_str_radix(digits, base).ok()?;
    let number = if negative { Number::from(0i64.checked_sub_unsigned(size)?) } else { Number::from(size) };
    Some((number, octal))
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

/// As JSON writes a double: whole numbers without a point.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers below 2^53 are cast")]
fn json_number(float: f64) -> Option<Number> {
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}
