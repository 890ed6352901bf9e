//! Plays the agent for each step that is launched: claims, runs the script as processes of this machine, reports.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sandbind_core::lifecycle::{observed::StepPodState, record::StepRun, snapshot::Params};
use sandbind_engine::{desk::Desk, ports::Caller};
use sandbind_step_agent::{
    script::{self, Reach, RunOptions},
    states::States,
};
use sandbind_wire::{
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
}

/// What running steps on this machine needs besides the steps.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    /// Private folder below which each attempt gets one of its own.
    pub(crate) folder: PathBuf,
    /// Variables that stand in for what an overlay takes from Secrets. Kept out of logs.
    pub(crate) env: Params,
    /// Whether the folders of attempts stay.
    pub(crate) keep: bool,
    /// Whether each script that succeeds is run once more.
    pub(crate) twice: bool,
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
            && let Some((first, result)) = self.run(assignment).await
        {
            self.report(&result).await;
            let _nobody = self.executor.told.send(Attempt { run: self.launched.run.clone(), result, first });
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

    /// What the script came to, and what it had come to before when it was to be run twice. None: this process broke; the attempt
    /// counts as lost.
    async fn run(&self, mut assignment: Assignment) -> Option<(Option<StepResult>, StepResult)> {
        let Executor { folder, env, keep, twice, .. } = &self.executor;
        let folder = folder.join(self.launched.run.pod_name());
        for (name, value) in &env.0 {
            assignment.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let options = RunOptions {
            nonce: self.launched.nonce.clone(),
            inherit_env: false,
            redact: env.0.values().map(|value| value.clone().into_bytes()).collect(),
            remove_old_outputs: true,
            reach: Reach::Script,
            stop: self.steps.stop_of(&self.launched.run),
            states: Some(Arc::new(ByDesk {
                desk: self.desk.clone(),
                caller: callers::step(&self.launched.run, &self.launched.uid),
                runtime: Handle::current(),
            })),
        };
        let (keep, twice) = (*keep, *twice);
        let run = move || {
            let mut result = script::run(&assignment, &folder, &options);
            let mut first = None;
            if twice && matches!(result.end, ScriptEnd::Exited { code: 0 }) {
                first = Some(result);
                result = script::run(&assignment, &folder, &options);
            }
            if !keep {
                // Scripts and inputs may hold secrets.
                let _gone = std::fs::remove_dir_all(&folder);
            }
            (first, result)
        };
        tokio::task::spawn_blocking(run).await.ok()
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
    /// The exit code, where there was one.
    pub fn exit_code(&self) -> Option<i32> {
        match self.result.end {
            ScriptEnd::Exited { code } => Some(code),
            _ => None,
        }
    }
}
