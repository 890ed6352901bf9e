//! Which namespaces may use what, and where things run.

use super::case::{Case, binding, ours, overlay, plugin, pod, sandbox, server};

/// Bindings that pods of these cases meet.
pub fn given() -> Vec<String> {
    let to = |name: &str, plugin: &str| {
        binding(name, &[("resources", &format!("[{{name: {name}, plugin: {plugin}}}]"))])
    };
    vec![
        to("closed", "noneUNIQUE"),
        to("gold", "goldUNIQUE"),
        binding("long", &[("resources", "[{name: long, plugin: shortUNIQUE}]"), ("linger", "2h")]),
    ]
}

pub fn cases() -> Vec<Case> {
    let steps = |what, namespace: &str, answer| {
        Case::new(
            what,
            plugin("wUNIQUE", &[("runner", &format!("{{image: localhost/psql:1, namespace: {namespace}}}"))]),
            answer,
        )
    };
    let elsewhere = || {
        ours(
            "StepNamespaceNotAllowed",
            "spec.runner.namespace",
            "the installation allows `sandbind-steps`",
            "install --step-namespace NS",
        )
    };
    let wide = |selector: &str| binding("wideUNIQUE", &[("namespaceSelector", selector), ("selector", "{}")]);
    vec![
        Case::new(
            "a pod where plugins are not enabled",
            pod("plain", "pr-1", ""),
            ours(
                "PluginNotAllowed",
                "ResourceBinding PLAIN/plain: spec.resources[0].plugin",
                "no label `sandbind.dev/enabled",
                "kubectl label namespace PLAIN sandbind.dev/enabled=true",
            ),
        )
        .within("PLAIN"),
        Case::new(
            "a plugin that no namespace may use",
            pod("closed", "pr-1", ""),
            ours(
                "PluginNotAllowed",
                "ResourceBinding SHOP/closed: spec.resources[0].plugin",
                "allows none",
                "ResourcePlugin `noneUNIQUE`",
            ),
        ),
        Case::new(
            "a plugin for other namespaces",
            pod("gold", "pr-1", ""),
            ours(
                "PluginNotAllowed",
                "ResourceBinding SHOP/gold: spec.resources[0].plugin",
                "does not select this namespace",
                "ask a cluster admin",
            ),
        ),
        Case::new(
            "a longer linger than the plugin lets anybody have",
            pod("long", "pr-1", ""),
            ours(
                "LingerTooLong",
                "ResourceBinding SHOP/long: spec.linger",
                "for 1h at most",
                "ask for 1h or less",
            ),
        ),
        steps("steps in the control plane's namespace", "kube-system", elsewhere()),
        steps("steps beside sandbind's own programs", "sandbind-system", elsewhere()),
        steps(
            "steps in what cannot be a namespace",
            "Steps_1",
            ours(
                "BadNamespace",
                "spec.runner.namespace",
                "`Steps_1` is not the name of a namespace",
                "lower-case letters",
            ),
        ),
        Case::new(
            "an overlay that moves the steps elsewhere",
            overlay("wUNIQUE", "metadata: {namespace: kube-system}"),
            ours(
                "OverlayConflict",
                "spec.runner.podTemplateOverlay: metadata.namespace",
                "`spec.runner.namespace`",
                "say it there only",
            ),
        ),
        Case::new(
            "a tenant's binding for other namespaces",
            wide("{}"),
            ours(
                "NamespaceSelectorNotAllowed",
                "spec.namespaceSelector",
                "only a binding in the system namespace",
                "cluster admin",
            ),
        ),
        Case::new(
            "a binding in the system namespace for none",
            binding("wideUNIQUE", &[]),
            ours("NamespaceSelectorMissing", "spec.namespaceSelector", "holds nowhere", "`{}` means all"),
        )
        .within("sandbind-system"),
        Case::new(
            "a binding for namespaces by a selector that is none",
            wide("{matchExpressions: [{key: team, operator: In}]}"),
            ours(
                "InvalidSelector",
                "spec.namespaceSelector.matchExpressions[0].values",
                "needs at least one value",
                "list the values",
            ),
        )
        .within("sandbind-system"),
        Case::new(
            "a Sandbox in a namespace that is not there",
            sandbox("pr-1", "{}"),
            server("namespaces \"absent-UNIQUE\"", "not found"),
        )
        .within("absent-UNIQUE"),
    ]
}
