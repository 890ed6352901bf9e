//! Output keys that pods name, against those that a plugin (or a round of it) delivers.

use std::collections::BTreeSet;

use sandbind_wire::name;

use super::select::Taken;
use crate::{api::ResourcePluginSpec, problem::Problem};

/// Keys of all outputs of a plugin that pods may get.
pub fn deliverable(plugin: &ResourcePluginSpec) -> BTreeSet<String> {
    plugin
        .create
        .iter()
        .flat_map(|step| step.outputs.iter().map(move |output| (step, output)))
        .filter(|(_, output)| output.deliver != Some(false))
        .map(|(step, output)| name::output_key(&step.name, &output.name))
        .collect()
}

/// A problem for each place in these bindings that names an output of `resource` which is not among `available`. `identity` is
/// the plugin that those are of.
pub fn missing(
    bindings: &[&Taken],
    resource: &str,
    identity: &str,
    available: &BTreeSet<String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |taken: &Taken, key: &str, field: &dyn Fn() -> String| {
        if !available.contains(key) {
            problems.push(unknown(taken, &field(), key, identity, available));
        }
    };
    for taken in bindings {
        for (index, env) in taken.env() {
            if let Some(from) = env.value_from.as_ref().filter(|from| from.resource.name == resource) {
                check(taken, &from.resource.output_key, &|| {
                    format!("spec.env[{index}].valueFrom.resource.outputKey")
                });
            }
        }
        for (index, files) in taken.files().filter(|(_, files)| files.resource == resource) {
            for (nth, item) in files.items.iter().flatten().enumerate() {
                check(taken, &item.output_key, &|| format!("spec.files[{index}].items[{nth}].outputKey"));
            }
        }
    }
    problems
}

fn unknown(taken: &Taken, field: &str, key: &str, identity: &str, available: &BTreeSet<String>) -> Problem {
    let way_out = if available.is_empty() {
        "the plugin delivers no outputs; remove the entry".to_owned()
    } else {
        let keys: Vec<_> = available.iter().take(20).map(|key| format!("`{key}`")).collect();
        format!("use one of {}", keys.join(", "))
    };
    Problem::error(
        "UnknownOutput",
        taken.binding.at(field),
        format!("plugin `{identity}` does not deliver an output `{key}`"),
        way_out,
    )
}
