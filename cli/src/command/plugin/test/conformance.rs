//! What a plugin holds when its scripts are repeated, killed on the way, and delete what was never made.

use sandbind_core::{
    api::{ResourcePlugin, instance::Work},
    problem::Problem,
};
use sandbind_local::{Attempt, Kill};
use serde::Serialize;

use super::{
    findings,
    life::{self, Lived, Setting, Ways},
    plan::{Took, Trial, plan},
};
use crate::{command::run::Signals, exit::Outcome, output::Shell};

/// Create steps that are to go on after a kill may fail this often at most: the kill itself, and one more.
const RETRIES: u32 = 1;

/// What a plugin has been shown to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Level {
    /// Its scripts run. What happens when they are cut short is not known.
    L0,
    /// Steps may be repeated and cut short; delete succeeds whatever create came to.
    L1,
    /// And a script that observes has seen each time that nothing is left.
    L2,
    /// And one that lists has named it while it was there, and never after: it is found also when nobody knows of it any more.
    L3,
}

/// The trials, and what they show.
#[derive(Debug, Serialize)]
pub(super) struct Conformance {
    pub(super) level: Level,
    pub(super) seed: u64,
    pub(super) trials: Vec<Tried>,
}

/// One trial.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) what: String,
    pub(super) ok: bool,
}

impl Level {
    /// What it means, in a few words.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::L0 => "its scripts run; not all of them may be repeated or cut short",
            Self::L1 => "its steps may be repeated and cut short; that nothing is left is not observed",
            Self::L2 => "its steps may be repeated and cut short, and nothing was left each time",
            Self::L3 => {
                "its steps may be repeated and cut short, nothing was left each time, and what there is can be listed"
            }
        }
    }
}

/// Lives through all trials; problems of each with the trial as their place. None: a signal cut them short.
pub(super) async fn of(
    setting: &Setting<'_>,
    plain: &[Attempt],
    seed: u64,
    count: u32,
    shell: &Shell,
    signals: &mut Signals,
) -> Outcome<(Option<Conformance>, Vec<Problem>, Option<i32>)> {
    let mut took = Took::new();
    for attempt in plain {
        took.insert((attempt.run.work, attempt.run.step.clone()), life::took(attempt));
    }
    let (mut trials, mut problems) = (Vec::new(), Vec::new());
    for (index, trial) in plan(&setting.plugin.spec, &took, seed, count).into_iter().enumerate() {
        let what = describe(&trial);
        let plugin = with_retries(setting.plugin, matches!(&trial, Trial::Killed { repeated: true, .. }));
        let setting = Setting { plugin: &plugin, ..*setting };
        let ways = match &trial {
            Trial::Twice => Ways { twice: true, trial: true, ..Ways::default() },
            Trial::Killed { kill, .. } => Ways { kill: Some(kill.clone()), trial: true, ..Ways::default() },
        };
        let mut lived = life::live(&setting, ways, shell, signals).await?;
        if lived.signal.is_some() {
            return Ok((None, problems, lived.signal));
        }
        let found = judge(&trial, &mut lived);
        shell.progress(&format!("trial {}: {what}", index + 1));
        trials.push(Tried { what: what.clone(), ok: found.is_empty() });
        problems.extend(found.into_iter().map(|problem| placed(problem, index + 1, &what)));
    }
    let level = match (problems.is_empty(), setting.observe, setting.list) {
        (false, ..) => Level::L0,
        (true, None, _) => Level::L1,
        (true, Some(_), None) => Level::L2,
        (true, Some(_), Some(_)) => Level::L3,
    };
    Ok((Some(Conformance { level, seed, trials }), problems, None))
}

/// What a trial found against the plugin. That a round failed whose create step was killed, and was not to go on, is no fault.
fn judge(trial: &Trial, lived: &mut Lived) -> Vec<Problem> {
    let undone = match trial {
        Trial::Twice => false,
        Trial::Killed { kill, repeated } => kill.work == Work::Create && !repeated && lived.was_killed(),
    };
    if undone {
        lived.unmade.clear();
    }
    let mut found = lived.problems();
    if *trial == Trial::Twice {
        found.extend(lived.attempts.iter().flat_map(findings::of).filter(Problem::is_error));
    }
    found
}

fn placed(problem: Problem, number: usize, what: &str) -> Problem {
    let place = if problem.place.is_empty() { String::new() } else { format!(": {}", problem.place) };
    Problem::error(&problem.code, format!("trial {number} ({what}){place}"), problem.reason, problem.way_out)
}

fn with_retries(plugin: &ResourcePlugin, repeated: bool) -> ResourcePlugin {
    let mut plugin = plugin.clone();
    for step in &mut plugin.spec.create {
        step.retries = Some(if repeated { RETRIES } else { 0 });
    }
    plugin
}

fn describe(trial: &Trial) -> String {
    let Trial::Killed { kill: Kill { work, step, after }, repeated } = trial else {
        return "each script twice".to_owned();
    };
    let then = match (work, repeated) {
        (Work::Create, false) => ", then undone",
        _ => ", then repeated",
    };
    match after {
        None => format!("{} step {step} killed before it began{then}", work.as_str()),
        Some(after) => {
            format!("{} step {step} killed after {} ms{then}", work.as_str(), after.as_millis())
        }
    }
}
