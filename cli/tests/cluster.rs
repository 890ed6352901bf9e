//! The command against a real API server: the one of `SANDBIND_TEST_KUBECONFIG`, which `cargo xtask test` starts.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "cli/support.rs"]
mod support;

use std::{
    ffi::{OsStr, OsString},
    sync::{Mutex, MutexGuard, PoisonError},
};

use support::{Ended, kubectl, sandbind_on};

struct Cluster {
    kubeconfig: OsString,
    _alone: MutexGuard<'static, ()>,
}

/// The cluster with every object of an installation but the webhook configurations, for nobody answers there.
fn cluster() -> Cluster {
    static ALONE: Mutex<()> = Mutex::new(());
    let kubeconfig = std::env::var_os("SANDBIND_TEST_KUBECONFIG").unwrap();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster { kubeconfig, _alone: alone };
    // Without time to wait, it may end before the kinds are established; what comes after them is then not applied yet.
    let begin = std::time::Instant::now();
    loop {
        let late = cluster.sandbind(&["install", "--apply", "--timeout", "0s"]);
        assert_eq!(late.code, 3, "the programs cannot run without a node: {late:?}");
        if cluster.has_everything() {
            break;
        }
        assert!(begin.elapsed().as_secs() < 60, "{late:?}");
    }
    cluster.kubectl(&["delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "sandbind"]);
    for namespace in ["shop", "sandbind-steps"] {
        cluster.kubectl(&["create", "namespace", namespace]);
    }
    cluster
}

impl Cluster {
    /// Whether the last objects of an installation are there.
    fn has_everything(&self) -> bool {
        let found = self.kubectl(&[
            "get",
            "validatingadmissionpolicybindings,mutatingwebhookconfigurations",
            "-o",
            "name",
        ]);
        found.stdout.lines().filter(|line| line.contains("sandbind")).count() >= 3
    }

    fn config(&self) -> &OsStr {
        &self.kubeconfig
    }

    fn sandbind(&self, arguments: &[&str]) -> Ended {
        sandbind_on(self.config(), arguments)
    }

    fn kubectl(&self, arguments: &[&str]) -> Ended {
        kubectl(self.config(), arguments, "")
    }

    fn apply(&self, yaml: &str) {
        let applied = kubectl(self.config(), &["apply", "-f", "-"], yaml);
        assert_eq!(applied.code, 0, "{applied:?}");
    }

    /// As the runner would say it.
    fn status(&self, sandbox: &str, status: &str) {
        let patch = format!(r#"{{"status":{status}}}"#);
        let patched = self.kubectl(&[
            "-n",
            "shop",
            "patch",
            "sandbox",
            sandbox,
            "--subresource",
            "status",
            "--type",
            "merge",
            "-p",
            &patch,
        ]);
        assert_eq!(patched.code, 0, "{patched:?}");
    }
}

#[test]
fn the_api_server_accepts_every_object_and_finds_no_fault_in_the_policies() {
    let cluster = cluster();
    let again = cluster.sandbind(&["install", "--apply", "--timeout", "0s"]);
    assert_eq!(again.code, 3, "applying again changes nothing: {again:?}");
    let policies = cluster.kubectl(&["get", "validatingadmissionpolicies", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&policies.stdout).unwrap();
    let ours: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|policy| policy["metadata"]["name"].as_str().unwrap().starts_with("sandbind-"))
        .collect();
    assert_eq!(ours.len(), 3);
    for policy in ours {
        assert!(policy["status"]["typeChecking"]["expressionWarnings"].is_null(), "{policy}");
    }
}

#[test]
fn the_api_server_accepts_the_manifests_that_are_kept_in_the_repository() {
    let cluster = cluster();
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests");
    let policies = format!("{manifests}/examples/network-policies.yaml");
    for what in [["-k", manifests], ["-f", &*policies]] {
        let apply = ["apply", "--server-side", "--dry-run=server", "--force-conflicts"];
        let accepted = cluster.kubectl(&[&apply[..], &what].concat());
        assert_eq!(accepted.code, 0, "{what:?}: {accepted:?}");
        assert!(accepted.stdout.contains("sandbind"), "{what:?}: {accepted:?}");
    }
}

/// A resource that lives, and a sandbox of it, as the runner would have made them.
const LIVING: &str = r#"
apiVersion: sandbind.dev/v1alpha1
kind: ResourceInstance
metadata: {name: living, namespace: sandbind-system, finalizers: [sandbind.dev/resource]}
spec:
  formatVersion: 1
  incarnation: abcdefghijklmnop
  key: {namespace: shop, namespaceUid: some-uid, sandbox: pr-7, resource: db}
status: {phase: Ready, since: "2027-01-01T00:00:00Z", round: 1, fence: 1}
---
apiVersion: sandbind.dev/v1alpha1
kind: Sandbox
metadata: {name: pr-7, namespace: shop, finalizers: [sandbind.dev/sandbox]}
spec: {}
"#;

/// Kinds of which an installation has objects outside its own namespace.
const KINDS: &str = "customresourcedefinitions,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                     validatingadmissionpolicybindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,namespaces";

#[test]
fn uninstall_refuses_while_resources_live_and_when_told_leaves_nothing_behind() {
    let cluster = cluster();
    cluster.apply(LIVING);
    let ours = || -> Vec<String> {
        let listed = cluster.kubectl(&["get", KINDS, "-o", "name"]);
        assert_eq!(listed.code, 0, "{listed:?}");
        listed.stdout.lines().filter(|name| name.contains("sandbind")).map(str::to_owned).collect()
    };
    let before = ours();
    let refused = cluster.sandbind(&["uninstall", "--timeout", "60s"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    for part in ["InUse", "shop/pr-7 db", "--force"] {
        assert!(refused.stderr.contains(part), "no `{part}`: {refused:?}");
    }
    assert_eq!(ours(), before, "nothing was touched");
    let runner = cluster.kubectl(&["-n", "sandbind-system", "get", "deployment", "sandbind-plugin-runner"]);
    assert_eq!(runner.code, 0, "{runner:?}");

    let forced = cluster.sandbind(&["uninstall", "--force", "--timeout", "120s"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.stderr.contains("nothing will remove them: shop/pr-7 db"), "{forced:?}");
    assert_eq!(ours(), ["namespace/sandbind-steps"], "kept, with what plugins keep there");
    let again = cluster.sandbind(&["uninstall", "--delete-step-namespaces", "--timeout", "120s"]);
    assert_eq!(again.code, 0, "what is gone is no hindrance: {again:?}");
    assert_eq!(ours(), [""; 0]);
}

#[test]
fn the_runner_is_confined_outside_its_own_namespace() {
    let cluster = cluster();
    let runner = "--as=system:serviceaccount:sandbind-system:sandbind-plugin-runner";
    let secret = |namespace: &str, name: &str, type_: &str| {
        let yaml = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: {namespace}}}, type: {type_}}}"
        );
        let manager = "--field-manager=sandbind-plugin-runner";
        kubectl(
            cluster.config(),
            &["apply", "--server-side", "--dry-run=server", manager, runner, "-f", "-"],
            &yaml,
        )
    };
    let own = "sandbind-abcdefghijklmnop";
    let allowed = secret("shop", own, "Opaque");
    assert_eq!(allowed.code, 0, "{allowed:?}");
    for (namespace, name, type_) in [
        ("shop", "app-credentials", "Opaque"),
        ("shop", "sandbind-tls", "Opaque"),
        ("shop", own, "example.org/other"),
        ("kube-system", own, "Opaque"),
        ("kube-public", own, "Opaque"),
    ] {
        let refused = secret(namespace, name, type_);
        assert!(
            refused.code != 0 && refused.stderr.contains("plugin runner may write"),
            "{namespace}/{name}: {refused:?}"
        );
    }
    for verb in ["get", "list", "watch"] {
        let asked = cluster.kubectl(&["auth", "can-i", verb, "secrets", "-n", "shop", runner]);
        assert_eq!(asked.stdout.trim(), "no", "{verb}");
    }
}

#[test]
fn of_plugins_the_runner_writes_copies_of_a_hubs_alone() {
    let cluster = cluster();
    let runner = "--as=system:serviceaccount:sandbind-system:sandbind-plugin-runner";
    let plugin = |name: &str, labels: &str| {
        format!(
            "{{apiVersion: sandbind.dev/v1alpha1, kind: ResourcePlugin, metadata: {{name: {name}, labels: {{{labels}}}}}, \
             spec: {{name: {name}, runner: {{image: i}}, create: [{{name: c, script: 'true'}}]}}}}"
        )
    };
    let mark = "sandbind.dev/hub: h";
    let create = |name: &str, labels: &str| {
        kubectl(cluster.config(), &["create", runner, "-f", "-"], &plugin(name, labels))
    };
    let patch = |name: &str, patch: &str| {
        cluster.kubectl(&["patch", "resourceplugin", name, runner, "--type=merge", "-p", patch])
    };
    let delete = |name: &str| cluster.kubectl(&["delete", "resourceplugin", name, runner]);
    // A policy takes hold a moment after it was made.
    let begin = std::time::Instant::now();
    while !create("forged", "a: b").stderr.contains("copies of a hub's") {
        assert!(begin.elapsed().as_secs() < 30);
        cluster.kubectl(&["delete", "resourceplugin", "forged"]);
    }
    cluster.apply(&plugin("own", "a: b"));
    assert_eq!(create("copied", mark).code, 0);
    for (name, ended, allowed) in [
        ("change one's own", patch("own", r#"{"spec":{"description":"x"}}"#), false),
        ("take over", patch("own", r#"{"metadata":{"labels":{"sandbind.dev/hub":"h"}}}"#), false),
        ("delete one's own", delete("own"), false),
        ("give away", patch("copied", r#"{"metadata":{"labels":{"sandbind.dev/hub":null}}}"#), false),
        ("change a copy", patch("copied", r#"{"spec":{"description":"x"}}"#), true),
        ("delete a copy", delete("copied"), true),
    ] {
        assert_eq!(ended.code == 0, allowed, "{name}: {ended:?}");
        assert!(allowed || ended.stderr.contains("copies of a hub's"), "{name}: {ended:?}");
    }
    cluster.kubectl(&["delete", "resourceplugin", "own"]);
}

#[test]
fn where_steps_run_the_runner_may_ask_by_dry_runs_of_creation_and_do_nothing_else() {
    let cluster = cluster();
    let runner = "--as=system:serviceaccount:sandbind-system:sandbind-plugin-runner";
    let send = |namespace: &str, kind: &str, name: &str, words: &[&str]| {
        let yaml = format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}}}");
        kubectl(cluster.config(), &[&["-n", namespace, runner, "-f", "-"], words].concat(), &yaml)
    };
    let (ask, create) = (["create", "--dry-run=server"], ["create"]);
    // A policy takes hold a moment after it was made.
    let begin = std::time::Instant::now();
    loop {
        let refused = send("shop", "Secret", "absent", &ask);
        if refused.stderr.contains("plugin runner may write") {
            break;
        }
        assert!(begin.elapsed().as_secs() < 30, "{refused:?}");
    }
    let value = "aHVzaA==";
    for (kind, data) in [
        ("Secret", "data: {password: aHVzaA==}"),
        ("ConfigMap", "data: {a: aHVzaA==}"),
        ("ServiceAccount", ""),
    ] {
        cluster.apply(&format!(
            "{{apiVersion: v1, kind: {kind}, metadata: {{name: asked-for, namespace: sandbind-steps}}, {data}}}"
        ));
        let absent = send("sandbind-steps", kind, "absent", &ask);
        assert_eq!(absent.code, 0, "{kind}: {absent:?}");
        let there = send("sandbind-steps", kind, "asked-for", &[&ask[..], &["-o", "yaml"]].concat());
        assert!(there.code != 0 && there.stderr.contains("AlreadyExists"), "{kind}: {there:?}");
        assert!(!there.stdout.contains(value) && !there.stderr.contains(value), "{kind}: {there:?}");

        let made = send("sandbind-steps", kind, "absent", &create);
        assert!(made.code != 0 && made.stderr.contains("plugin runner may write"), "{kind}: {made:?}");
        // A dry run of a change would show what is there.
        let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-o", "yaml"];
        let changed = send("sandbind-steps", kind, "asked-for", &apply);
        let because = if kind == "Secret" { "plugin runner may write" } else { "forbidden" };
        assert!(changed.code != 0 && changed.stderr.contains(because), "{kind}: {changed:?}");
        assert!(!changed.stdout.contains(value) && !changed.stderr.contains(value), "{kind}: {changed:?}");
        let replaced = send("sandbind-steps", kind, "asked-for", &["replace", "--dry-run=server"]);
        assert!(replaced.code != 0 && replaced.stderr.contains("forbidden"), "{kind}: {replaced:?}");
        // Nor may it ask elsewhere.
        for namespace in ["shop", "kube-system"] {
            let elsewhere = send(namespace, kind, "absent", &ask);
            let refused = ["forbidden", "plugin runner may write"].map(|why| elsewhere.stderr.contains(why));
            assert!(elsewhere.code != 0 && refused.contains(&true), "{kind}: {elsewhere:?}");
        }
        cluster.kubectl(&["-n", "sandbind-steps", "delete", kind, "asked-for"]);
    }
}

#[test]
fn what_a_plugin_lacks_is_warned_of_when_it_is_applied_and_shown_afterwards() {
    let cluster = cluster();
    let text = "name: needy\nspec:\n  runner:\n    image: i\n    podTemplateOverlay: 'spec: {serviceAccountName: maker}'\n  \
                create: [{name: c, script: 'true'}]\n  delete: [{name: d, script: 'true'}]\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let apply = || cluster.sandbind(&["plugin", "apply", "-f", file.path().to_str().unwrap()]);
    let silent = apply();
    assert!(
        silent.code == 0 && !silent.stderr.contains("ReferenceNotFound"),
        "nobody has looked: {silent:?}"
    );
    assert!(!cluster.sandbind(&["plugin", "get", "needy"]).stdout.contains("Lacking"));
    // As the runner would say it.
    let said = |generation: u32| {
        let status = format!(
            r#"{{"status":{{"observedGeneration":{generation},"conditions":[{{"type":"ResolvedRefs","status":"False","reason":"ReferenceNotFound","message":"ReferenceNotFound: spec.runner: no ServiceAccount `maker`","observedGeneration":{generation},"lastTransitionTime":"2027-01-01T00:00:00Z"}}]}}}}"#
        );
        let patched = cluster.kubectl(&[
            "patch",
            "resourceplugin",
            "needy",
            "--subresource",
            "status",
            "--type",
            "merge",
            "-p",
            &status,
        ]);
        assert_eq!(patched.code, 0, "{patched:?}");
    };
    said(1);
    let warned = apply();
    assert!(
        warned.code == 0
            && warned.stderr.contains("warning: ReferenceNotFound: spec.runner: no ServiceAccount `maker`"),
        "{warned:?}"
    );
    let shown = cluster.sandbind(&["plugin", "get", "needy"]).stdout;
    assert!(shown.contains("Lacking:     spec.runner: no ServiceAccount `maker`\n"), "{shown}");
    cluster.sandbind(&["plugin", "delete", "needy"]);
}

#[test]
fn a_labelled_pod_that_lost_its_sidecar_is_refused_unless_unmatched_pods_may_run() {
    let cluster = cluster();
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {sandbind.dev/sandbox: pr-1}}, \
               spec: {containers: [{name: a, image: a}]}}";
    let create = || kubectl(cluster.config(), &["create", "--dry-run=server", "-f", "-"], pod);
    // A policy takes hold a moment after it was made.
    let begin = std::time::Instant::now();
    let mut refused = create();
    while !refused.stderr.contains("SidecarLost") {
        assert!(begin.elapsed().as_secs() < 30, "{refused:?}");
        refused = create();
    }
    cluster.kubectl(&["annotate", "namespace", "shop", "sandbind.dev/unmatched=Allow"]);
    let allowed = create();
    cluster.kubectl(&["annotate", "namespace", "shop", "sandbind.dev/unmatched-"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
}

#[test]
fn waiting_ends_with_the_code_that_says_why() {
    let cluster = cluster();
    cluster.kubectl(&["-n", "shop", "delete", "sandbox", "--all"]);
    let wait = |more: &[&str]| {
        cluster.sandbind(&[&["-n", "shop", "sandbox", "wait", "pr-1", "--timeout", "1s"], more].concat()).code
    };
    assert_eq!(wait(&[]), 3);
    assert_eq!(wait(&["--for", "deleted"]), 0);
    let created = cluster.sandbind(&[
        "-n",
        "shop",
        "sandbox",
        "create",
        "pr-1",
        "--ttl",
        "2d",
        "--param",
        "db.seed=large",
    ]);
    assert_eq!(created.code, 0, "{created:?}");
    assert_eq!(cluster.sandbind(&["-n", "shop", "sandbox", "create", "pr-1"]).code, 1);
    let generation = r#""observedGeneration":9"#;
    let db = |phase: &str| {
        format!(
            r#"{{"phase":"{phase}",{generation},"resources":[{{"name":"db","phase":"{phase}","round":1}}]}}"#
        )
    };
    cluster.status("pr-1", &format!(r#"{{"phase":"Pending",{generation},"resources":[]}}"#));
    assert_eq!(wait(&["--allow-empty"]), 0);
    cluster.status("pr-1", &db("Failed"));
    assert_eq!(wait(&[]), 1);
    assert_eq!(wait(&["--through-failures"]), 3);
    cluster.status("pr-1", &db("Ready"));
    assert_eq!(wait(&[]), 0);
    assert_eq!(wait(&["--for", "deleted"]), 3);
    assert_eq!(
        cluster.sandbind(&["-n", "shop", "sandbox", "delete", "pr-1", "--wait", "--timeout", "20s"]).code,
        0
    );
    assert_eq!(cluster.sandbind(&["-n", "shop", "sandbox", "delete", "pr-1"]).code, 1);
}

#[test]
fn edit_in_the_namespace_is_enough_for_every_sandbox_command_and_for_no_status() {
    let cluster = cluster();
    let editor = "system:serviceaccount:shop:editor";
    cluster.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: editor, namespace: shop}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}, \
         subjects: [{kind: ServiceAccount, name: editor, namespace: shop}]}",
    );
    cluster.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: editor, namespace: shop}}");
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(cluster.config(), kubeconfig.path()).unwrap();
    let token = cluster.kubectl(&["-n", "shop", "create", "token", "editor"]).stdout;
    let path = kubeconfig.path().as_os_str();
    let user = kubectl(path, &["config", "set-credentials", "editor", "--token", token.trim()], "");
    assert_eq!(user.code, 0, "{user:?}");
    kubectl(path, &["config", "set-context", "--current", "--user=editor", "--namespace=shop"], "");
    let asked = kubectl(path, &["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], "");
    assert_eq!(asked.stdout, editor, "{asked:?}");
    for (arguments, code) in [
        (&["create", "pr-9", "--prepare", "db"][..], 0),
        (&["list"], 0),
        (&["get", "pr-9"], 0),
        (&["why", "pr-9"], 0),
        (&["retry", "pr-9"], 0),
        (&["hold", "pr-9", "2h"], 0),
        (&["wait", "pr-9", "--timeout", "1s"], 3),
    ] {
        let ended = sandbind_on(path, &[&["sandbox"], arguments].concat());
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
    }
    let generation = r#""observedGeneration":9"#;
    cluster.status("pr-9", &format!(r#"{{"phase":"Failed",{generation},"resources":[{{"name":"db","phase":"Failed","round":1,"step":"s","message":"exit 1: no room"}}]}}"#));
    let logs = sandbind_on(path, &["sandbox", "logs", "pr-9"]);
    assert_eq!(logs.code, 0, "{logs:?}");
    assert!(logs.stdout.contains("no room") && logs.stderr.contains("may not read"), "{logs:?}");
    let status = kubectl(
        path,
        &["patch", "sandbox", "pr-9", "--subresource", "status", "--type", "merge", "-p", "{\"status\":{}}"],
        "",
    );
    assert!(status.stderr.contains("forbidden"), "{status:?}");
    assert_eq!(sandbind_on(path, &["sandbox", "delete", "pr-9", "--wait", "--timeout", "20s"]).code, 0);
}

#[test]
fn plugins_are_published_once_and_drafts_may_change() {
    let cluster = cluster();
    cluster.kubectl(&["delete", "resourceplugins", "--all"]);
    let plugin = |name: &str, script: &str| {
        format!(
            "name: {name}\nspec:\n  runner: {{image: i}}\n  create: [{{name: c, script: '{script}'}}]\n  delete: [{{name: d, script: 'true'}}]\n"
        )
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let apply = |text: &str| {
        std::fs::write(&path, text).unwrap();
        cluster.sandbind(&["plugin", "apply", "-f", &path])
    };
    assert_eq!(apply(&plugin("pg@1.0.0", "one")).code, 0);
    let same = apply(&plugin("pg@1.0.0", "one"));
    assert!(same.code == 0 && same.stderr.contains("unchanged"), "{same:?}");
    let changed = apply(&plugin("pg@1.0.0", "two"));
    assert!(
        changed.code == 1 && changed.stderr.contains("Immutable") && changed.stderr.contains("spec.create"),
        "{changed:?}"
    );
    assert_eq!(apply(&plugin("pg@1.1.0", "two")).code, 0);
    assert_eq!(apply(&plugin("pg", "three")).code, 0);
    let draft = apply(&plugin("pg", "four"));
    assert!(draft.code == 0 && draft.stderr.contains("changed"), "{draft:?}");
    let versions = cluster.sandbind(&["plugin", "versions", "pg"]).stdout;
    let listed: Vec<&str> =
        versions.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, ["1.1.0", "1.0.0", "0.0.0"]);
    assert_eq!(cluster.sandbind(&["plugin", "delete", "pg"]).code, 2);
    assert_eq!(cluster.sandbind(&["plugin", "delete", "pg@1.0.0"]).code, 0);
    assert_eq!(cluster.sandbind(&["plugin", "delete", "pg", "--all-versions"]).code, 0);
    assert_eq!(cluster.sandbind(&["plugin", "get", "pg"]).code, 1);
}
