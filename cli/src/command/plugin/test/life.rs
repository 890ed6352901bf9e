//! One life of a resource: made, looked at, refreshed where the plugin can, removed.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourceBindingSpec, ResourcePlugin,
        binding::{BoundFiles, BoundResource},
        instance::{ResourceInstanceSpec, Work},
    },
    lifecycle::snapshot::Params,
    problem::Problem,
};
use sandbind_local::{Attempt, Kill, Look, runs::Meta, session::Options};
use sandbind_wire::{
    Bytes64,
    message::{ScriptEnd, StepResult},
    name::output_key,
};

use super::suite::{Expected, Test};
use crate::{
    command::run::{Signals, signaled},
    exit::{Exit, Failure, Outcome},
    output::Shell,
    progress::Progress,
    stack::{self, Bench, Holding},
};

/// The resource's name.
const RESOURCE: &str = "resource";

/// What lives, and what it is measured by.
pub(super) struct Setting<'a> {
    pub(super) plugin: &'a ResourcePlugin,
    pub(super) test: &'a Test,
    pub(super) observe: Option<&'a str>,
    pub(super) sandbox: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
}

/// How it lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    pub(super) twice: bool,
    pub(super) keep: bool,
    pub(super) kill: Option<Kill>,
    /// Whether this is one life of many: nothing is said on the way, and steps wait less for their next try.
    pub(super) trial: bool,
}

/// What it came to.
#[derive(Debug, Default)]
pub(super) struct Lived {
    /// Attempts in order of their ends.
    pub(super) attempts: Vec<Attempt>,
    /// Why it was not made.
    pub(super) unmade: Vec<Problem>,
    /// What is not as expected although it was made.
    pub(super) wrong: Vec<Problem>,
    /// Why it was not removed, or what is left all the same.
    pub(super) left: Vec<Problem>,
    /// The run that holds it still.
    pub(super) kept: Option<String>,
    /// The signal that cut it short.
    pub(super) signal: Option<i32>,
}

impl Lived {
    /// Everything that is wrong.
    pub(super) fn problems(&mut self) -> Vec<Problem> {
        let parts = [&mut self.unmade, &mut self.wrong, &mut self.left];
        parts.into_iter().flat_map(std::mem::take).collect()
    }

    /// Whether nothing is wrong.
    pub(super) const fn is_fine(&self) -> bool {
        self.unmade.is_empty() && self.wrong.is_empty() && self.left.is_empty() && self.signal.is_none()
    }

    /// Whether the script that was to be killed was.
    pub(super) fn was_killed(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.killed)
    }
}

/// Lives.
pub(super) async fn live(
    setting: &Setting<'_>,
    ways: Ways,
    shell: &Shell,
    signals: &mut Signals,
) -> Outcome<Lived> {
    let plugin = setting.plugin;
    let meta = Meta {
        sandbox: setting.sandbox.to_owned(),
        purpose: format!("plugin test {}", plugin.spec.identity()),
        started: Timestamp::now(),
        stack: stack::stack(vec![plugin.clone()], binding(plugin, &setting.test.params)),
        env: Params(setting.env.clone()),
        links: Vec::new(),
    };
    let run = stack::begin(meta)?;
    let id = run.id.clone();
    let holding = match stack::hold(&run.meta.stack, setting.sandbox, &run.files(), Timestamp::now()) {
        Ok(holding) => holding,
        Err(failure) => {
            run.finish()?;
            return Err(failure);
        }
    };
    let Ways { twice, keep, kill, trial } = ways;
    let options = Options { keep, twice, kill, ..Options::default() };
    let mut bench = Bench::begin_as(run, options, Progress::new(shell, trial))?;
    if trial {
        bench.hurry();
    }
    bench.hold(&holding).await?;
    let mut lived = Lived::default();
    tokio::select! {
        () = use_it(setting, &mut bench, &holding, &mut lived) => {}
        signal = signals.next() => lived.signal = Some(signal),
    }
    if keep && lived.is_fine() {
        lived.kept = Some(id);
    } else {
        bench.leave();
        let left = tokio::select! {
            left = bench.gone() => left,
            signal = signals.next() => {
                bench.stop();
                bench.end().await?;
                shell.note("not everything is removed: `sandbind local gc` goes on");
                return Err(Failure { exit: Exit::Code(signaled(signal)), problems: Vec::new() });
            }
        };
        if left.is_empty() {
            lived.left.extend(seen(setting, &bench, &holding, false).await);
        } else {
            lived.left.extend(left);
        }
    }
    bench.look();
    lived.attempts = std::mem::take(&mut bench.attempts);
    bench.end().await?;
    Ok(lived)
}

