//! Problems as SARIF 2.1.0, for what shows the findings of checks: editors, code hosts.

use std::collections::BTreeMap;

use sandbind_core::problem::{Problem, Severity};
use serde_json::{Value, json};

use crate::reference::codes;

/// One run with a rule for each code that occurs.
pub(crate) fn sarif(problems: &[Problem]) -> Value {
    let rules: BTreeMap<&str, Value> =
        problems.iter().map(|problem| (problem.code.as_str(), rule(&problem.code))).collect();
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let results: Vec<Value> =
        problems.iter().map(|problem| result(problem, index.get(problem.code.as_str()).copied())).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sandbind",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            // Columns count characters, as everywhere in messages.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    match codes::find(code).first() {
        Some(entry) => json!({
            "id": code,
            "shortDescription": {"text": entry.meaning},
            "help": {"text": entry.way_out},
        }),
        None => json!({"id": code}),
    }
}

fn result(problem: &Problem, rule: Option<usize>) -> Value {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let text = match problem.way_out.as_str() {
        "" => problem.reason.clone(),
        way_out => format!("{} ({way_out})", problem.reason),
    };
    let mut result = json!({"ruleId": problem.code, "level": level, "message": {"text": text}});
    let Some(object) = result.as_object_mut() else { return result };
    if let Some(rule) = rule {
        object.insert("ruleIndex".to_owned(), json!(rule));
    }
    if let Some(location) = problem.location() {
        let place = json!({"physicalLocation": {
            "artifactLocation": {"uri": location.file},
            "region": {
                "startLine": location.line,
                "startColumn": location.column,
                "endLine": location.end_line,
                "endColumn": location.end_column,
            },
        }});
        object.insert("locations".to_owned(), json!([place]));
    }
    result
}
