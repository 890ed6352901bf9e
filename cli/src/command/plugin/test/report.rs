//! What a test says at its end.

use std::{collections::BTreeMap, fmt::Write as _};

use sandbind_core::{
    api::{instance::Work, plugin::ResourcePluginSpec},
    workflow::{assignment::places, steps_of},
};
use sandbind_local::Attempt;
use serde::Serialize;

use super::{conformance::Conformance, life};
use crate::output;

/// Stands for a value that was not asked for.
const MASKED: &str = "****";

/// Everything that was run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) tests: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conformance: Option<Conformance>,
    pub(super) ok: bool,
}

/// One test: its attempts, in order of their ends.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    name: String,
    create: Vec<Line>,
    refresh: Vec<Line>,
    delete: Vec<Line>,
    ok: bool,
}

/// One attempt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    step: String,
    attempt: u32,
    /// None where a signal, the deadline or a missing interpreter ended it.
    exit_code: Option<i32>,
    seconds: f64,
    /// Inputs that had a value.
    inputs: Vec<String>,
    outputs: BTreeMap<String, String>,
}

impl Told {
    /// Of a test's attempts. Values are masked unless `show`.
    pub(super) fn of(
        plugin: &ResourcePluginSpec,
        name: &str,
        attempts: &[Attempt],
        ok: bool,
        show: bool,
    ) -> Self {
        let of = |work| {
            let of = attempts.iter().filter(move |attempt| attempt.run.work == work);
            of.map(|attempt| line(plugin, attempt, show)).collect::<Vec<_>>()
        };
        Self {
            name: name.to_owned(),
            create: of(Work::Create),
            refresh: of(Work::Refresh),
            delete: of(Work::Delete),
            ok,
        }
    }
}

fn line(plugin: &ResourcePluginSpec, attempt: &Attempt, show: bool) -> Line {
    let text = |(name, value): (&String, &sandbind_wire::Bytes64)| {
        let shown = if show { String::from_utf8_lossy(&value.0).into_owned() } else { MASKED.to_owned() };
        (name.clone(), shown)
    };
    Line {
        step: attempt.run.step.clone(),
        attempt: attempt.run.attempt,
        exit_code: attempt.exit_code(),
        seconds: life::took(attempt).as_secs_f64(),
        inputs: inputs(plugin, attempt),
        outputs: attempt.result.outputs.iter().map(text).collect(),
    }
}

fn inputs(plugin: &ResourcePluginSpec, attempt: &Attempt) -> Vec<String> {
    let step = steps_of(plugin, attempt.run.work).iter().find(|step| step.name == attempt.run.step);
    let given = |place: Option<String>| place.is_some_and(|place| attempt.given.contains(&place));
    let inputs = step.into_iter().flat_map(|step| &step.inputs);
    let with_value = inputs.filter(|input| {
        let (variable, path) = places(input);
        given(variable) || given(path)
    });
    with_value.map(|input| input.name.clone()).collect()
}

/// For people.
pub(super) fn human(report: &Report) -> String {
    let mut text = String::new();
    for told in &report.tests {
        if report.tests.len() > 1 {
            let _infallible = writeln!(text, "test {}: {}", told.name, verdict(told.ok));
        }
        text.push_str(&attempts(told));
        for line in told.create.iter().chain(&told.refresh) {
            for (name, value) in line.outputs.iter().filter(|(_, value)| *value != MASKED) {
                let _infallible = writeln!(text, "{}.{name} = {value}", line.step);
            }
        }
    }
    if let Some(conformance) = &report.conformance {
        let rows = conformance.trials.iter().enumerate().map(|(index, tried)| {
            vec![(index + 1).to_string(), tried.what.clone(), verdict(tried.ok).to_owned()]
        });
        text.push_str(&output::table(&["TRIAL", "WHAT", "RESULT"], &rows.collect::<Vec<_>>()));
        let level = conformance.level;
        let _infallible = writeln!(
            text,
            "conformance {level:?} ({} trials, seed {}): {}",
            conformance.trials.len(),
            conformance.seed,
            level.meaning()
        );
    }
    text.push_str(verdict(report.ok));
    text.push('\n');
    text
}

const fn verdict(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

fn attempts(told: &Told) -> String {
    let parts = [("create", &told.create), ("refresh", &told.refresh), ("delete", &told.delete)];
    let rows = parts.iter().flat_map(|(work, lines)| {
        lines.iter().map(move |line| {
            vec![
                (*work).to_owned(),
                line.step.clone(),
                line.attempt.to_string(),
                line.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
                format!("{:.1}", line.seconds),
                line.outputs.keys().cloned().collect::<Vec<_>>().join(", "),
            ]
        })
    });
    output::table(&["WORK", "STEP", "ATTEMPT", "EXIT", "SECONDS", "OUTPUTS"], &rows.collect::<Vec<_>>())
}