/// From nothing to the end of its use.
async fn use_it(setting: &Setting<'_>, bench: &mut Bench<'_>, holding: &Holding, lived: &mut Lived) {
    if let Err(problems) = bench.ready(holding).await {
        lived.unmade = problems;
        return;
    }
    lived.wrong.extend(expected(setting.test, &outputs(&bench.attempts)));
    lived.wrong.extend(checked(setting, bench, holding).await);
    lived.wrong.extend(seen(setting, bench, holding, true).await);
    let refresh = setting.plugin.spec.refresh.as_ref().filter(|refresh| !refresh.steps.is_empty());
    if let Some(every) = refresh.map(|refresh| refresh.every.duration()) {
        let before = bench.attempts.len();
        bench.session.world.clock_ahead(every);
        bench.session.wake();
        if bench.refreshed(1, before).await {
            lived.wrong.extend(checked(setting, bench, holding).await);
        } else {
            lived.wrong.push(refresh_failed(bench));
        }
    }
}

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
fn expected(test: &Test, outputs: &BTreeMap<String, Bytes64>) -> Vec<Problem> {
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

async fn checked(setting: &Setting<'_>, bench: &Bench<'_>, holding: &Holding) -> Option<Problem> {
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
async fn seen(setting: &Setting<'_>, bench: &Bench<'_>, holding: &Holding, there: bool) -> Option<Problem> {
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

async fn look(
    setting: &Setting<'_>,
    bench: &Bench<'_>,
    holding: &Holding,
    script: &str,
) -> Result<StepResult, String> {
    let spec: Option<&ResourceInstanceSpec> = holding.records.first().map(|(_, spec, _)| spec);
    let spec = spec.ok_or("there is no resource to look at")?;
    let look = Look {
        plugin: &setting.plugin.spec,
        spec,
        params: &setting.test.params,
        outputs: &outputs(&bench.attempts),
        script,
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

/// One resource of the plugin, with all its outputs.
fn binding(plugin: &ResourcePlugin, params: &BTreeMap<String, String>) -> ResourceBinding {
    let spec = &plugin.spec;
    let reference = match &spec.version {
        Some(version) => format!("{}@{version}", spec.name),
        None => format!("{}@draft", spec.name),
    };
    // What is typed is meant as it is.
    let params = params.iter().map(|(name, value)| (name.clone(), value.replace('$', "$$")));
    let spec = ResourceBindingSpec {
        resources: vec![BoundResource {
            name: RESOURCE.to_owned(),
            plugin: reference,
            params: params.collect(),
            ..BoundResource::default()
        }],
        files: vec![BoundFiles { path: "/outputs".to_owned(), resource: RESOURCE.to_owned(), items: None }],
        ..ResourceBindingSpec::default()
    };
    ResourceBinding::new("test", spec)
}

fn refresh_failed(bench: &Bench<'_>) -> Problem {
    let last = bench.attempts.iter().rev().find(|attempt| attempt.run.work == Work::Refresh);
    let place = last.map_or_else(String::new, |attempt| {
        format!("refresh step {}, attempt {}", attempt.run.step, attempt.run.attempt)
    });
    let reason = last.map(|attempt| attempt.result.last_line.clone()).filter(|line| !line.is_empty());
    Problem::error(
        "RefreshFailed",
        place,
        reason.unwrap_or_else(|| "the step failed".to_owned()),
        "put the step right",
    )
}

/// How long the script of an attempt ran.
pub(super) fn took(attempt: &Attempt) -> Duration {
    Duration::from_millis(attempt.result.milliseconds)
}
