//! What the agent of one attempt is told: script, environment, files, outputs, deadline, and what must not leave the pod.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sandbind_wire::{
    Bytes64,
    message::{Assignment, InputFile, OutputPath},
    name::output_key,
};

use super::{deadline_signal, grace_seconds, timeout_seconds};
use crate::{
    api::{
        instance::{ResourceInstanceSpec, Work},
        plugin::{Input, Param, ResourcePluginSpec, Step},
    },
    identity,
};

/// How much later than its claim an attempt gets its assignment; taken off the timeout. An answer that was lost and is given
/// again must not stretch the attempt beyond the end that the claim tells everyone.
pub type Late = Duration;

/// What one attempt is about.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The resource.
    pub spec: &'a ResourceInstanceSpec,
    /// The round.
    pub round: u32,
    /// What the step is part of.
    pub work: Work,
    /// The step.
    pub step: &'a Step,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// What values an attempt may get. Never shown.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The plugin of the round.
    pub plugin: &'a ResourcePluginSpec,
    /// Params that have a value.
    pub params: &'a BTreeMap<String, String>,
    /// Outputs stored so far, by `<step>.<output>`.
    pub outputs: &'a BTreeMap<String, Bytes64>,
    /// Routing key for the published environment.
    pub routing_key: &'a str,
}

/// Everything the agent needs. Inputs without a value (a param nobody passed, an output that never came) are unset. An output
/// that is no UTF-8 and is taken as an env var has its bad bytes replaced; taken as a file it is exact. A relative `as.path` is
/// passed on and means: below the step's working folder.
pub fn assignment(attempt: &Attempt<'_>, given: &Given<'_>, late: Late) -> Assignment {
    let step = attempt.step;
    let mut env = BTreeMap::new();
    let mut files = Vec::new();
    for input in &step.inputs {
        let Some(value) = value(input, given) else { continue };
        let (variable, path) = places(input);
        if let Some(variable) = variable {
            env.insert(variable, String::from_utf8_lossy(&value.0).into_owned());
        }
        if let Some(path) = path {
            files.push(InputFile { path, content: value });
        }
    }
    env.extend(environment(attempt, given.routing_key));
    Assignment {
        script: step.script.clone(),
        env,
        files,
        outputs: step
            .outputs
            .iter()
            .map(|output| OutputPath { name: output.name.clone(), path: output.value_from_path.clone() })
            .collect(),
        timeout_seconds: timeout_seconds(step).saturating_sub(late.as_secs()).max(1),
        signal: deadline_signal(&given.plugin.runner, step).to_owned(),
        grace_seconds: grace_seconds(&given.plugin.runner, step),
        redact: redact(given),
        terraform_state: given.plugin.runner.terraform_state,
    }
}

fn value(input: &Input, given: &Given<'_>) -> Option<Bytes64> {
    match &input.value_from_step {
        Some(from) => given.outputs.get(&output_key(&from.name, &from.output)).cloned(),
        None if input.value_from_sandbox == Some(true) => {
            given.params.get(&input.name).map(|value| Bytes64::from(value.as_str()))
        }
        None => None,
    }
}

/// Env var and path of an input; without `as`, or with an empty one, an env var named after it.
pub fn places(input: &Input) -> (Option<String>, Option<String>) {
    let (env, path) = input.as_.as_ref().map_or((None, None), |as_| (as_.env.clone(), as_.path.clone()));
    if env.is_none() && path.is_none() {
        return (Some(input.name.to_ascii_uppercase().replace('-', "_")), None);
    }
    (env, path)
}

/// What every script is told besides its inputs: names, and what each stands for.
pub const ENVIRONMENT: [(&str, &str); 12] = [
    ("SANDBIND_SANDBOX", "Name of the sandbox: the value of the pods' label"),
    ("SANDBIND_NAMESPACE", "Name of the namespace that the resource is for"),
    ("SANDBIND_RESOURCE", "Name of the resource in the binding"),
    (
        "SANDBIND_INCARNATION",
        "Random id of this resource's life; another for the next resource of the same name",
    ),
    (
        "SANDBIND_NAME",
        "Name for what the script makes: unique, DNS-safe, at most 40 characters, the same in create, refresh and delete of one round",
    ),
    (
        "SANDBIND_PHASE",
        "`create`, `refresh` or `delete`; `look` in the `check` and `observe` of a file of tests",
    ),
    ("SANDBIND_STEP", "Name of the step"),
    ("SANDBIND_ATTEMPT", "Which attempt of the step this is, from 1"),
    ("SIGNADOT_SANDBOX_ID", "As published: 13 characters of `[a-z0-9]`, unique like `SANDBIND_NAME`"),
    ("SIGNADOT_SANDBOX_NAME", "As published: unique like `SANDBIND_NAME`, at most 30 characters"),
    (
        "SIGNADOT_SANDBOX_ROUTING_KEY",
        "As published: `spec.routingKey` of the Sandbox, else a function of namespace and sandbox",
    ),
    ("SIGNADOT_RESOURCE_NAME", "As published: name of the resource in the binding"),
];

/// The values of [`ENVIRONMENT`].
fn environment(attempt: &Attempt<'_>, routing_key: &str) -> impl Iterator<Item = (String, String)> {
    let Attempt { spec, round, work, step, attempt } = attempt;
    let (key, incarnation) = (&spec.key, spec.incarnation.as_str());
    let values = [
        key.sandbox.clone(),
        key.namespace.clone(),
        key.resource.clone(),
        incarnation.to_owned(),
        identity::external_name(&key.sandbox, incarnation, *round),
        work.as_str().to_owned(),
        step.name.clone(),
        attempt.to_string(),
        identity::published_sandbox_id(incarnation, *round),
        identity::published_sandbox_name(&key.sandbox, incarnation, *round),
        routing_key.to_owned(),
        key.resource.clone(),
    ];
    ENVIRONMENT.iter().zip(values).map(|((name, _), value)| ((*name).to_owned(), value))
}

/// Lines of a value that are shorter than this are too common to be taken for it.
const SHORTEST_LINE: usize = 8;

/// Sensitive params and every stored output: nothing of these leaves the pod in a log or a message, neither as a whole, nor
/// without the blanks around it, nor line by line.
fn redact(given: &Given<'_>) -> Vec<Bytes64> {
    let sensitive = given.plugin.params.iter().flatten().filter(|param: &&Param| param.sensitive);
    let params = sensitive.filter_map(|param| given.params.get(&param.name)).map(String::as_bytes);
    let values = params.chain(given.outputs.values().map(|value| value.0.as_slice()));
    let mut redact = BTreeSet::new();
    for value in values {
        let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        redact.extend([value, value.trim_ascii()]);
        redact.extend(lines.filter(|line| line.len() >= SHORTEST_LINE));
    }
    redact
        .into_iter()
        .filter(|value| !value.trim_ascii().is_empty())
        .map(|value| Bytes64(value.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests;
