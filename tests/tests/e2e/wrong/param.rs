//! What bindings and Sandboxes pass to plugins.

use super::case::{Case, binding, ours, plugin, pod, sandbox, server};

/// Bindings and Sandboxes that pods of these cases meet.
pub fn given() -> Vec<String> {
    let resource =
        |name: &str, params: &str| format!("[{{name: {name}, plugin: pUNIQUE, params: {params}}}]");
    vec![
        binding("unknown", &[("resources", &resource("unknown", "{sede: small}"))]),
        binding("pattern", &[("resources", &resource("pattern", "{seed: smallish}"))]),
        binding("missing", &[("resources", "[{name: missing, plugin: reqUNIQUE}]")]),
        binding("over", &[]),
        sandbox("big", "{params: {over: {seed: huge}}}"),
    ]
}

pub fn cases() -> Vec<Case> {
    let resource = |params: &str| {
        binding("par", &[("resources", &format!("[{{name: par, plugin: pUNIQUE, params: {params}}}]"))])
    };
    let declared = |params: &str| {
        let create =
            r##"[{name: make, inputs: [{name: seed, valueFromSandbox: true}], script: "#!/bin/sh"}]"##;
        plugin("wUNIQUE", &[("params", params), ("create", create)])
    };
    let many: Vec<String> = (0..65).map(|number| format!("{{name: p{number}}}")).collect();
    vec![
        Case::new(
            "one that the plugin does not know",
            pod("unknown", "pr-1", ""),
            ours(
                "UnknownParam",
                "ResourceBinding SHOP/unknown: spec.resources[0].params.sede",
                "has no param `sede`",
                "its params are `seed`, `zone`",
            ),
        ),
        Case::new(
            "a value against the pattern",
            pod("pattern", "pr-1", ""),
            ours(
                "BadParam",
                "ResourceBinding SHOP/pattern: spec.resources[0].params.seed",
                "the pattern `small|large`",
                "give one that does",
            ),
        ),
        Case::new(
            "a required one missing",
            pod("missing", "pr-1", ""),
            ours(
                "MissingParam",
                "ResourceBinding SHOP/missing: spec.resources[0].params.zone",
                "needs the param `zone`",
                "give `zone` a value",
            ),
        ),
        Case::new(
            "a Sandbox's value against the pattern",
            pod("over", "big", ""),
            ours(
                "BadParam",
                "ResourceBinding SHOP/over: spec.resources[0].params (with Sandbox SHOP/big: spec.params.over).seed",
                "does not match the pattern",
                "give one that does",
            ),
        ),
        Case::new(
            "$(workload) in Sandbox scope",
            resource("{seed: $(workload)}"),
            ours(
                "UnknownSubstitution",
                "spec.resources[0].params.seed",
                "Sandbox scope",
                "`Workload` or `Pod`",
            ),
        ),
        Case::new(
            "$(…) that stands for nothing",
            resource("{seed: $(branch)}"),
            ours("UnknownSubstitution", "spec.resources[0].params.seed", "`$(branch)`", "`$$` for a dollar"),
        ),
        Case::new(
            "the same in a Sandbox",
            sandbox("par", "{params: {db: {seed: $(branch)}}}"),
            ours("UnknownSubstitution", "spec.params.db.seed", "`$(branch)`", "`$(namespace)`"),
        ),
        Case::new(
            "a number",
            resource("{seed: 3}"),
            server("spec.resources[0].params.seed", "must be of type string"),
        ),
        Case::new(
            "a Sandbox's params of what cannot be a resource",
            sandbox("par", "{params: {DB: {seed: large}}}"),
            ours("InvalidName", "spec.params.DB", "is not a resource name", "lower-case letters"),
        ),
        Case::new(
            "a default against its own pattern",
            declared("[{name: seed, default: medium, pattern: small|large}]"),
            ours("BadDefault", "spec.params[0].default", "not what the pattern", "change one of them"),
        ),
        Case::new(
            "a pattern that is none",
            declared("[{name: seed, pattern: \"(\"}]"),
            ours("BadPattern", "spec.params[0].pattern", "not a regular expression", "look-around"),
        ),
        Case::new(
            "an input of one that is not declared",
            declared("[{name: size, optional: true}]"),
            ours(
                "UndeclaredParam",
                "spec.create[0].inputs[0].name",
                "declares no param `seed`",
                "declare it there",
            ),
        ),
        Case::new(
            "one declared twice",
            declared("[{name: seed}, {name: seed}]"),
            ours("DuplicateName", "spec.params[1].name", "there twice", "remove one"),
        ),
        Case::new(
            "too many of them",
            declared(&format!("[{{name: seed}}, {}]", many.join(", "))),
            ours("TooMany", "spec.params", "the limit is 64", "several values as one"),
        ),
    ]
}
