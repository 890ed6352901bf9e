//! What bindings select.

use super::case::{Case, binding, ours, plugin, pod, server};

/// Bindings that pods of these cases meet.
pub fn given() -> Vec<String> {
    let env = |name: &str| {
        format!("[{{name: SAME, valueFrom: {{resource: {{name: {name}, outputKey: make.url}}}}}}]")
    };
    let fights = "{matchLabels: {app: fight}}";
    vec![
        binding("cont", &[("containers", "[web]")]),
        binding("fight-a", &[("selector", fights), ("env", &env("fight-a"))]),
        binding("fight-b", &[("selector", fights), ("env", &env("fight-b"))]),
        binding(
            "differ-a",
            &[
                ("selector", "{matchLabels: {app: differ}}"),
                ("resources", "[{name: differ, plugin: pUNIQUE}]"),
            ],
        ),
        binding(
            "differ-b",
            &[
                ("selector", "{matchLabels: {app: other}}"),
                ("resources", "[{name: differ, plugin: pUNIQUE, scope: Pod}]"),
            ],
        ),
        binding("deny", &[("env", &env("deny")), ("onConflict", "Deny")]),
        binding("mount", &[("files", "[{path: /bindings/db, resource: mount}]")]),
        binding(
            "early",
            &[
                ("onRefresh", "{signal: {container: app, name: SIGHUP}}"),
                ("files", "[{path: /b, resource: early}]"),
            ],
        ),
    ]
}

pub fn cases() -> Vec<Case> {
    let wrong = |what, selector: &str, place, reason, way_out| {
        let answer = ours("InvalidSelector", place, reason, way_out);
        Case::new(what, binding("sel", &[("selector", selector)]), answer)
    };
    vec![
        wrong(
            "a key with a blank",
            "{matchLabels: {\"a b\": c}}",
            "spec.selector.matchLabels",
            "`a b` is not a label key",
            "prefix.example/name",
        ),
        wrong(
            "a value with a blank",
            "{matchLabels: {app: \"a b\"}}",
            "spec.selector.matchLabels.app",
            "`a b` is not a label value",
            "at most 63 letters",
        ),
        wrong(
            "In without values",
            "{matchExpressions: [{key: app, operator: In}]}",
            "spec.selector.matchExpressions[0].values",
            "needs at least one value",
            "list the values",
        ),
        wrong(
            "Exists with values",
            "{matchExpressions: [{key: app, operator: Exists, values: [a]}]}",
            "spec.selector.matchExpressions[0].values",
            "takes no values",
            "remove the values",
        ),
        wrong(
            "an unknown operator",
            "{matchExpressions: [{key: app, operator: Near}]}",
            "spec.selector.matchExpressions[0].operator",
            "no operator `Near`",
            "`DoesNotExist`",
        ),
        Case::new(
            "a list for a map",
            binding("sel", &[("selector", "{matchLabels: [app]}")]),
            server("spec.selector.matchLabels", "must be of type object"),
        ),
        Case::new(
            "a pod that no binding selects",
            pod("nobody", "pr-1", ""),
            ours(
                "NoBinding",
                "Namespace SHOP",
                "no ResourceBinding selects this pod",
                "sandbind.dev/unmatched: Allow",
            ),
        ),
        Case::new(
            "a container that the pod does not have",
            pod("cont", "pr-1", ""),
            ours(
                "UnknownContainer",
                "ResourceBinding SHOP/cont: spec.containers[0]",
                "no container `web`",
                "use one of `app`",
            ),
        ),
        Case::new(
            "an empty list of containers",
            binding("sel", &[("containers", "[]")]),
            ours("NoContainers", "spec.containers", "selects no container", "name the containers"),
        ),
        Case::new(
            "two bindings that fight over a variable",
            pod("fight", "pr-1", ""),
            ours(
                "ConflictingBindings",
                "ResourceBinding SHOP/fight-b: spec.env[0].name",
                "`ResourceBinding SHOP/fight-a` gives the variable `SAME` too",
                "narrow the selectors",
            ),
        ),
        Case::new(
            "two bindings that mean different things by one name",
            pod("differ", "pr-1", ""),
            ours(
                "ConflictingBindings",
                "ResourceBinding SHOP/differ-a: spec.resources[0].scope",
                "`ResourceBinding SHOP/differ-b` declares the resource `differ` with another scope",
                "let both say the same",
            ),
        ),
        Case::new(
            "a variable that the pod sets itself, where that is denied",
            pod("deny", "pr-1", "containers: [{name: app, image: i, env: [{name: SAME, value: mine}]}]"),
            ours("EnvConflict", "spec.containers[0].env[0]", "ResourceBinding SHOP/deny", "`onConflict`"),
        ),
        Case::new(
            "a folder that the pod mounts itself",
            pod(
                "mount",
                "pr-1",
                "containers: [{name: app, image: i, volumeMounts: [{name: v, mountPath: /bindings/db}]}], volumes: [{name: v, emptyDir: {}}]",
            ),
            ours(
                "PathTaken",
                "ResourceBinding SHOP/mount: spec.files[0].path",
                "spec.containers[0].volumeMounts[0]",
                "another path",
            ),
        ),
        Case::new(
            "a signal without a shared process namespace",
            pod("early", "pr-1", ""),
            ours(
                "SignalNeedsSharedProcesses",
                "ResourceBinding SHOP/early: spec.onRefresh.signal",
                "does not share its process namespace",
                "shareProcessNamespace: true",
            ),
        ),
        Case::new(
            "a plugin for selected namespaces without a selector",
            plugin("wUNIQUE", &[("allowedNamespaces", "{from: Selector}")]),
            ours("BadSelector", "spec.allowedNamespaces.selector", "without a selector", "from: All"),
        ),
    ]
}
