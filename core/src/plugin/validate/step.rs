//! The rules of steps, inputs and outputs.

use std::collections::BTreeSet;

use super::MOST_STEPS;
use crate::{
    api::{
        Span,
        plugin::{Input, Output, ResourcePluginSpec, Step},
    },
    plugin::{
        overlay::{is_reserved_path, reserved_env},
        script,
    },
    problem::Problem,
};

/// The longest name of a step, input, output or param.
const LONGEST_NAME: usize = 30;
/// The most inputs of one step.
const MOST_INPUTS: usize = 64;
/// The most outputs of one step.
const MOST_OUTPUTS: usize = 16;
/// Published stores take no longer `<step>.<output>`.
const LONGEST_KEY: usize = 60;
/// Signals that an author may choose for the deadline.
const SIGNALS: &[&str] = &["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"];
const LONGEST_TIMEOUT: Span = Span::from_secs(86_400);
const LONGEST_GRACE: Span = Span::from_secs(3_600);
const MOST_RETRIES: u32 = 100;

/// The kinds of workflow, as far as the rules differ.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Create,
    Delete,
    Refresh,
}

/// All steps of all workflows.
pub(super) fn check_all(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let params: Option<BTreeSet<&str>> =
        plugin.params.as_ref().map(|params| params.iter().map(|param| param.name.as_str()).collect());
    if plugin.create.is_empty() {
        let way_out = "add a step that makes the resource";
        problems.push(Problem::error("NoCreate", "spec.create", "the plugin has no create steps", way_out));
    }
    for (phase, place, steps) in [
        (Phase::Create, "spec.create", plugin.create.as_slice()),
        (Phase::Delete, "spec.delete", &plugin.delete),
        (Phase::Refresh, "spec.refresh.steps", plugin.refresh.as_ref().map_or(&[], |refresh| &refresh.steps)),
    ] {
        if phase == Phase::Refresh {
            // They bear the names of create steps.
            names.clear();
        }
        if steps.len() > MOST_STEPS {
            let reason = format!("there are {} steps, the limit is {MOST_STEPS}", steps.len());
            problems.push(Problem::error("TooMany", place, reason, "join some"));
        }
        for (at, step) in steps.iter().enumerate().take(MOST_STEPS) {
            let mut check = Check { place: format!("{place}[{at}]"), problems: &mut problems };
            check.name(&step.name, &mut names, "step names are unique across create and delete");
            check.step(step, phase, params.as_ref());
        }
    }
    if let Some(refresh) = &plugin.refresh {
        if refresh.steps.is_empty() {
            let way_out = "add a step, or remove `refresh`";
            problems.push(Problem::error(
                "NoRefreshSteps",
                "spec.refresh.steps",
                "there are no steps to refresh with",
                way_out,
            ));
        }
        if refresh.every.as_secs() == 0 {
            let reason = "`0s` would refresh without pause";
            problems.push(Problem::error(
                "BadDuration",
                "spec.refresh.every",
                reason,
                "write a duration such as `30m`",
            ));
        }
    }
    problems
}

/// Whether the steps are as many as are allowed, so that it is worth to look at how they hang together.
pub(super) fn are_few(plugin: &ResourcePluginSpec) -> bool {
    let refresh = plugin.refresh.as_ref().map_or(&[][..], |refresh| &refresh.steps);
    let few = |steps: &[Step]| {
        steps.len() <= MOST_STEPS
            && steps.iter().all(|step| step.inputs.len() <= MOST_INPUTS && step.outputs.len() <= MOST_OUTPUTS)
    };
    few(&plugin.create) && few(&plugin.delete) && few(refresh)
}

/// The published grammar of the names of steps, inputs and outputs.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && crate::version::is_word(name)
}

pub(super) fn bad_name(name: &str, place: &str) -> Problem {
    let reason = if name.is_empty() {
        "the name is missing".to_owned()
    } else {
        format!(
            "`{name}` is not a name: a letter, then letters, digits and hyphens, no hyphen at the end, at most {LONGEST_NAME}"
        )
    };
    Problem::error("BadName", place, reason, "choose another name")
}

