//! Stacks: plugins and one binding in one or several files, for everything that runs without a cluster.

mod bench;
mod enclose;
mod hold;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin},
    binding,
    plugin::document,
    problem::Problem,
    yaml::{self, Document},
};
use sandbind_local::{
    Stack,
    runs::{Meta, Run, Runs},
};

pub(crate) use bench::Bench;
pub(crate) use enclose::enclosable;
pub(crate) use hold::{Holding, hold};

use crate::{
    args::TemplateArgs,
    exit::{Failure, Outcome},
    input::{self, Beside, Input, Plugins},
    output::Shell,
};

/// Namespace that resources on this machine are made for. No cluster knows it.
pub(crate) const NAMESPACE: &str = "local";

/// Reads a stack. Warnings are shown; mistakes are told all at once.
pub(crate) fn load(files: &[String], template: &TemplateArgs, shell: &Shell) -> Outcome<Stack> {
    let mut plugins = Plugins::new(template)?;
    let inputs = files.iter().map(|file| input::read(file)).collect::<Outcome<Vec<Input>>>()?;
    let (stack, mut warnings) = read(inputs, &mut plugins)?;
    warnings.extend(plugins.end());
    input::refuse(warnings, shell)?;
    Ok(stack)
}

/// Reads a stack that is one text.
pub(crate) fn parse(text: &str, name: &str) -> Outcome<Stack> {
    let input = Input { text: text.to_owned(), name: name.to_owned(), beside: Beside::of(name)? };
    Ok(read(vec![input], &mut Plugins::new(&TemplateArgs::default())?)?.0)
}

fn read(inputs: Vec<Input>, reader: &mut Plugins) -> Outcome<(Stack, Vec<Problem>)> {
    let (mut plugins, mut bindings) = (Vec::new(), Vec::new());
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let shown: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    for Input { text, name, mut beside } in inputs {
        for document in yaml::read_all(&text, &name)? {
            let kind = document.value.get("kind").and_then(serde_json::Value::as_str);
            if kind == Some("ResourceBinding") {
                match read_binding(&document) {
                    Ok((binding, more)) => {
                        warnings.extend(more);
                        bindings.push(binding);
                    }
                    Err(more) => problems.extend(more),
                }
            } else if document::is_plugin(&document) {
                match reader.read(&document, &mut beside) {
                    Ok(read) => {
                        warnings.extend(read.warnings);
                        plugins.push(ResourcePlugin::new(&read.object_name, read.plugin));
                    }
                    Err(more) => problems.extend(more),
                }
            } else {
                problems.push(Problem::error(
                    "UnknownDocument",
                    document.mark(""),
                    "this is neither a plugin nor a ResourceBinding",
                    "leave it out of the stack",
                ));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let count = bindings.len();
    match bindings.pop() {
        Some(binding) if count == 1 => Ok((stack(plugins, binding), warnings)),
        _ => Err(Failure::failed(
            "WrongStack",
            shown.join(", "),
            format!("a stack has one ResourceBinding, and here are {count}"),
            "put plugins and exactly one binding into it",
        )),
    }
}

/// A stack of these. The selector means pods, and here is none.
pub(crate) fn stack(plugins: Vec<ResourcePlugin>, mut binding: ResourceBinding) -> Stack {
    binding.spec.selector = LabelSelector::default();
    binding.spec.namespace_selector = None;
    Stack { plugins, binding, namespace: (NAMESPACE.to_owned(), NAMESPACE.to_owned()) }
}

fn read_binding(document: &Document) -> Result<(ResourceBinding, Vec<Problem>), Vec<Problem>> {
    let binding: ResourceBinding = serde_json::from_value(document.value.clone()).map_err(|error| {
        vec![Problem::error(
            "BadBinding",
            document.mark("spec"),
            error.to_string(),
            "write it as the reference says",
        )]
    })?;
    let found = binding::validate(&binding.spec, binding.spec.namespace_selector.is_some());
    let mut problems: Vec<Problem> =
        found.into_iter().map(|problem| document.locate(problem, None)).collect();
    problems.splice(0..0, document.problems.iter().cloned());
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok((binding, problems)) }
}

/// Where the runs of this user are kept.
pub(crate) fn runs() -> Outcome<Runs> {
    Runs::from_env(|name| std::env::var_os(name)).ok_or_else(|| {
        Failure::failed(
            "NoStateFolder",
            "the environment",
            "neither `XDG_STATE_HOME` nor `HOME` is set",
            "set `HOME`, so that what a run leaves behind can be found again",
        )
    })
}

/// A new run in this user's folder.
pub(crate) fn begin(meta: Meta) -> Outcome<Run> {
    runs()?.create(meta).map_err(|error| store_failure(&error))
}

/// Why a run's file cannot be used.
pub(crate) fn store_failure(error: &sandbind_local::runs::StoreError) -> Failure {
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Failure::failed("RunFile", "the folder of runs", reason, "make it writable, or set `XDG_STATE_HOME`")
}

/// `NAME=VALUE` as typed, by name.
pub(crate) fn pairs(typed: &[String], flag: &str) -> Outcome<std::collections::BTreeMap<String, String>> {
    typed
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            // What was typed is not shown: it may be a secret.
            _ => Err(Failure::usage(
                "BadPair",
                flag,
                "this is not of the form `name=value`",
                "write `name=value`",
            )),
        })
        .collect()
}

/// Values of `--env`: `NAME=VALUE`, or `NAME` alone for what the environment of this process says. So no secret has to be typed.
pub(crate) fn env(typed: &[String]) -> Outcome<std::collections::BTreeMap<String, String>> {
    let inherited = |name: &String| {
        if name.contains('=') {
            return Ok(name.clone());
        }
        std::env::var(name).map(|value| format!("{name}={value}")).map_err(|error| {
            let reason = match error {
                std::env::VarError::NotPresent => "this variable is not set",
                std::env::VarError::NotUnicode(_) => "the value of this variable is not UTF-8",
            };
            Failure::usage("BadPair", format!("--env {name}"), reason, "export it, or write `name=value`")
        })
    };
    pairs(&typed.iter().map(inherited).collect::<Outcome<Vec<String>>>()?, "--env")
}
