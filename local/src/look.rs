//! Scripts that look at a resource from outside its life: is it there, is it as it should be. They change no record.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use sandbind_core::{
    api::{
        instance::{ResourceInstanceSpec, Work},
        plugin::{ResourcePluginSpec, Step},
    },
    lifecycle::snapshot::Params,
    workflow::assignment::{Attempt, Given, assignment},
};
use sandbind_step_agent::script::Stop;
use sandbind_wire::{
    Bytes64,
    message::{InputFile, OutputPath, StepResult},
};

use crate::{clock, enclosure::Scripts, job::Job, process::secrets};

/// Folder, within the script's working folder, of the files with outputs.
const OUTPUTS: &str = "outputs";
/// What such a script sees as `SANDBIND_PHASE`.
const PHASE: &str = "look";

/// What is looked at, and how.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The plugin of the resource.
    pub plugin: &'a ResourcePluginSpec,
    /// The resource; the first round of its life.
    pub spec: &'a ResourceInstanceSpec,
    /// Params that have a value.
    pub params: &'a BTreeMap<String, String>,
    /// Outputs by `STEP.OUTPUT`; the script finds each as file `outputs/STEP.OUTPUT`.
    pub outputs: &'a BTreeMap<String, Bytes64>,
    /// The script, with its first line.
    pub script: &'a str,
    /// Whether it is told which resource is looked at. One that lists all of them is told nothing, and writes the file [`LIST`].
    pub named: bool,
}

/// File with the names of all resources, one a line, and the output that it becomes.
pub const LIST: &str = "list";

/// Where such scripts run, and what they get.
#[derive(Debug)]
pub(crate) struct Looks {
    pub(crate) scripts: Scripts,
    pub(crate) folder: PathBuf,
    pub(crate) env: Params,
}

impl Looks {
    pub(crate) async fn run(&self, look: Look<'_>) -> Option<StepResult> {
        let nonce = clock::id().ok()?;
        let folder = self.folder.join(format!("{PHASE}-{nonce}"));
        let step = Step { name: PHASE.to_owned(), script: look.script.to_owned(), ..Step::default() };
        let attempt = Attempt { spec: look.spec, round: 1, work: Work::Create, step: &step, attempt: 1 };
        let given =
            Given { plugin: look.plugin, params: look.params, outputs: look.outputs, routing_key: "" };
        let mut assignment = assignment(&attempt, &given, Duration::ZERO);
        assignment.env.insert("SANDBIND_PHASE".to_owned(), PHASE.to_owned());
        if !look.named {
            assignment.env.clear();
            assignment.outputs.push(OutputPath { name: LIST.to_owned(), path: LIST.to_owned() });
        }
        for (name, value) in &self.env.0 {
            assignment.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let file = |(key, value): (&String, &Bytes64)| InputFile {
            path: format!("{OUTPUTS}/{key}"),
            content: value.clone(),
        };
        if look.named {
            assignment.files.extend(look.outputs.iter().map(file));
        }
        assignment.terraform_state = false;
        let job = Job {
            assignment,
            folder,
            keep: false,
            nonce,
            redact: secrets(&self.env),
            afresh: false,
            kill: None,
        };
        let scripts = self.scripts.clone();
        let run = move || scripts.run(&job, Stop::default(), None).result;
        tokio::task::spawn_blocking(run).await.ok()
    }
}