struct Check<'p> {
    place: String,
    problems: &'p mut Vec<Problem>,
}

impl Check<'_> {
    fn error(&mut self, code: &str, field: &str, reason: impl Into<String>, way_out: impl Into<String>) {
        self.problems.push(Problem::error(code, format!("{}.{field}", self.place), reason, way_out));
    }

    fn warning(&mut self, code: &str, field: &str, reason: impl Into<String>, way_out: impl Into<String>) {
        self.problems.push(Problem::warning(code, format!("{}.{field}", self.place), reason, way_out));
    }

    fn name(&mut self, name: &str, names: &mut BTreeSet<String>, rule: &str) {
        if !is_name(name) {
            self.problems.push(bad_name(name, &format!("{}.name", self.place)));
        } else if !names.insert(name.to_owned()) {
            self.error("DuplicateName", "name", format!("`{name}` is there twice: {rule}"), "rename one");
        }
    }

    fn step(&mut self, step: &Step, phase: Phase, params: Option<&BTreeSet<&str>>) {
        self.script(step);
        self.policy(step, phase);
        self.count("inputs", step.inputs.len(), MOST_INPUTS, "pass several values as one, such as JSON");
        self.count(
            "outputs",
            step.outputs.len(),
            MOST_OUTPUTS,
            "write several values into one, or move some to another step",
        );
        let (mut names, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for (at, input) in step.inputs.iter().enumerate().take(MOST_INPUTS) {
            let place = format!("{}.inputs[{at}]", self.place);
            let mut check = Check { place, problems: &mut *self.problems };
            check.name(&input.name, &mut names, "input names are unique within the step");
            check.input(input, params, &mut taken);
        }
        let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for (at, output) in step.outputs.iter().enumerate().take(MOST_OUTPUTS) {
            let place = format!("{}.outputs[{at}]", self.place);
            let mut check = Check { place, problems: &mut *self.problems };
            check.name(&output.name, &mut names, "output names are unique within the step");
            check.output(output, step, &mut paths);
        }
    }

    fn count(&mut self, field: &str, count: usize, most: usize, way_out: &str) {
        if count > most {
            self.error("TooMany", field, format!("there are {count} {field}, the limit is {most}"), way_out);
        }
    }

    fn script(&mut self, step: &Step) {
        if step.script.trim().is_empty() {
            let way_out = "write one, with its interpreter in the first line";
            self.error("MissingScript", "script", "the step has no script", way_out);
            return;
        }
        if step.script.contains('\0') {
            self.error("BadScript", "script", "the script contains a NUL character", "remove it");
        }
        match script::interpreter(&step.script) {
            Some(interpreter) if !interpreter.starts_with('/') => {
                let reason = format!("the interpreter `{interpreter}` is not an absolute path");
                self.error("BadScript", "script", reason, "write a first line such as `#!/bin/sh`");
            }
            Some(_) => {}
            None => {
                let reason = "the first line names no interpreter: `/bin/sh` will run it";
                self.warning("NoInterpreter", "script", reason, "write a first line such as `#!/bin/sh`");
            }
        }
        if step.script.split('\n').next().is_some_and(|line| line.ends_with('\r')) {
            let reason = "its lines end with a carriage return, which becomes part of the interpreter's name";
            self.error("BadScript", "script", reason, "save it with Unix line ends");
        }
    }

    fn policy(&mut self, step: &Step, phase: Phase) {
        if let Some(timeout) =
            step.timeout.filter(|timeout| timeout.as_secs() == 0 || *timeout > LONGEST_TIMEOUT)
        {
            let way_out = "write a duration such as `10m`";
            self.error(
                "BadDuration",
                "timeout",
                format!("`{timeout}` is not between 1s and {LONGEST_TIMEOUT}"),
                way_out,
            );
        }
        if let Some(grace) = step.grace.filter(|grace| *grace > LONGEST_GRACE) {
            self.error(
                "BadDuration",
                "grace",
                format!("`{grace}` is more than {LONGEST_GRACE}"),
                "write less",
            );
        }
        if let Some(signal) = step.signal.as_deref().filter(|signal| !SIGNALS.contains(signal)) {
            let way_out = format!("use one of `{}`", SIGNALS.join("`, `"));
            self.error("BadSignal", "signal", format!("`{signal}` is not a signal for a deadline"), way_out);
        }
        match step.retries {
            Some(retries) if retries > MOST_RETRIES => {
                self.error(
                    "BadRetries",
                    "retries",
                    format!("{retries} is more than {MOST_RETRIES}"),
                    "write less",
                );
            }
            Some(_) if phase == Phase::Delete => {
                let reason = "a delete step is tried again until it succeeds, whatever `retries` says";
                self.warning("IgnoredRetries", "retries", reason, "remove it");
            }
            _ => {}
        }
    }

    fn input(&mut self, input: &Input, params: Option<&BTreeSet<&str>>, taken: &mut BTreeSet<String>) {
        let from_sandbox = input.value_from_sandbox == Some(true);
        if from_sandbox == input.value_from_step.is_some() {
            let reason = if from_sandbox { "both sources are given" } else { "no source is given" };
            let place = self.place.clone();
            self.problems.push(Problem::error(
                "InputSource",
                place,
                reason,
                "give exactly one of `valueFromSandbox: true` and `valueFromStep`",
            ));
        }
        if from_sandbox && params.is_some_and(|params| !params.contains(input.name.as_str())) {
            let reason = format!("`spec.params` declares no param `{}`", input.name);
            self.error("UndeclaredParam", "name", reason, "declare it there");
        }
        let as_ = input.as_.clone().unwrap_or_default();
        let env = match (&as_.env, &as_.path) {
            (None, Some(_)) => None,
            (Some(env), _) => Some(("as.env", env.clone())),
            (None, None) => Some(("name", script::default_env(&input.name))),
        };
        if let Some((field, env)) = env {
            let is_env = |c: char| c.is_ascii_graphic() && c != '=';
            if env.is_empty() || !env.chars().all(is_env) || env.starts_with(|c: char| c.is_ascii_digit()) {
                let reason = format!("`{env}` is not the name of an env var");
                self.error("BadEnv", field, reason, "use letters, digits and underscores");
            } else if let Some(reason) = reserved_env(&env) {
                self.error("ReservedName", field, reason, "choose another name");
            } else if !taken.insert(format!("env var `{env}`")) {
                self.error(
                    "DuplicateTarget",
                    field,
                    format!("two inputs become the env var `{env}`"),
                    "rename one",
                );
            }
        }
        if let Some(path) = &as_.path {
            self.path(path, "as.path");
            if !taken.insert(format!("file `{path}`")) {
                self.error(
                    "DuplicateTarget",
                    "as.path",
                    format!("two inputs become the file `{path}`"),
                    "rename one",
                );
            }
        }
    }

    fn output(&mut self, output: &Output, step: &Step, paths: &mut BTreeSet<String>) {
        self.path(&output.value_from_path, "valueFromPath");
        if !output.value_from_path.is_empty() && !paths.insert(output.value_from_path.clone()) {
            let reason = format!("another output is read from `{}` too", output.value_from_path);
            self.warning("SamePath", "valueFromPath", reason, "write each to a file of its own");
        }
        let key = sandbind_wire::name::output_key(&step.name, &output.name);
        if key.len() > LONGEST_KEY {
            let reason = format!(
                "`{key}` is longer than {LONGEST_KEY} characters, which the published system does not store"
            );
            self.warning("LongKey", "name", reason, "shorten the step's or the output's name");
        }
    }

    fn path(&mut self, path: &str, field: &str) {
        let way_out = "write the path of a file, such as `/tmp/url`";
        if path.is_empty() {
            self.error("BadPath", field, "the path is missing", way_out);
        } else if path.ends_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..") {
            self.error("BadPath", field, format!("`{path}` is not the path of a file"), way_out);
        } else if is_reserved_path(path) {
            self.error(
                "ReservedName",
                field,
                format!("`{path}` is where the agent lives"),
                "choose another path",
            );
        }
    }
}
