//! The reference of the API objects, made from the schemas that the API server enforces.

mod schema;

use std::fmt::Write as _;

use sandbind_core::api::crd;
use serde_json::Value;

use super::cell;
use schema::Field;

/// Markdown: one section for each kind.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# API objects\n\n\
         Group `sandbind.dev`, version `v1alpha1`; `kubectl explain KIND.spec` tells the same. A duration is a whole number and a unit of \
         `s m h d w`, such as `90s` or `2d`. Fields under `status` are written by sandbind alone. Besides what a schema enforces, the webhook \
         validates values and answers with [codes](codes.md).\n",
    );
    for definition in crd::all() {
        let definition = serde_json::to_value(&definition).unwrap_or_default();
        kind(&mut text, &definition);
    }
    text
}

fn kind(text: &mut String, definition: &Value) {
    let word = |path: &str| definition.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let Some(version) = definition.pointer("/spec/versions/0") else { return };
    let Some(schema) = version.pointer("/schema/openAPIV3Schema") else { return };
    let about = schema.pointer("/properties/spec/description").and_then(Value::as_str).unwrap_or_default();
    let scope = if word("/spec/scope") == "Cluster" { "Cluster-scoped" } else { "Namespaced" };
    let columns = version.pointer("/additionalPrinterColumns").and_then(Value::as_array);
    let columns = columns.into_iter().flatten().filter_map(|column| column["name"].as_str());
    let columns: Vec<String> = columns.map(str::to_uppercase).collect();
    let _infallible = write!(
        text,
        "\n## {}\n\n{about} {scope}; `kubectl get {}` (short: `{}`) shows {}.\n",
        word("/spec/names/kind"),
        word("/spec/names/plural"),
        word("/spec/names/shortNames/0"),
        columns.join(", "),
    );
    let fields = schema::fields(schema);
    let told = word("/spec/names/kind") != "ResourceInstance";
    let written = if told { "what you write" } else { "what never changes" };
    for (part, heading) in [("spec", written), ("status", "what sandbind says")] {
        let below = format!("{part}.");
        let _infallible = write!(text, "\n### {} {part}: {heading}\n\n", word("/spec/names/kind"));
        text.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
        for field in fields.iter().filter(|field| field.path.starts_with(&below)) {
            row(text, field);
        }
    }
    rules(text, schema);
}

fn row(text: &mut String, field: &Field) {
    let default = if field.required { "required" } else { &field.default };
    let _infallible = writeln!(
        text,
        "| `{}` | {} | {} | {} |",
        field.path,
        cell(&field.type_),
        cell(default),
        cell(&field.meaning)
    );
}

/// Each message once, with the rules that lead to it.
fn rules(text: &mut String, schema: &Value) {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for (place, rule, message) in schema::rules(schema) {
        let line = if place.is_empty() { message } else { format!("`{place}`: {message}") };
        match told.iter_mut().find(|(known, _)| *known == line) {
            Some((_, rules)) => rules.push(rule),
            None => told.push((line, vec![rule])),
        }
    }
    if told.is_empty() {
        return;
    }
    text.push_str("\nThe API server itself refuses, by rule:\n\n");
    for (line, rules) in told {
        let _infallible = writeln!(text, "- {line}");
        for rule in rules {
            let _infallible = writeln!(text, "  - `{rule}`");
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbind_core::api::{binding, plugin};

    use super::*;

    #[test]
    fn every_field_has_a_meaning() {
        for definition in crd::all() {
            let definition = serde_json::to_value(&definition).unwrap();
            let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
            assert!(schema::fields(schema).len() > 10);
            for field in schema::fields(schema) {
                assert!(field.meaning.len() > 8, "{} of {}", field.path, definition["metadata"]["name"]);
            }
        }
    }

    #[test]
    fn the_defaults_told_are_those_that_hold() {
        let page = markdown();
        for (path, default) in [
            ("spec.linger", binding::DEFAULT_LINGER.to_string()),
            ("spec.wait.block", binding::DEFAULT_BLOCK.to_string()),
            ("spec.wait.ready", binding::DEFAULT_READY.to_string()),
            ("spec.create[].timeout", plugin::DEFAULT_TIMEOUT.to_string()),
            ("spec.create[].grace", plugin::DEFAULT_GRACE.to_string()),
            ("spec.limits.concurrency", plugin::DEFAULT_CONCURRENCY.to_string()),
            ("spec.limits.perNamespace", plugin::DEFAULT_PER_NAMESPACE.to_string()),
        ] {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{path}` |"))).unwrap();
            assert_eq!(row.split(" | ").nth(2), Some(format!("`{default}`").as_str()), "{row}");
        }
    }
}
