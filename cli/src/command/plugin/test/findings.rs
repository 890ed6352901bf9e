//! What the attempts of a test show about the plugin.

use sandbind_core::problem::Problem;
use sandbind_local::Attempt;
use sandbind_wire::message::{ScriptEnd, StepResult};

/// What one attempt shows.
pub(super) fn of(attempt: &Attempt) -> Vec<Problem> {
    let place = format!("{} step {}", attempt.run.work.as_str(), attempt.run.step);
    let mut findings = Vec::new();
    for (name, value) in &attempt.result.outputs {
        // A text of several lines is meant to end with one.
        if matches!(value.0.split_last(), Some((b'\n', line)) if !line.contains(&b'\n')) {
            findings.push(Problem::warning(
                "OutputEndsInLineEnd",
                format!("{place}, output {name}"),
                "its value ends with a line end, which becomes part of every env var and file that carries it",
                "write it by `printf %s`, or by `echo -n`",
            ));
        }
    }
    if let Some(first) = &attempt.first {
        findings.extend(repeated(&place, first, &attempt.result));
    }
    findings
}

/// What it shows that a script was run twice.
fn repeated(place: &str, first: &StepResult, second: &StepResult) -> Vec<Problem> {
    if !matches!(second.end, ScriptEnd::Exited { code: 0 }) {
        return vec![Problem::error(
            "NotRepeatable",
            place,
            format!("its script succeeds once and fails the second time: {}", second.last_line),
            "let it find what is there already; a runner that is interrupted runs a step again",
        )];
    }
    let changed = first.outputs.iter().filter(|(name, value)| second.outputs.get(*name) != Some(value));
    changed
        .map(|(name, _)| {
            Problem::warning(
                "OutputChanges",
                format!("{place}, output {name}"),
                "its value is another one when the script is run again",
                "that is fine for a password that is set anew, and not for what names the resource",
            )
        })
        .collect()
}
