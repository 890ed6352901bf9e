//! Who may use a plugin, and how much.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::{
    api::plugin::{AllowedFrom, ResourcePluginSpec},
    problem::Problem,
};

/// `allowedNamespaces` and `limits`.
pub(super) fn check(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(allowed) = &plugin.allowed_namespaces {
        let place = "spec.allowedNamespaces.selector";
        match (allowed.from, &allowed.selector) {
            (AllowedFrom::Selector, Some(selector)) => problems.extend(label_selector(selector, place)),
            (AllowedFrom::Selector, None) => problems.push(Problem::error(
                "BadSelector",
                place,
                "`from: Selector` without a selector",
                "add one, or say `from: All`",
            )),
            (_, Some(_)) => problems.push(Problem::error(
                "BadSelector",
                place,
                "the selector would mean nothing",
                "say `from: Selector`, or remove it",
            )),
            _ => {}
        }
    }
    let limits = plugin.limits.clone().unwrap_or_default();
    for (field, value, most) in
        [("concurrency", limits.concurrency, 1000), ("perNamespace", limits.per_namespace, 100_000)]
    {
        if let Some(value) = value.filter(|value| *value == 0 || *value > most) {
            problems.push(Problem::error(
                "BadLimit",
                format!("spec.limits.{field}"),
                format!("{value} is not between 1 and {most}"),
                "write a number in between",
            ));
        }
    }
    problems
}

/// Everything wrong with a label selector.
pub(crate) fn label_selector(selector: &LabelSelector, place: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut bad = |place: String, reason: String, way_out: &str| {
        problems.push(Problem::error("BadSelector", place, reason, way_out));
    };
    for (key, value) in selector.match_labels.iter().flatten() {
        let place = format!("{place}.matchLabels.{key}");
        if !is_key(key) {
            bad(place.clone(), format!("`{key}` is not the key of a label"), "write `name` or `domain/name`");
        }
        if !is_value(value) {
            bad(
                place,
                format!("`{value}` is not the value of a label"),
                "write letters, digits, `-`, `_`, `.`, at most 63",
            );
        }
    }
    for (at, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let place = format!("{place}.matchExpressions[{at}]");
        let values = expression.values.as_deref().unwrap_or_default();
        if !is_key(&expression.key) {
            bad(
                format!("{place}.key"),
                format!("`{}` is not the key of a label", expression.key),
                "write `name` or `domain/name`",
            );
        }
        match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                bad(format!("{place}.values"), format!("`{}` needs values", expression.operator), "add some");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                bad(
                    format!("{place}.values"),
                    format!("`{}` takes no values", expression.operator),
                    "remove them",
                );
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => bad(
                format!("{place}.operator"),
                format!("`{other}` is not an operator"),
                "use `In`, `NotIn`, `Exists` or `DoesNotExist`",
            ),
        }
        for value in values.iter().filter(|value| !is_value(value)) {
            let reason = format!("`{value}` is not the value of a label");
            bad(format!("{place}.values"), reason, "write letters, digits, `-`, `_`, `.`, at most 63");
        }
    }
    problems
}

fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let label = |part: &str| {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(edge) && part.ends_with(edge) && part.chars().all(|c| edge(c) || c == '-')
    };
    !name.is_empty()
        && is_value(name)
        && domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(label))
}

fn is_value(value: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || (value.len() <= 63
            && value.starts_with(edge)
            && value.ends_with(edge)
            && value.chars().all(|c| edge(c) || "-_.".contains(c)))
}
