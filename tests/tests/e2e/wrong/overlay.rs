//! What a plugin lays over the pods of its steps.

use super::case::{Case, ours, overlay, plugin, server};

/// The same place in all: the text of the overlay.
macro_rules! at {
    ($place:literal) => {
        concat!("spec.runner.podTemplateOverlay: ", $place)
    };
}

pub fn cases() -> Vec<Case> {
    let wrong = |what, lines: &str, answer| Case::new(what, overlay("wUNIQUE", lines), answer);
    let main = |what, fields: &str, answer| {
        let lines = format!("spec: {{containers: [{{name: main, {fields}}}]}}");
        Case::new(what, overlay("wUNIQUE", &lines), answer)
    };
    let refused = |place, reason| ours("OverlayRefused", place, reason, "remove it");
    vec![
        wrong(
            "the node's files",
            "spec: {volumes: [{name: v, hostPath: {path: /}}]}",
            refused(at!("spec.volumes[0].hostPath"), "the node's files"),
        ),
        wrong(
            "the node's network",
            "spec: {hostNetwork: true}",
            refused(at!("spec.hostNetwork"), "network of their own"),
        ),
        wrong(
            "the node's processes",
            "spec: {hostPID: true}",
            refused(at!("spec.hostPID"), "their own processes"),
        ),
        main(
            "privilege",
            "securityContext: {privileged: true}",
            refused(at!("spec.containers[0].securityContext.privileged"), "owns the node"),
        ),
        main(
            "added capabilities",
            "securityContext: {capabilities: {add: [SYS_ADMIN]}}",
            refused(at!("spec.containers[0].securityContext.capabilities.add"), "no capabilities are added"),
        ),
        main(
            "a port of the node",
            "ports: [{containerPort: 80, hostPort: 80}]",
            refused(at!("spec.containers[0].ports[0].hostPort"), "the node's ports"),
        ),
        wrong(
            "a shared process namespace",
            "spec: {shareProcessNamespace: true}",
            refused(at!("spec.shareProcessNamespace"), "reaps every process"),
        ),
        wrong(
            "a node",
            "spec: {nodeName: node-0}",
            refused(at!("spec.nodeName"), "`nodeSelector` and `affinity`"),
        ),
        wrong(
            "another runtime",
            "spec: {runtimeClassName: kata}",
            refused(at!("spec.runtimeClassName"), "chooses the runtime"),
        ),
        wrong(
            "restarts",
            "spec: {restartPolicy: Always}",
            refused(at!("spec.restartPolicy"), "runs once per pod"),
        ),
        wrong(
            "a container called like the agent's",
            "spec: {initContainers: [{name: sandbind-agent, image: i}]}",
            ours(
                "ReservedName",
                at!("spec.initContainers[0].name"),
                "`sandbind-agent` is reserved",
                "another name",
            ),
        ),
        wrong(
            "a volume called like the agent's",
            "spec: {volumes: [{name: sandbind-agent, emptyDir: {}}]}",
            ours("ReservedName", at!("spec.volumes[0].name"), "is reserved", "another name"),
        ),
        main(
            "a variable of the runner's",
            "env: [{name: SANDBIND_NAME, value: mine}]",
            ours("ReservedName", at!("spec.containers[0].env[0].name"), "set by the runner", "another name"),
        ),
        main(
            "a mount where the agent lives",
            "volumeMounts: [{name: v, mountPath: /sandbind}]",
            ours(
                "ReservedName",
                at!("spec.containers[0].volumeMounts[0].mountPath"),
                "where the agent lives",
                "mount elsewhere",
            ),
        ),
        main(
            "a command of its own",
            "command: [sleep]",
            ours(
                "OverlayConflict",
                at!("spec.containers[0].command"),
                "the agent is the `command`",
                "the step's `script`",
            ),
        ),
        main(
            "another image",
            "image: other",
            ours(
                "OverlayConflict",
                at!("spec.containers[0].image"),
                "`spec.runner.image`",
                "say it there only",
            ),
        ),
        wrong(
            "a label of the runner's",
            "metadata: {labels: {sandbind.dev/step: mine}}",
            ours("ReservedName", at!("metadata.labels.sandbind.dev/step"), "the runner's", "another prefix"),
        ),
        wrong(
            "a field that no pod has",
            "spec: {hostNetwrk: true}",
            ours("UnknownOverlayField", at!("spec.hostNetwrk"), "no field `hostNetwrk`", "correct its name"),
        ),
        wrong(
            "an unknown directive",
            "spec: {$patch: append}",
            ours("BadDirective", at!("spec.$patch"), "are known", "use one of them"),
        ),
        wrong(
            "broken YAML",
            "spec: {containers: [",
            ours("BadOverlay", "spec.runner.podTemplateOverlay", "of the overlay", "fix the syntax"),
        ),
        wrong(
            "a list",
            "- spec",
            ours("BadOverlay", "spec.runner.podTemplateOverlay", "is no map", "as in a pod template"),
        ),
        Case::new(
            "a map in place of its text",
            plugin("wUNIQUE", &[("runner", "{image: i, podTemplateOverlay: {spec: {}}}")]),
            server("spec.runner.podTemplateOverlay.spec", "unknown field"),
        ),
    ]
}
