//! One run of one script, below this very process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sandbind_step_agent::{
    processes::Killer,
    script::{self, Reach, RunOptions, Stop},
    states::States,
};
use sandbind_wire::{
    Bytes64,
    message::{Assignment, StepResult},
};
use serde::{Deserialize, Serialize};

/// One run of one script.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    /// The script, and what it gets and gives.
    pub(crate) assignment: Assignment,
    /// Private folder of the run; made when it is absent.
    pub(crate) folder: PathBuf,
    /// Whether the folder stays.
    pub(crate) keep: bool,
    /// Goes into the result, and marks the script's processes. Must differ between runs.
    pub(crate) nonce: String,
    /// Values that stay out of the log, besides those that the assignment names.
    pub(crate) redact: Vec<Bytes64>,
    /// Whether files at the output paths go first.
    pub(crate) afresh: bool,
    /// When the script is killed, after its start.
    pub(crate) kill: Option<Duration>,
}

/// What it came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ran {
    pub(crate) result: StepResult,
    /// Whether it was killed as the job says.
    pub(crate) killed: bool,
}

impl Job {
    /// Runs it as processes below this one. Blocks until everything the script started is gone.
    pub(crate) fn run(&self, stop: Stop, states: Option<Arc<dyn States>>) -> Ran {
        let options = RunOptions {
            nonce: self.nonce.clone(),
            inherit_env: false,
            redact: self.redact.iter().map(|value| value.0.clone()).collect(),
            remove_old_outputs: self.afresh,
            reach: Reach::Script,
            stop,
            states,
        };
        let killer = self.kill.map(|after| Killer::start(&self.nonce, after));
        let result = script::run(&self.assignment, &self.folder, &options);
        let killed = killer.is_some_and(Killer::end);
        if !self.keep {
            // Scripts and inputs may hold secrets.
            let _gone = std::fs::remove_dir_all(&self.folder);
        }
        Ran { result, killed }
    }
}
