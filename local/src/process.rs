//! Plays the agent for each step that is launched: claims, runs the script as processes of this machine, reports.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sandbind_core::{
    api::instance::Work,
    lifecycle::{observed::StepPodState, record::StepRun, snapshot::Params},
    workflow::assignment::ENVIRONMENT,
};
use sandbind_engine::{desk::Desk, ports::Caller};
use sandbind_step_agent::states::States;
use sandbind_wire::{
    Bytes64,
    message::{Assignment, ClaimAnswer, ClaimRequest, ScriptEnd, StepResult},
    state::{StateAnswer, StateRequest},
};
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

use crate::{
    callers,
    enclosure::Scripts,
    job::{Job, Ran},
    steps::{Launched, LocalSteps},
    world::LocalWorld,
};

/// Between questions to a desk that could not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// What one attempt came to.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which.
    pub run: StepRun,
    /// How it ended. Log and last line are redacted; the outputs are not.
    pub result: StepResult,
    /// How the script ended that was run before it in the same attempt, with success: [`Self::result`] is that of its repetition.
    pub first: Option<StepResult>,
    /// Env vars and paths by which it got inputs: those that had a value.
    pub given: BTreeSet<String>,
    /// Whether it was killed as [`Kill`] says: the record knows of no result.
    pub killed: bool,
}

/// A step that is killed with everything it started, as when its node goes: nobody hears how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// What the step is part of.
    pub work: Work,
    /// Its name. The first attempt is the one that is killed.
    pub step: String,
    /// When, after the start of its script; none: it is claimed, and its script never starts.
    pub after: Option<Duration>,
}

impl Kill {
    fn hits(&self, run: &StepRun) -> bool {
        (self.work, self.step.as_str(), 1) == (run.work, run.step.as_str(), run.attempt)
    }
}

/// What running steps on this machine needs besides the steps.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    /// Where scripts are run.
    pub(crate) scripts: Scripts,
    /// Private folder below which each attempt gets one of its own.
    pub(crate) folder: PathBuf,
    /// Variables that stand in for what an overlay takes from Secrets. Kept out of logs.
    pub(crate) env: Params,
    /// Whether the folders of attempts stay.
    pub(crate) keep: bool,
    /// Whether each script that succeeds is run once more.
    pub(crate) twice: bool,
    /// What is killed.
    pub(crate) kill: Option<Kill>,
    /// Who hears of attempts that ended.
    pub(crate) told: UnboundedSender<Attempt>,
}

/// Runs whatever is launched, side by side, until nothing can be launched any more.
pub(crate) async fn play(
    executor: Executor,
    desk: Desk<LocalWorld>,
    steps: Arc<LocalSteps>,
    mut launched: UnboundedReceiver<Launched>,
) {
    let mut agents = JoinSet::new();
    loop {
        tokio::select! {
            next = launched.recv() => match next {
                Some(next) => {
                    let agent = Agent { executor: executor.clone(), desk: desk.clone(), steps: steps.clone(), launched: next };
                    agents.spawn(agent.play());
                }
                None => break,
            },
            Some(_) = agents.join_next(), if !agents.is_empty() => {}
        }
    }
}

struct Agent {
    executor: Executor,
    desk: Desk<LocalWorld>,
    steps: Arc<LocalSteps>,
    launched: Launched,
}

