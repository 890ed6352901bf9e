//! What a test looks at while its resource is ready, and afterwards: outputs, and scripts that check and observe.

use std::collections::BTreeMap;

use sandbind_core::{
    api::instance::{ResourceInstanceSpec, Work},
    identity,
    problem::Problem,
};
use sandbind_local::{Attempt, LIST, Look};
use sandbind_wire::{
    Bytes64,
    message::{ScriptEnd, StepResult},
    name::output_key,
};

use super::{
    life::Setting,
    suite::{Expected, Test},
};
use crate::stack::{Bench, Holding};

/// The newest outputs, by `STEP.OUTPUT`.
fn outputs(attempts: &[Attempt]) -> BTreeMap<String, Bytes64> {
    let made = attempts.iter().filter(|attempt| !attempt.killed && attempt.run.work != Work::Delete);
    made.flat_map(|attempt| {
        let step = &attempt.run.step;
        attempt.result.outputs.iter().map(move |(name, value)| (output_key(step, name), value.clone()))
    })
    .collect()
}

/// Outputs that are not as the test says. Values are not told: they may be secrets.
pub(super) fn expected(test: &Test, attempts: &[Attempt]) -> Vec<Problem> {
    let outputs = outputs(attempts);
    let wrong = |(key, expected): (&String, &Expected)| {
        let value = outputs.get(key).map(|value| String::from_utf8_lossy(&value.0));
        let reason = match (expected, value) {
            (_, None) => "there is no such output".to_owned(),
            (Expected::Text(text), Some(value)) if *text == value => return None,
            (Expected::Pattern(pattern), Some(value)) if pattern.is_match(&value) => return None,
            (Expected::Text(_), Some(_)) => "it is another text".to_owned(),
            (Expected::Pattern(pattern), Some(_)) => format!("`{pattern}` finds nothing in it"),
        };
        let place = format!("test {}, output {key}", test.name);
        Some(Problem::error("OutputUnexpected", place, reason, "`--show-outputs` shows what it is"))
    };
    test.outputs.iter().filter_map(wrong).collect()
}

/// What the checking script says, where it does not succeed.
pub(super) async fn checked(setting: &Setting<'_>, bench: &Bench<'_>, holding: &Holding) -> Option<Problem> {
    let script = setting.test.check.as_deref()?;
    let place = format!("test {}, check", setting.test.name);
    let reason = match look(setting, bench, holding, script).await {
        Ok(StepResult { end: ScriptEnd::Exited { code: 0 }, .. }) => return None,
        Ok(result) => ended(&result),
        Err(reason) => reason,
    };
    Some(Problem::error("CheckFailed", place, reason, "put the plugin or the check right"))
}

/// What the observing script says, where it is not what should be.
pub(super) async fn seen(
    setting: &Setting<'_>,
    bench: &Bench<'_>,
    holding: &Holding,
    there: bool,
) -> Option<Problem> {
    let script = setting.observe?;
    let place = format!("test {}, observe", setting.test.name);
    let result = match look(setting, bench, holding, script).await {
        Ok(result) => result,
        Err(reason) => return Some(Problem::error("ObserveFailed", place, reason, "see the reason told")),
    };
    let (code, reason, way_out) = match (&result.end, there) {
        (ScriptEnd::Exited { code: 0 }, true) | (ScriptEnd::Exited { code: 1 }, false) => return None,
        (ScriptEnd::Exited { code: 0 }, false) => (
            "LeftBehind",
            "the delete steps succeeded, and the resource is still there".to_owned(),
            "let delete find and remove all that create makes, also when create was cut short",
        ),
        (ScriptEnd::Exited { code: 1 }, true) => (
            "NotThere",
            "the create steps succeeded, and the resource is not there".to_owned(),
            "put the create steps or the observing script right",
        ),
        _ => ("ObserveFailed", ended(&result), "let it exit with 0 for there, 1 for not there"),
    };
    Some(Problem::error(code, place, reason, way_out))
}

/// What the listing script says, where it names the resource and it is gone, or does not and it is there.
pub(super) async fn listed(
    setting: &Setting<'_>,
    bench: &Bench<'_>,
    holding: &Holding,
    there: bool,
) -> Option<Problem> {
    let script = setting.list?;
    let place = format!("test {}, list", setting.test.name);
    let failed = |reason| {
        let way_out = "let it exit with 0, and write a name a line to the file `list`";
        Some(Problem::error("ListFailed", place.clone(), reason, way_out))
    };
    let result = match look_at(setting, bench, holding, script, false).await {
        Ok(result) => result,
        Err(reason) => return failed(reason),
    };
    let ScriptEnd::Exited { code: 0 } = result.end else { return failed(ended(&result)) };
    let Some(list) = result.outputs.get(LIST) else { return failed("it wrote no file `list`".to_owned()) };
    let name = external_name(holding)?;
    let named = String::from_utf8_lossy(&list.0).lines().any(|line| line.trim() == name);
    let (code, reason, way_out) = match (named, there) {
        (true, true) | (false, false) => return None,
        (true, false) => (
            "LeftBehind",
            format!("the delete steps succeeded, and `{name}` is still listed"),
            "let delete find and remove all that create makes, also when create was cut short",
        ),
        (false, true) => (
            "NotListed",
            format!("the create steps succeeded, and `{name}` is not listed"),
            "name or tag what create makes by `$SANDBIND_NAME`, and list by that",
        ),
    };
    Some(Problem::error(code, place, reason, way_out))
}

/// What scripts know the resource as: `$SANDBIND_NAME` of its first round.
fn external_name(holding: &Holding) -> Option<String> {
    let (_, spec, _) = holding.records.first()?;
    Some(identity::external_name(&spec.key.sandbox, &spec.incarnation, 1))
}

async fn look(
    setting: &Setting<'_>,
    bench: &Bench<'_>,
    holding: &Holding,
    script: &str,
) -> Result<StepResult, String> {
    look_at(setting, bench, holding, script, true).await
}

async fn look_at(
    setting: &Setting<'_>,
    bench: &Bench<'_>,
    holding: &Holding,
    script: &str,
    named: bool,
) -> Result<StepResult, String> {
    let spec: Option<&ResourceInstanceSpec> = holding.records.first().map(|(_, spec, _)| spec);
    let spec = spec.ok_or("there is no resource to look at")?;
    let look = Look {
        plugin: &setting.plugin.spec,
        spec,
        params: &setting.test.params,
        outputs: &outputs(&bench.attempts),
        script,
        named,
    };
    bench.session.look(look).await.ok_or_else(|| "the script could not be run".to_owned())
}

/// How a script ended, in words.
fn ended(result: &StepResult) -> String {
    let how = match &result.end {
        ScriptEnd::Exited { code } => format!("exit {code}"),
        ScriptEnd::Signaled { signal } => format!("signal {signal}"),
        ScriptEnd::Deadline => "it ran too long".to_owned(),
        ScriptEnd::NotStarted { reason } => reason.clone(),
    };
    if result.last_line.is_empty() { how } else { format!("{how}: {}", result.last_line) }
}
