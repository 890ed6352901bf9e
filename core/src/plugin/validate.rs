//! The value rules of a plugin. Every problem at once, each with code, field path, reason and way out.

mod access;
mod step;

use std::collections::BTreeSet;

use crate::{
    api::plugin::{Param, ResourcePluginSpec},
    plugin::{graph, overlay, params},
    problem::Problem,
    version::{self, Identity},
};

/// The largest plugin, in bytes of its JSON: a snapshot of it must fit a Secret.
const LARGEST: usize = 480 * 1024;
/// The most steps of one workflow.
const MOST_STEPS: usize = 32;
/// The most declared params.
const MOST_PARAMS: usize = 64;

/// Everything wrong with a plugin, warnings included. `object_name` is `metadata.name`, where it is an object; places are
/// field paths such as `spec.create[0].name`.
pub fn validate(plugin: &ResourcePluginSpec, object_name: Option<&str>) -> Vec<Problem> {
    let mut problems = identity(plugin, object_name);
    let size = serde_json::to_string(plugin).map_or(usize::MAX, |text| text.len());
    if size > LARGEST {
        problems.push(Problem::error(
            "TooLarge",
            "spec",
            format!("the plugin comes to {size} bytes, the limit is {LARGEST}"),
            "put large scripts into the image",
        ));
        // Nobody needs to know more of so much.
        return problems;
    }
    problems.extend(runner(plugin));
    problems.extend(declared(plugin));
    problems.extend(step::check_all(plugin));
    if step::are_few(plugin) {
        problems.extend(graph::check(plugin));
    }
    problems.extend(access::check(plugin));
    if plugin.delete.is_empty() {
        problems.push(Problem::warning(
            "NoDelete",
            "spec.delete",
            "the plugin has no delete steps: whatever it makes stays",
            "add a step that removes it",
        ));
    }
    problems
}

/// What a write of an existing plugin may not change.
pub fn validate_update(old: &ResourcePluginSpec, new: &ResourcePluginSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut fixed = |same: bool, field: &str, way_out: &str| {
        if !same {
            let reason = format!("`{}` is immutable", old.identity());
            problems.push(Problem::error("Immutable", format!("spec.{field}"), reason, way_out));
        }
    };
    fixed(old.name == new.name, "name", "make a new object");
    fixed(old.version == new.version, "version", "make a new object");
    if old.version.is_some() {
        let publish = "publish it under the next version";
        fixed(old.runner.image == new.runner.image, "runner.image", publish);
        let overlay = old.runner.pod_template_overlay == new.runner.pod_template_overlay;
        fixed(overlay, "runner.podTemplateOverlay", publish);
        let state = old.runner.terraform_state == new.runner.terraform_state;
        fixed(state, "runner.terraformState", publish);
        fixed(old.params == new.params, "params", publish);
        fixed(old.create == new.create, "create", publish);
        fixed(old.delete == new.delete, "delete", publish);
        fixed(old.refresh == new.refresh, "refresh", publish);
    }
    problems
}

fn identity(plugin: &ResourcePluginSpec, object_name: Option<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(error) = version::check_name(&plugin.name) {
        problems.push(Problem::error("BadName", "spec.name", error.to_string(), "choose another name"));
    }
    let version = match plugin.version.as_deref() {
        None => None,
        Some(written) => match version::lenient(written) {
            Ok(version) if version::is_draft(&version) => {
                let reason = "`0.0.0` is how a draft is shown";
                problems.push(Problem::error(
                    "BadVersion",
                    "spec.version",
                    reason,
                    "leave it out, or say another",
                ));
                None
            }
            Ok(version) if version.to_string() == written => Some(version),
            Ok(version) => {
                let reason = format!("`{written}` is not in canonical form");
                problems.push(Problem::error(
                    "BadVersion",
                    "spec.version",
                    reason,
                    format!("write `{version}`"),
                ));
                Some(version)
            }
            Err(error) => {
                let way_out = "write a version such as `1.2.0`, or leave it out for a draft";
                problems.push(Problem::error("BadVersion", "spec.version", error.to_string(), way_out));
                None
            }
        },
    };
    if problems.is_empty() {
        let identity = Identity { name: plugin.name.clone(), version };
        problems.extend(object(&identity, object_name));
    }
    problems
}

