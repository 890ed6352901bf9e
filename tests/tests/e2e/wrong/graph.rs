//! Which steps take what from which others.

use super::case::{Case, binding, ours, plugin, pod, server};

/// The binding that a pod of these cases meets.
pub fn given() -> Vec<String> {
    let env = "[{name: URL, valueFrom: {resource: {name: output, outputKey: make.uri}}}]";
    vec![binding("output", &[("env", env)])]
}

/// A step that takes outputs `o` of these steps and writes one.
fn step(name: &str, from: &[&str]) -> String {
    let inputs =
        from.iter().map(|from| format!("{{name: of-{from}, valueFromStep: {{name: {from}, output: o}}}}"));
    let inputs = inputs.collect::<Vec<_>>().join(", ");
    format!(
        r##"{{name: {name}, inputs: [{inputs}], outputs: [{{name: o, valueFromPath: /tmp/o}}], script: "#!/bin/sh"}}"##
    )
}

pub fn cases() -> Vec<Case> {
    let create = |what, steps: &[String], answer| {
        Case::new(what, plugin("wUNIQUE", &[("create", &format!("[{}]", steps.join(", ")))]), answer)
    };
    let with = |what, field: &str, value: &str, answer| {
        let steps = format!("[{}]", step("a", &[]));
        Case::new(what, plugin("wUNIQUE", &[("create", &steps), (field, value)]), answer)
    };
    let many = |count: usize| (0..count).map(|number| step(&format!("s{number}"), &[])).collect::<Vec<_>>();
    let outputs: Vec<String> = (0..17).map(|n| format!("{{name: o{n}, valueFromPath: /tmp/o{n}}}")).collect();
    let inputs: Vec<String> = (0..65).map(|n| format!("{{name: i{n}, valueFromSandbox: true}}")).collect();
    let alone = |fields: &str| vec![format!(r##"{{name: a, {fields}, script: "#!/bin/sh"}}"##)];
    vec![
        create(
            "a cycle",
            &[step("a", &["c"]), step("b", &["a"]), step("c", &["b"])],
            ours("Cycle", "spec.create", "wait for each other: a → c → b → a", "`valueFromStep`"),
        ),
        create(
            "a step that waits for itself",
            &[step("a", &["a"])],
            ours("Cycle", "spec.create", "a → a", "`valueFromStep`"),
        ),
        create(
            "an input from a step that is not there",
            &[step("a", &["b"])],
            ours(
                "UnknownStep",
                "spec.create[0].inputs[0].valueFromStep.name",
                "no step `b`",
                "its steps are `a`",
            ),
        ),
        create(
            "an input from an output that is not there",
            &[step("a", &[]), step("b", &["a"]).replace("output: o}", "output: url}")],
            ours(
                "UnknownOutput",
                "spec.create[1].inputs[0].valueFromStep.output",
                "no output `url`",
                "its outputs are `o`",
            ),
        ),
        create(
            "a create step that takes from a delete step",
            &[step("a", &["unmake"])],
            ours(
                "CrossPhase",
                "spec.create[0].inputs[0].valueFromStep.name",
                "`unmake`",
                "name a create step",
            ),
        ),
        create(
            "two steps of one name",
            &[step("a", &[]), step("a", &[])],
            ours("DuplicateName", "spec.create[1].name", "`a` is there twice", "rename one"),
        ),
        with(
            "a delete step called like a create step",
            "delete",
            &format!("[{}]", step("a", &[])),
            ours("DuplicateName", "spec.delete[0].name", "unique across create and delete", "rename one"),
        ),
        with(
            "a refresh of a step that is not there",
            "refresh",
            &format!("{{every: 30m, steps: [{}]}}", step("b", &[])),
            ours("RefreshStep", "spec.refresh.steps[0].name", "there is no `b`", "the create steps are `a`"),
        ),
        with(
            "a refresh of an output that is not there",
            "refresh",
            &format!("{{every: 30m, steps: [{}]}}", step("a", &[]).replace("name: o,", "name: p,")),
            ours(
                "RefreshOutput",
                "spec.refresh.steps[0].outputs[0].name",
                "no output `p` to replace",
                "its outputs are `o`",
            ),
        ),
        with(
            "a refresh without pause",
            "refresh",
            &format!("{{every: 0s, steps: [{}]}}", step("a", &[])),
            ours("BadDuration", "spec.refresh.every", "without pause", "such as `30m`"),
        ),
        with(
            "a refresh in a hundred thousand years",
            "refresh",
            &format!("{{every: 9999999w, steps: [{}]}}", step("a", &[])),
            ours("InvalidObject", "spec.refresh.every", "`9999999w` is not a duration", "kubectl explain"),
        ),
        create(
            "an input without a source",
            &alone("inputs: [{name: i}]"),
            ours("InputSource", "spec.create[0].inputs[0]", "no source is given", "exactly one of"),
        ),
        create("no steps", &[], ours("NoCreate", "spec.create", "no create steps", "add a step")),
        create(
            "more steps than fit",
            &many(33),
            ours("TooMany", "spec.create", "there are 33 steps", "join some"),
        ),
        create(
            "more outputs than fit",
            &alone(&format!("outputs: [{}]", outputs.join(", "))),
            ours("TooMany", "spec.create[0].outputs", "there are 17 outputs", "another step"),
        ),
        create(
            "more inputs than fit",
            &alone(&format!("inputs: [{}]", inputs.join(", "))),
            ours("TooMany", "spec.create[0].inputs", "there are 65 inputs", "several values as one"),
        ),
        create("a multitude of steps", &many(65), server("spec.create", "must have at most 64 items")),
        create(
            "a step with a name that is none",
            &[step("a b", &[])],
            ours("BadName", "spec.create[0].name", "`a b` is not a name", "another name"),
        ),
        create(
            "a step without a script",
            &["{name: a}".to_owned()],
            ours("MissingScript", "spec.create[0].script", "has no script", "interpreter in the first line"),
        ),
        create(
            "an output that is read from a folder",
            &alone("outputs: [{name: o, valueFromPath: /tmp/}]"),
            ours("BadPath", "spec.create[0].outputs[0].valueFromPath", "`/tmp/`", "such as `/tmp/url`"),
        ),
        Case::new(
            "a variable from an output that the plugin does not have",
            pod("output", "pr-1", ""),
            ours(
                "UnknownOutput",
                "ResourceBinding SHOP/output: spec.env[0].valueFrom.resource.outputKey",
                "does not deliver an output `make.uri`",
                "use one of `make.url`",
            ),
        ),
        Case::new(
            "a variable from what cannot be an output",
            binding("key", &[("env", "[{name: URL, valueFrom: {resource: {name: key, outputKey: url}}}]")]),
            ours(
                "InvalidOutputKey",
                "spec.env[0].valueFrom.resource.outputKey",
                "`url` is not an output key",
                "such as `provision.url`",
            ),
        ),
    ]
}
