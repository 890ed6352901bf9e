//! One wrong input and the answer it must get.

use std::fmt::Write as _;

/// A wrong input.
pub struct Case {
    /// What it is, for the table.
    pub what: &'static str,
    /// The document. `UNIQUE`, `SHOP` and `PLAIN` stand for this run's id and its two namespaces.
    pub document: String,
    /// Where it is made; a namespace that the document names itself is another matter.
    pub namespace: &'static str,
    /// The answer.
    pub answer: Answer,
}

/// Who answers, and what must be in it.
pub enum Answer {
    /// sandbind: code, place, and a word each of the reason and the way out.
    Ours { code: &'static str, place: &'static str, reason: &'static str, way_out: &'static str },
    /// The API server itself, by the kind's schema or its own rules: place and a word of the reason.
    Server { place: &'static str, reason: &'static str },
}

pub const fn ours(
    code: &'static str,
    place: &'static str,
    reason: &'static str,
    way_out: &'static str,
) -> Answer {
    Answer::Ours { code, place, reason, way_out }
}

pub const fn server(place: &'static str, reason: &'static str) -> Answer {
    Answer::Server { place, reason }
}

impl Case {
    pub fn new(what: &'static str, document: impl Into<String>, answer: Answer) -> Self {
        Self { what, document: document.into(), namespace: "SHOP", answer }
    }

    pub fn within(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }
}

const SHEBANG: &str = r##""#!/bin/sh""##;

/// A draft plugin; each pair replaces a field of a right one, in YAML's flow style.
pub fn plugin(name: &str, wrong: &[(&str, &str)]) -> String {
    object("ResourcePlugin", name, name, wrong)
}

/// A version of a plugin in an object of this name.
pub fn version(name: &str, object_name: &str, wrong: &[(&str, &str)]) -> String {
    object("ResourcePlugin", object_name, name, wrong)
}

/// A plugin whose overlay is these lines.
pub fn overlay(name: &str, lines: &str) -> String {
    let text = serde_json::Value::from(lines).to_string();
    plugin(name, &[("runner", &format!("{{image: localhost/psql:1, podTemplateOverlay: {text}}}"))])
}

/// A binding that selects `app: NAME`; each pair replaces a field.
pub fn binding(name: &str, wrong: &[(&str, &str)]) -> String {
    let selector = format!("{{matchLabels: {{app: {name}}}}}");
    let resources = format!("[{{name: {name}, plugin: pUNIQUE}}]");
    let right = [("selector", selector.as_str()), ("resources", resources.as_str())];
    document("ResourceBinding", &format!("{{name: {name}}}"), &right, wrong)
}

/// A Sandbox with this spec.
pub fn sandbox(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {{name: \"{name}\"}}\nspec: {spec}\n"
    )
}

/// A pod that `app: APP` selects, with this value of the sandbox label and further fields of its spec.
pub fn pod(app: &str, sandbox: &str, more: &str) -> String {
    let containers = if more.contains("containers:") {
        ""
    } else {
        "containers: [{name: app, image: \"localhost/test:1\"}], "
    };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {app}, labels: {{app: {app}, sandbind.dev/sandbox: {sandbox}}}}}\nspec: {{{containers}{more}}}\n"
    )
}

fn object(kind: &str, object_name: &str, name: &str, wrong: &[(&str, &str)]) -> String {
    let create =
        format!("[{{name: make, outputs: [{{name: url, valueFromPath: /tmp/url}}], script: {SHEBANG}}}]");
    let delete = format!("[{{name: unmake, script: {SHEBANG}}}]");
    let right = [
        ("name", name),
        ("runner", "{image: localhost/psql:1}"),
        ("create", create.as_str()),
        ("delete", delete.as_str()),
    ];
    document(kind, &format!("{{name: \"{object_name}\"}}"), &right, wrong)
}

fn document(kind: &str, metadata: &str, right: &[(&str, &str)], wrong: &[(&str, &str)]) -> String {
    let mut text = format!("apiVersion: sandbind.dev/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec:\n");
    let kept = right.iter().filter(|(field, _)| wrong.iter().all(|(other, _)| other != field));
    for (field, value) in kept.chain(wrong) {
        let _ = writeln!(text, "  {field}: {value}");
    }
    text
}