fn object(identity: &Identity, object_name: Option<&str>) -> Option<Problem> {
    let wanted = identity.object_name();
    let label = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    if wanted.len() > version::LONGEST_NAME || !wanted.split('.').all(label) {
        return Some(Problem::error(
            "BadVersion",
            "spec.version",
            format!("`{wanted}` cannot be the name of an object"),
            "shorten name or version; parts of a pre-release begin and end with a letter or digit",
        ));
    }
    let name = object_name.filter(|name| *name != wanted)?;
    let reason = format!("plugin `{identity}` cannot be in an object named `{name}`");
    Some(Problem::error("WrongObjectName", "metadata.name", reason, format!("name the object `{wanted}`")))
}

fn runner(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let runner = &plugin.runner;
    let mut problems = Vec::new();
    let (overlay, found) = overlay::check(runner);
    let own_image = overlay.as_ref().is_some_and(|overlay| {
        let main =
            overlay.pointer("/spec/containers").and_then(|items| items.as_array()).into_iter().flatten();
        main.filter(|container| container["name"] == "main").any(|main| main["image"].is_string())
    });
    if runner.image.trim().is_empty() && !own_image {
        let way_out = "name the image that holds what the scripts call";
        problems.push(Problem::error(
            "MissingImage",
            "spec.runner.image",
            "there is no image to run the steps in",
            way_out,
        ));
    } else if runner.image.contains(char::is_whitespace) {
        let reason = format!("`{}` is not an image reference", runner.image);
        problems.push(Problem::error("BadImage", "spec.runner.image", reason, "remove the blanks"));
    }
    if let Some(namespace) = runner.namespace.as_deref().filter(|namespace| !is_label(namespace)) {
        let reason = format!("`{namespace}` is not the name of a namespace");
        let way_out = "write lower-case letters, digits and hyphens, at most 63";
        problems.push(Problem::error("BadNamespace", "spec.runner.namespace", reason, way_out));
    }
    problems.extend(found);
    problems
}

/// A DNS label.
fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || c == '-')
}

fn declared(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let Some(declared) = &plugin.params else { return Vec::new() };
    let used = params::used(plugin);
    let (mut problems, mut names) = (Vec::new(), BTreeSet::new());
    if declared.len() > MOST_PARAMS {
        let reason = format!("there are {} params, the limit is {MOST_PARAMS}", declared.len());
        problems.push(Problem::error(
            "TooMany",
            "spec.params",
            reason,
            "pass several values as one, such as JSON",
        ));
    }
    for (at, param) in declared.iter().enumerate().take(MOST_PARAMS) {
        let place = format!("spec.params[{at}]");
        if !step::is_name(&param.name) {
            problems.push(step::bad_name(&param.name, &format!("{place}.name")));
        } else if !names.insert(param.name.as_str()) {
            let reason = format!("param `{}` is there twice", param.name);
            problems.push(Problem::error("DuplicateName", format!("{place}.name"), reason, "remove one"));
        } else if !used.contains(param.name.as_str()) {
            let reason = format!("no input takes the param `{}`", param.name);
            let way_out =
                "give a step an input of that name with `valueFromSandbox: true`, or remove the param";
            problems.push(Problem::warning("UnusedParam", place.clone(), reason, way_out));
        }
        problems.extend(pattern(param, &place));
    }
    problems
}

fn pattern(param: &Param, place: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(Err(error)) = param.pattern.as_deref().map(params::matcher) {
        let place = format!("{place}.pattern");
        let way_out = "fix it; there are neither look-around nor back-references";
        return vec![Problem::error(
            "BadPattern",
            place,
            format!("not a regular expression: {error}"),
            way_out,
        )];
    }
    if let Some(default) = &param.default {
        if params::check_value(param, default, "").is_some() {
            let reason = "the default is not what the pattern and the limits allow";
            problems.push(Problem::error(
                "BadDefault",
                format!("{place}.default"),
                reason,
                "change one of them",
            ));
        }
        if param.optional {
            let reason = "a param with a default never is without a value";
            problems.push(Problem::warning(
                "OptionalDefault",
                format!("{place}.optional"),
                reason,
                "remove one",
            ));
        }
    }
    problems
}