impl Agent {
    async fn play(self) {
        if let Some(assignment) = self.claim().await
            && let Some(attempt) = self.run(assignment).await
        {
            if !attempt.killed {
                self.report(&attempt.result).await;
            }
            let _nobody = self.executor.told.send(attempt);
        }
        if let Err(error) = self.steps.stands(&self.launched.run, StepPodState::Ended).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the end of a step is not written down");
        }
    }

    async fn claim(&self) -> Option<Assignment> {
        let caller = callers::step(&self.launched.run, &self.launched.uid);
        let request = ClaimRequest { nonce: self.launched.nonce.clone() };
        if let Err(error) = self.steps.stands(&self.launched.run, StepPodState::Running).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a step's process is not written down");
        }
        loop {
            match Box::pin(self.desk.claim(&caller, &request)).await {
                Ok(ClaimAnswer::Run(assignment)) => return Some(*assignment),
                Ok(ClaimAnswer::Wait) => {}
                Ok(ClaimAnswer::Refused { reason }) => {
                    tracing::debug!(step = self.launched.run.step, reason, "no claim");
                    return None;
                }
                Err(error) if error.is_temporary() => tokio::time::sleep(PAUSE).await,
                Err(_) => return None,
            }
        }
    }

    /// What the attempt came to. None: this process broke; the attempt counts as lost.
    async fn run(&self, mut assignment: Assignment) -> Option<Attempt> {
        let Executor { scripts, folder, env, keep, twice, kill, .. } = &self.executor;
        let run = self.launched.run.clone();
        let given = given(&assignment);
        for (name, value) in &env.0 {
            assignment.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let kill = kill.as_ref().filter(|kill| kill.hits(&run)).map(|kill| kill.after);
        let job = Job {
            assignment,
            folder: folder.join(run.pod_name()),
            keep: *keep,
            nonce: self.launched.nonce.clone(),
            redact: secrets(env),
            afresh: true,
            kill: kill.flatten(),
        };
        let stop = self.steps.stop_of(&run);
        let states: Arc<dyn States> = Arc::new(ByDesk {
            desk: self.desk.clone(),
            caller: callers::step(&run, &self.launched.uid),
            runtime: Handle::current(),
        });
        let (scripts, twice) = (scripts.clone(), *twice);
        let work = move || {
            let once = || scripts.run(&job, stop.clone(), Some(states.clone()));
            let Ran { mut result, killed } = match kill {
                Some(None) => Ran { result: never(&job.nonce), killed: true },
                _ => once(),
            };
            let mut first = None;
            if twice && !killed && matches!(result.end, ScriptEnd::Exited { code: 0 }) {
                first = Some(std::mem::replace(&mut result, once().result));
            }
            Attempt { run, result, first, given, killed }
        };
        tokio::task::spawn_blocking(work).await.ok()
    }

    async fn report(&self, result: &StepResult) {
        let caller = callers::step(&self.launched.run, &self.launched.uid);
        while let Err(error) = Box::pin(self.desk.result(&caller, result)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a step's result is not taken yet");
            if !error.is_temporary() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What stands in for values of Secrets, and so stays out of logs.
pub(crate) fn secrets(env: &Params) -> Vec<Bytes64> {
    env.0.values().map(|value| Bytes64(value.clone().into_bytes())).collect()
}

/// Where inputs with a value arrive: everything besides what every script is told.
fn given(assignment: &Assignment) -> BTreeSet<String> {
    let told = |name: &&String| ENVIRONMENT.iter().all(|(told, _)| told != *name);
    let files = assignment.files.iter().map(|file| &file.path);
    assignment.env.keys().filter(told).chain(files).cloned().collect()
}

/// A script that was killed before it began.
fn never(nonce: &str) -> StepResult {
    StepResult {
        nonce: nonce.to_owned(),
        end: ScriptEnd::NotStarted { reason: "killed before it began".to_owned() },
        outputs: BTreeMap::new(),
        unreadable: BTreeMap::new(),
        log: String::new(),
        last_line: String::new(),
        milliseconds: 0,
    }
}

/// States, kept by the desk of this very process.
#[derive(Debug)]
struct ByDesk {
    desk: Desk<LocalWorld>,
    caller: Caller,
    runtime: Handle,
}

impl States for ByDesk {
    fn ask(&self, request: &StateRequest) -> Result<StateAnswer, String> {
        self.runtime.block_on(self.desk.step_state(&self.caller, request)).map_err(|error| error.to_string())
    }
}

impl Attempt {
    /// Whether it failed by itself.
    pub fn failed(&self) -> bool {
        !self.killed && self.exit_code() != Some(0)
    }

    /// The exit code, where there was one.
    pub fn exit_code(&self) -> Option<i32> {
        match self.result.end {
            ScriptEnd::Exited { code } => Some(code),
            _ => None,
        }
    }
}
