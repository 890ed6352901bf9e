//! What the label may name.

use super::case::{Case, ours, pod, sandbox, server};

const LABEL: &str = "metadata.labels[sandbind.dev/sandbox]";

pub fn cases() -> Vec<Case> {
    let name = |what, value: &str| {
        let answer = ours("InvalidSandboxName", LABEL, "is not a sandbox name", "lower-case letters");
        Case::new(what, pod("label", value, ""), answer)
    };
    vec![
        name("upper case", "PR-1"),
        name("empty", "\"\""),
        name("a dot", "\"pr.1\""),
        name("an underscore", "pr_1"),
        name("longer than a label", &"a".repeat(64)),
        name("a hyphen first", "\"-pr\""),
        name("a blank", "\"pr 1\""),
        Case::new(
            "a number without quotes",
            pod("label", "142", ""),
            server("metadata.labels", "cannot unmarshal number"),
        ),
        Case::new(
            "of a sandbox that is being deleted",
            pod("label", "going", ""),
            ours("SandboxDeleting", "Sandbox SHOP/going", "is being deleted", "--for deleted -n SHOP"),
        ),
        Case::new(
            "on a Windows pod",
            pod("over", "pr-1", "os: {name: windows}"),
            ours("WindowsPod", LABEL, "Linux only", "remove the label"),
        ),
        Case::new(
            "on a pod with a container called like the sidecar",
            pod("over", "pr-1", "containers: [{name: sandbind-binder, image: i}]"),
            ours("ReservedName", "spec.containers[0].name", "sidecar's own name", "another name"),
        ),
        Case::new(
            "a Sandbox whose name no label could be",
            sandbox("pr.1", "{}"),
            ours("InvalidSandboxName", "metadata.name", "`pr.1`", "lower-case letters"),
        ),
        Case::new("a Sandbox in upper case", sandbox("PR-1", "{}"), server("metadata.name", "lower case")),
    ]
}
