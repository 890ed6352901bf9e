//! What is allowed and yet seldom meant: findings about scripts and images. All are warnings, and all are guesses by how things are
//! written; none of them reads a script as its shell would.
//!
//! A comment `# sandbind: allow CODE` in a script silences a finding about it.

mod script;

use self::script::Script;
use crate::{
    api::plugin::{Input, ResourcePluginSpec, Step},
    plugin::script::default_env,
    problem::Problem,
};

/// Everything that is found, with field paths as places.
pub fn lint(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let mut problems: Vec<Problem> = image(plugin).into_iter().collect();
    let refresh = plugin.refresh.as_ref().map_or(&[][..], |refresh| &refresh.steps);
    for (place, steps) in [
        ("spec.create", &plugin.create[..]),
        ("spec.delete", &plugin.delete),
        ("spec.refresh.steps", refresh),
    ] {
        for (nth, step) in steps.iter().enumerate() {
            let script = Script::of(&step.script);
            let found = script.findings().into_iter().chain(outputs(step)).chain(inputs(step));
            let found = found.filter(|problem| !script.allows(&problem.code));
            problems.extend(found.map(|problem| problem.within(&format!("{place}[{nth}]"))));
        }
    }
    problems.extend(delete(plugin));
    problems
}

/// An image that may be another one tomorrow.
fn image(plugin: &ResourcePluginSpec) -> Option<Problem> {
    let image = &plugin.runner.image;
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = name.split_once(':').map(|(_, tag)| tag);
    if image.is_empty() || image.contains('@') || !matches!(tag, None | Some("latest" | "")) {
        return None;
    }
    Some(Problem::warning(
        "UnpinnedImage",
        "spec.runner.image",
        format!("`{image}` may be another image tomorrow, and resources that live then are deleted by that"),
        "name a version, or a digest",
    ))
}

/// Outputs whose file the script does not name.
fn outputs(step: &Step) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (nth, output) in step.outputs.iter().enumerate() {
        let path = output.value_from_path.as_str();
        let name = path.rsplit('/').next().unwrap_or_default();
        if !name.is_empty() && !step.script.contains(name) {
            problems.push(Problem::warning(
                "OutputNeverWritten",
                format!("outputs[{nth}].valueFromPath"),
                format!("the script does not name `{path}`, where the output `{}` is read", output.name),
                "write the value there, or leave the output out",
            ));
        }
    }
    problems
}

/// Inputs that the script does not name.
fn inputs(step: &Step) -> Vec<Problem> {
    let unused = |input: &&Input| !seen_as(input).iter().any(|name| step.script.contains(name.as_str()));
    let unused = step.inputs.iter().enumerate().filter(|(_, input)| unused(input));
    unused
        .map(|(nth, input)| {
            Problem::warning(
                "InputNeverUsed",
                format!("inputs[{nth}].name"),
                format!(
                    "the script does not name `{}`, as which it sees the input",
                    seen_as(input).join("` or `")
                ),
                "use it, or leave it out; a program that the script calls may use it too: then allow it",
            )
        })
        .collect()
}

/// The names by which a script sees an input.
fn seen_as(input: &Input) -> Vec<String> {
    let as_ = input.as_.as_ref();
    let env = as_.and_then(|as_| as_.env.clone());
    let path = as_.and_then(|as_| as_.path.clone());
    if env.is_none() && path.is_none() {
        return vec![default_env(&input.name)];
    }
    let file = |path: String| path.rsplit('/').next().map(str::to_owned).unwrap_or(path);
    env.into_iter().chain(path.map(file)).collect()
}

/// Delete steps that cannot know what create made.
fn delete(plugin: &ResourcePluginSpec) -> Option<Problem> {
    let of_create = |input: &Input| {
        input
            .value_from_step
            .as_ref()
            .is_some_and(|from| plugin.create.iter().any(|step| step.name == from.name))
    };
    let knows = |step: &Step| {
        step.inputs.iter().any(of_create)
            || ["SANDBIND_", "SIGNADOT_", "TF_HTTP_"].iter().any(|name| step.script.contains(name))
            || Script::of(&step.script).allows("DeleteFindsNothing")
    };
    if plugin.runner.terraform_state || plugin.delete.is_empty() || plugin.delete.iter().any(knows) {
        return None;
    }
    Some(Problem::warning(
        "DeleteFindsNothing",
        "spec.delete",
        "no delete step takes an output of create or names anything by the sandbox: how does it find what is to be removed?",
        "name the resource by `$SANDBIND_NAME` in create and delete, or pass an output of create as an input",
    ))
}

#[cfg(test)]
mod tests;
