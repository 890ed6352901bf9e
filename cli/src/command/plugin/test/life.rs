//! One life of a resource: made, looked at, refreshed where the plugin can, removed.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourceBindingSpec, ResourcePlugin,
        binding::{BoundFiles, BoundResource},
        instance::Work,
    },
    lifecycle::snapshot::Params,
    problem::Problem,
};
use sandbind_local::{Attempt, Kill, enclosure::Enclosure, runs::Meta, session::Options};

use super::{
    look::{checked, expected, listed, seen},
    suite::Test,
};
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
    pub(super) list: Option<&'a str>,
    pub(super) sandbox: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) enclosure: Option<&'a Enclosure>,
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
        enclosure: setting.enclosure.cloned(),
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
    let mut bench = Bench::begin_as(run, options, Progress::new(shell, trial)).await?;
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
            lived.left.extend(listed(setting, &bench, &holding, false).await);
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
    lived.wrong.extend(expected(setting.test, &bench.attempts));
    lived.wrong.extend(checked(setting, bench, holding).await);
    lived.wrong.extend(seen(setting, bench, holding, true).await);
    lived.wrong.extend(listed(setting, bench, holding, true).await);
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
