//! The step graphs: which outputs steps take from which others, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::plugin::{ResourcePluginSpec, Step, ValueFromStep},
    problem::Problem,
};

/// Everything wrong with the graphs of create, delete and refresh: steps and outputs that do not exist, use across phases,
/// cycles, and refresh steps that replace what no create step makes.
pub fn check(plugin: &ResourcePluginSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let refresh = plugin.refresh.as_ref().map(|refresh| refresh.steps.as_slice()).unwrap_or_default();
    for (at, step) in refresh.iter().enumerate() {
        problems.extend(replaces(plugin, step, &format!("spec.refresh.steps[{at}]")));
    }
    let graphs = [
        Graph { place: "spec.create", steps: &plugin.create, own: false },
        Graph { place: "spec.delete", steps: &plugin.delete, own: false },
        // The value that a refresh step replaces is a value of the time before it.
        Graph { place: "spec.refresh.steps", steps: refresh, own: true },
    ];
    for graph in graphs {
        let (mut edges, before) = (BTreeMap::new(), problems.len());
        for (at, step) in graph.steps.iter().enumerate() {
            for (input, source) in sources(step) {
                let place = format!("{}[{at}].inputs[{input}].valueFromStep", graph.place);
                match resolve(plugin, &graph, source, &place) {
                    Ok(true) if graph.own && source.name == step.name => {}
                    Ok(true) => {
                        let needs: &mut BTreeSet<&str> = edges.entry(step.name.as_str()).or_default();
                        needs.insert(source.name.as_str());
                    }
                    Ok(false) => {}
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let names: BTreeSet<&str> = graph.steps.iter().map(|step| step.name.as_str()).collect();
        // With dangling inputs or two steps of one name a cycle would be a guess.
        let sound = problems.len() == before && names.len() == graph.steps.len();
        if let (Some(cycle), true) = (cycle(&edges), sound) {
            problems.push(Problem::error(
                "Cycle",
                graph.place,
                format!("the steps wait for each other: {}", cycle.join(" → ")),
                "take one of the `valueFromStep` away",
            ));
        }
    }
    problems
}

struct Graph<'a> {
    place: &'static str,
    steps: &'a [Step],
    /// Whether a step may take the output that bears its own name.
    own: bool,
}

fn sources(step: &Step) -> impl Iterator<Item = (usize, &ValueFromStep)> {
    let inputs = step.inputs.iter().enumerate();
    inputs.filter_map(|(at, input)| Some((at, input.value_from_step.as_ref()?)))
}

/// Whether the source is a step of the same graph, or why it cannot be used.
fn resolve(
    plugin: &ResourcePluginSpec,
    graph: &Graph<'_>,
    source: &ValueFromStep,
    place: &str,
) -> Result<bool, Problem> {
    let find = |steps: &'_ [Step]| steps.iter().position(|step| step.name == source.name);
    let is_create = graph.place == "spec.create";
    let create = find(&plugin.create).and_then(|at| plugin.create.get(at));
    let same = find(graph.steps).and_then(|at| graph.steps.get(at));
    let made_by = match (is_create, graph.own) {
        // A refresh step bears a create step's name; an output it does not replace is the create step's.
        (false, true) => create,
        (false, false) => same.or(create),
        (true, _) => same,
    };
    if let Some(step) = made_by {
        if step.outputs.iter().all(|output| output.name != source.output) {
            return Err(Problem::error(
                "UnknownOutput",
                format!("{place}.output"),
                format!("step `{}` has no output `{}`", source.name, source.output),
                known("its outputs are", step.outputs.iter().map(|output| output.name.as_str())),
            ));
        }
        return Ok(same.is_some());
    }
    if find(&plugin.delete).is_some() {
        let phase = if is_create { "create" } else { "refresh" };
        return Err(Problem::error(
            "CrossPhase",
            format!("{place}.name"),
            format!("a {phase} step cannot use `{}`, which runs when the resource is deleted", source.name),
            "name a create step",
        ));
    }
    Err(Problem::error(
        "UnknownStep",
        format!("{place}.name"),
        format!("there is no step `{}`", source.name),
        known("its steps are", plugin.create.iter().map(|step| step.name.as_str())),
    ))
}

/// What a refresh step may be: the name of a create step, and a subset of its outputs.
fn replaces(plugin: &ResourcePluginSpec, step: &Step, place: &str) -> Vec<Problem> {
    let Some(create) = plugin.create.iter().find(|create| create.name == step.name) else {
        return vec![Problem::error(
            "RefreshStep",
            format!("{place}.name"),
            format!(
                "a refresh step bears the name of the create step whose outputs it replaces; there is no `{}`",
                step.name
            ),
            known("the create steps are", plugin.create.iter().map(|step| step.name.as_str())),
        )];
    };
    let outputs = step.outputs.iter().enumerate();
    outputs
        .filter(|(_, output)| create.outputs.iter().all(|other| other.name != output.name))
        .map(|(at, output)| {
            Problem::error(
                "RefreshOutput",
                format!("{place}.outputs[{at}].name"),
                format!("create step `{}` has no output `{}` to replace", step.name, output.name),
                known("its outputs are", create.outputs.iter().map(|output| output.name.as_str())),
            )
        })
        .collect()
}

fn known<'a>(head: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "there are none: declare it".to_owned()
    } else {
        format!("{head} {}", names.join(", "))
    }
}

/// A cycle, its first step repeated at the end.
fn cycle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    // Steps that wait for nothing go first, again and again; what is left waits for itself.
    let mut left = edges.clone();
    loop {
        let waiting: BTreeSet<&str> = left.keys().copied().collect();
        let before = left.len();
        left.retain(|_, needs| needs.iter().any(|step| waiting.contains(step)));
        if left.len() == before {
            break;
        }
    }
    let mut path: Vec<&str> = vec![left.keys().next()?];
    loop {
        let needs = left.get(path.last()?)?;
        let next = needs.iter().find(|step| left.contains_key(*step))?;
        if let Some(start) = path.iter().position(|step| step == next) {
            path.drain(..start);
            path.push(next);
            return Some(path);
        }
        path.push(next);
    }
}
