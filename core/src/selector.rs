//! Label selectors, with the API server's meaning.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Labels by key, wherever they stand.
pub trait Labels {
    /// The value of a label.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

/// Whether the selector selects these labels. An empty selector selects everything; a requirement with an unknown operator,
/// nothing (validation has refused it before).
pub fn matches(selector: &LabelSelector, labels: &impl Labels) -> bool {
    selector.match_labels.iter().flatten().all(|(key, value)| labels.label(key) == Some(value))
        && selector.match_expressions.iter().flatten().all(|wanted| meets(wanted, labels))
}

fn meets(wanted: &LabelSelectorRequirement, labels: &impl Labels) -> bool {
    let found = labels.label(&wanted.key);
    let listed = |value: &str| wanted.values.iter().flatten().any(|one| one == value);
    match wanted.operator.as_str() {
        "In" => found.is_some_and(listed),
        "NotIn" => !found.is_some_and(listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        _ => false,
    }
}

/// Every mistake in a selector; places are below `place`.
pub fn validate(selector: &LabelSelector, place: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        let at = format!("{place}.matchLabels");
        problems.extend(bad_key(key, &at));
        problems.extend(bad_value(value, &format!("{at}.{key}")));
    }
    for (index, wanted) in selector.match_expressions.iter().flatten().enumerate() {
        let at = format!("{place}.matchExpressions[{index}]");
        problems.extend(bad_key(&wanted.key, &format!("{at}.key")));
        let values = wanted.values.as_deref().unwrap_or_default();
        match wanted.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => problems.push(wrong(
                format!("{at}.values"),
                format!("`{}` needs at least one value", wanted.operator),
                "list the values",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => problems.push(wrong(
                format!("{at}.values"),
                format!("`{}` takes no values", wanted.operator),
                "remove the values, or use `In` or `NotIn`",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => problems.push(wrong(
                format!("{at}.operator"),
                format!("there is no operator `{other}`"),
                "use `In`, `NotIn`, `Exists` or `DoesNotExist`",
            )),
        }
        for (nth, value) in values.iter().enumerate() {
            problems.extend(bad_value(value, &format!("{at}.values[{nth}]")));
        }
    }
    problems
}

fn wrong(place: String, reason: String, way_out: &str) -> Problem {
    Problem::error("InvalidSelector", place, reason, way_out)
}

fn bad_key(key: &str, place: &str) -> Option<Problem> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let fits = is_label_text(name) && !name.is_empty() && prefix.is_none_or(is_dns_subdomain);
    (!fits).then(|| {
        wrong(
            place.to_owned(),
            format!("`{key}` is not a label key"),
            "write `name` or `prefix.example/name`, the name at most 63 letters, digits, `-`, `_` and `.`",
        )
    })
}

fn bad_value(value: &str, place: &str) -> Option<Problem> {
    (!is_label_text(value)).then(|| {
        wrong(
            place.to_owned(),
            format!("`{value}` is not a label value"),
            "use at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends",
        )
    })
}

/// Empty, or at most 63 of letters, digits, `-`, `_`, `.` with a letter or digit at both ends.
fn is_label_text(text: &str) -> bool {
    let ends = |c: Option<u8>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
}

fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends.
pub fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests;
