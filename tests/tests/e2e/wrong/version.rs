//! Names and versions of plugins.

use super::case::{Case, binding, ours, plugin, pod, server, version};

/// Bindings that pods of these cases meet.
pub fn given() -> Vec<String> {
    let to = |name: &str, plugin: &str| {
        binding(name, &[("resources", &format!("[{{name: {name}, plugin: \"{plugin}\"}}]"))])
    };
    vec![
        to("major", "pUNIQUE@^9"),
        to("exact", "pUNIQUE@1.0.7"),
        to("draft", "pUNIQUE@draft"),
        to("absent", "qUNIQUE"),
        to("case", "PUNIQUE@1.0.0"),
    ]
}

pub fn cases() -> Vec<Case> {
    let reference = |what, plugin: &str, reason| {
        let resources = format!("[{{name: ver, plugin: \"{plugin}\"}}]");
        let answer = ours("InvalidReference", "spec.resources[0].plugin", reason, "`name@^1`");
        Case::new(what, binding("ver", &[("resources", &resources)]), answer)
    };
    let published = |what, number: &str, answer| {
        let document =
            version("wUNIQUE", &format!("wUNIQUE-{number}"), &[("version", &format!("\"{number}\""))]);
        Case::new(what, document, answer)
    };
    let pods = |what, app, place, reason, way_out| {
        Case::new(what, pod(app, "pr-1", ""), ours("UnknownPluginVersion", place, reason, way_out))
    };
    vec![
        reference("a reference with build metadata", "pUNIQUE@1.0.0+b1", "build metadata"),
        reference("a reference to no version", "pUNIQUE@banana", "`banana` is neither a version"),
        reference("a reference with nothing after the @", "pUNIQUE@", "is neither a version"),
        reference("a reference to no name", "@1.0.0", "is not a plugin name"),
        published("a version with build metadata", "1.2.0+b1", server("metadata.name", "RFC 1123")),
        published(
            "a version not in canonical form",
            "1.2",
            ours("BadVersion", "spec.version", "canonical form", "write `1.2.0`"),
        ),
        published(
            "the draft's number as a version",
            "0.0.0",
            ours("BadVersion", "spec.version", "a draft is shown", "leave it out"),
        ),
        published(
            "a version that is none",
            "latest",
            ours("BadVersion", "spec.version", "`latest` is not a version", "such as `1.2.0`"),
        ),
        Case::new(
            "an object named otherwise than its version",
            version("wUNIQUE", "wUNIQUE-1.3.0", &[("version", "1.2.0")]),
            server("<nil>", "metadata.name must be the lower case of spec.name"),
        ),
        Case::new(
            "a published version with another script",
            version(
                "pUNIQUE",
                "pUNIQUE-1.0.0",
                &[("version", "1.0.0"), ("create", r##"[{name: make, script: "#!/bin/bash"}]"##)],
            ),
            server("spec", "publish a new spec.version"),
        ),
        Case::new(
            "a name that is none",
            plugin("9UNIQUE", &[]),
            ours("BadName", "spec.name", "is not a plugin name", "another name"),
        ),
        Case::new(
            "a name that differs from another in case only",
            version("PUNIQUE", "pUNIQUE-3.0.0", &[("name", "PUNIQUE"), ("version", "3.0.0")]),
            ours("NameTaken", "spec.name", "there is a plugin `pUNIQUE`", "name it `pUNIQUE`"),
        ),
        pods(
            "a requirement that no version meets",
            "major",
            "ResourceBinding SHOP/major: spec.resources[0].plugin",
            "`pUNIQUE@^9`",
            "there is `1.1.0`, `1.0.0`",
        ),
        pods(
            "a version that is not there",
            "exact",
            "ResourceBinding SHOP/exact: spec.resources[0].plugin",
            "`pUNIQUE@1.0.7`",
            "there is `1.1.0`, `1.0.0`",
        ),
        pods(
            "the draft of a plugin without one",
            "draft",
            "ResourceBinding SHOP/draft: spec.resources[0].plugin",
            "has no draft",
            "there is `1.1.0`, `1.0.0`",
        ),
        Case::new(
            "a plugin that is not there",
            pod("absent", "pr-1", ""),
            ours(
                "UnknownPlugin",
                "ResourceBinding SHOP/absent: spec.resources[0].plugin",
                "no plugin `qUNIQUE`",
                "sandbind plugin list",
            ),
        ),
        Case::new(
            "a plugin called in another case",
            pod("case", "pr-1", ""),
            ours(
                "UnknownPlugin",
                "ResourceBinding SHOP/case: spec.resources[0].plugin",
                "no plugin `PUNIQUE`",
                "write `pUNIQUE`",
            ),
        ),
    ]
}
