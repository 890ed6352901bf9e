//! The overlay: a partial pod template that a plugin lays over the default one.

mod merge;
mod profile;
mod redact;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, Volume};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::plugin::Runner,
    problem::{Problem, Spot},
    yaml::{self, Document},
};

pub use merge::merge;
pub(crate) use profile::{is_reserved_path, reserved_env};
pub use redact::{Redact, redact};

/// Where the overlay stands in a plugin.
pub const PLACE: &str = "spec.runner.podTemplateOverlay";

/// Reads and checks the overlay of a runner: an empty map where it has none. Places of problems are
/// `spec.runner.podTemplateOverlay: spec.containers[0].image`.
pub fn read(runner: &Runner) -> Result<Value, Vec<Problem>> {
    let (overlay, problems) = check(runner);
    overlay.ok_or_else(|| problems.into_iter().filter(Problem::is_error).collect())
}

/// The same, with everything that is worth a warning. There is an overlay only where nothing is wrong with it.
pub(super) fn check(runner: &Runner) -> (Option<Value>, Vec<Problem>) {
    let text = runner.pod_template_overlay.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        return (Some(Value::Object(serde_json::Map::new())), Vec::new());
    }
    let document = match yaml::read_first(text, "") {
        Ok(document) => document,
        Err(problem) => return (None, vec![Problem { code: "BadOverlay".to_owned(), ..of_yaml(problem) }]),
    };
    let mut overlay = document.value.clone();
    quantities(&mut overlay);
    let mut problems = shape(&overlay);
    if problems.is_empty() {
        problems = profile::check(&overlay, runner);
    }
    let found = problems.into_iter().map(|problem| outside(&document, problem));
    let problems: Vec<Problem> = document.problems.iter().cloned().map(of_yaml).chain(found).collect();
    (problems.iter().all(|problem| !problem.is_error()).then_some(overlay), problems)
}

/// What the reader says about the text, as a problem of the plugin. The place within the text is `:line:column`.
fn of_yaml(problem: Problem) -> Problem {
    let spot = problem.bytes().map(|bytes| Box::new(Spot::Within(bytes)));
    let at = problem.place.trim_start_matches(':').to_owned();
    let reason =
        if at.is_empty() { problem.reason } else { format!("at {at} of the overlay: {}", problem.reason) };
    Problem { place: PLACE.to_owned(), reason, spot, ..problem }
}

/// A problem within the overlay as one of the plugin.
fn outside(document: &Document, problem: Problem) -> Problem {
    let span = document.key_span(&problem.place);
    let place =
        if problem.place.is_empty() { PLACE.to_owned() } else { format!("{PLACE}: {}", problem.place) };
    Problem { place, ..problem }.about(span.start..span.end)
}

/// Quantities may be written as numbers; the API's own type is a string.
fn quantities(value: &mut Value) {
    let text = |value: &mut Value| {
        if value.is_number() {
            *value = Value::String(value.to_string());
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("limits" | "requests" | "overhead", Value::Object(fields)) => {
                        fields.values_mut().for_each(text);
                    }
                    ("sizeLimit" | "divisor", value) => text(value),
                    (_, value) => quantities(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities),
        _ => {}
    }
}

/// Whether it is a pod template: types, unknown fields, directives.
fn shape(overlay: &Value) -> Vec<Problem> {
    if !overlay.is_object() {
        let way_out = "write `metadata:` and `spec:` as in a pod template";
        return vec![Problem::error("BadOverlay", "", "the overlay is no map", way_out)];
    }
    let mut problems = Vec::new();
    directives(overlay, "", &mut problems);
    if !problems.is_empty() {
        return problems;
    }
    let plain = merge(&Value::Object(serde_json::Map::new()), overlay);
    let list = |field: &str| {
        plain.pointer(&format!("/spec/{field}")).and_then(Value::as_array).into_iter().flatten()
    };
    for field in ["containers", "initContainers"] {
        for (at, container) in list(field).enumerate() {
            problems.extend(wrong_type::<Container>(container, &format!("spec.{field}[{at}]")));
        }
    }
    for (at, volume) in list("volumes").enumerate() {
        problems.extend(wrong_type::<Volume>(volume, &format!("spec.volumes[{at}]")));
    }
    if problems.is_empty() {
        match serde_json::from_value::<PodTemplateSpec>(plain.clone()).map(serde_json::to_value) {
            Ok(Ok(known)) => unknown(&plain, &known, "", &mut problems),
            _ => problems.extend(wrong_type::<PodTemplateSpec>(&plain, "")),
        }
    }
    problems
}

fn wrong_type<T: DeserializeOwned>(value: &Value, place: &str) -> Option<Problem> {
    let error = serde_json::from_value::<T>(value.clone()).err()?;
    Some(Problem::error("BadOverlay", place, error.to_string(), "write it as in a pod template"))
}

/// What a pod template does not know is what does not come back from its type.
fn unknown(written: &Value, known: &Value, place: &str, problems: &mut Vec<Problem>) {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            for (key, value) in written {
                let place = yaml::field(place, key);
                match known.get(key) {
                    Some(known) => unknown(value, known, &place, problems),
                    None => problems.push(Problem::error(
                        "UnknownOverlayField",
                        place,
                        format!("a pod template has no field `{key}` here"),
                        "remove it, or correct its name",
                    )),
                }
            }
        }
        (Value::Array(written), Value::Array(known)) => {
            for (at, (written, known)) in written.iter().zip(known).enumerate() {
                unknown(written, known, &format!("{place}[{at}]"), problems);
            }
        }
        _ => {}
    }
}

/// Only `$patch: delete | replace | merge` is known.
fn directives(value: &Value, place: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let here = yaml::field(place, key);
                let bad = match key.strip_prefix('$') {
                    Some("patch") => !matches!(value.as_str(), Some("delete" | "replace" | "merge")),
                    other => other.is_some(),
                };
                if bad {
                    problems.push(Problem::error(
                        "BadDirective",
                        here,
                        "only `$patch: delete`, `$patch: replace` and `$patch: merge` are known",
                        "use one of them, or null to remove a field",
                    ));
                } else {
                    directives(value, &here, problems);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                directives(item, &format!("{place}[{at}]"), problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
