//! A hub and two clusters, each a real API server, and a plugin runner for each cluster as a process with the rights of an installation.
//!
//! It needs `SANDBIND_TEST_CONTROL_PLANES`: the state folders of three control planes of `tests/testbed`, as `cargo xtask test` starts
//! them, and `sandbind` and `kubectl` on PATH.

#![allow(clippy::allow_attributes, reason = "which of these fire depends on clippy.toml")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod bed;
mod page;
mod runner;

use serde_json::json;

use bed::Bed;
use page::Page;

/// A plugin with one script, and a way to say more of its runner.
fn plugin(identity: &str, script: &str, runner: &str) -> String {
    format!(
        "name: {identity}\nspec:\n  runner:\n    image: localhost/none\n{runner}  create: [{{name: make, script: '{script}'}}]\n  \
         delete: [{{name: drop, script: '{script}'}}]\n"
    )
}

/// A sandbox with a resource of files@1.0.0, in the namespace `shop`, before any pod comes.
fn prepare(bed: &Bed, cluster: &str, sandbox: &str) {
    bed.apply(
        cluster,
        &json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "Sandbox", "metadata": {"name": sandbox, "namespace": "shop"},
            "spec": {"prepare": ["db"]}}),
    );
}

#[test]
fn plugins_are_published_once_used_in_both_clusters_and_kept_when_the_hub_is_gone() {
    let bed = Bed::new();
    let mut page = Page::open("docs/hub.md", &bed);
    bed.install("east");
    bed.install("west");
    let runners = [runner::start(&bed, "east"), runner::start(&bed, "west")];

    // From an empty API server to a version in both clusters, as the page says.
    page.read_to("sandbind hub leave");

    lacking(&bed);
    drafts(&bed);
    in_use(&bed);
    // An API server that starts, and one that was left, refuses much: from here on only the clusters' own do not.
    for runner in &runners {
        runner.was_refused_nothing("system:serviceaccount:");
    }
    without_hub(&bed, &runners[0]);
    own_wins(&bed);
    withdrawn(&bed);
    leave(&bed, &mut page);
    for runner in &runners {
        runner.was_refused_nothing("system:serviceaccount:sandbind-system:");
    }
}

/// What a plugin lacks in a cluster is told on the hub before anybody uses it.
fn lacking(bed: &Bed) {
    let overlay = "    podTemplateOverlay: 'spec: {volumes: [{name: v, secret: {secretName: admin}}]}'\n";
    bed.publish("hub", &plugin("needy@1.0.0", "true", overlay));
    bed.eventually(
        "both clusters say what they lack",
        &["plugin", "get", "needy@1.0.0", "--context", "hub"],
        |shown| {
            shown.matches("ReferenceNotFound: ").count() == 2
                && shown.contains("namespace `sandbind-steps` has no Secret `admin`")
        },
    );
}

/// The copy of a draft follows it.
fn drafts(bed: &Bed) {
    for script in ["echo one", "echo two"] {
        bed.publish("hub", &plugin("draft", script, ""));
        for cluster in ["east", "west"] {
            let follows = || bed.has(cluster, "draft") && bed.script(cluster, "draft").contains(script);
            bed.until(&format!("the draft in {cluster} says {script}"), follows);
        }
    }
}

/// A version in use anywhere says by whom, and is not deleted.
fn in_use(bed: &Bed) {
    bed.apply(
        "east",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"sandbind.dev/enabled": "true"}}}),
    );
    bed.apply(
        "east",
        &json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {"resources": [{"name": "db", "plugin": "files@1.0.0"}]}}),
    );
    prepare(bed, "east", "pr-1");
    bed.eventually(
        "the hub knows the user",
        &["plugin", "get", "files@1.0.0", "--context", "hub"],
        |shown| {
            shown
                .lines()
                .any(|line| line.starts_with("east ") && line.contains("yes     1           shop/pr-1"))
        },
    );
    let refused = bed.sandbind(&["plugin", "delete", "files@1.0.0", "--context", "hub"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let expected = "InUse: it is in use by cluster east: 1 resource, of shop/pr-1";
    assert!(refused.stderr.contains(expected), "{refused:?}");
    assert!(bed.has("hub", "files-1.0.0"));
}

/// The clusters work on; when the hub is back, what is new arrives.
fn without_hub(bed: &Bed, east: &runner::Runner) {
    bed.stop_hub();
    east.tells("sandbind_hub_reachable 0");
    for cluster in ["east", "west"] {
        let listed = bed.sandbind(&["plugin", "list", "--context", cluster]);
        assert!(listed.code == 0 && listed.stdout.contains("files   1.0.0     hub    True"), "{listed:?}");
    }
    prepare(bed, "east", "pr-2");
    bed.eventually(
        "a resource is made without the hub",
        &["orphans", "list", "--all", "--context", "east"],
        |shown| shown.lines().any(|line| line.contains("pr-2") && line.contains("files@1.0.0")),
    );
    let refused = bed.sandbind(&["plugin", "delete", "files@1.0.0", "--context", "east", "--force"]);
    assert!(refused.code == 1 && refused.stderr.contains("PluginOfHub"), "{refused:?}");
    let status = bed.sandbind(&["hub", "status", "--context", "east"]);
    assert!(status.code == 0 && status.stdout.contains("Reachable:   not from here"), "{status:?}");

    bed.start_hub();
    bed.publish("hub", &plugin("fresh@1.0.0", "true", ""));
    for cluster in ["east", "west"] {
        bed.until(&format!("{cluster} has what was published afterwards"), || {
            bed.has(cluster, "fresh-1.0.0")
        });
    }
    east.tells("sandbind_hub_reachable 1");
}

/// A cluster's own plugin of the same name and version is not touched, and the hub says so.
fn own_wins(bed: &Bed) {
    bed.publish("west", &plugin("own@1.0.0", "echo west", ""));
    bed.publish("hub", &plugin("own@1.0.0", "echo hub", ""));
    bed.eventually(
        "east has a copy, west its own",
        &["plugin", "get", "own@1.0.0", "--context", "hub"],
        |shown| {
            let line = |cluster: &str| {
                shown.lines().find(|line| line.starts_with(cluster)).unwrap_or_default().to_owned()
            };
            line("east ").contains(" yes ") && line("west ").contains("OwnPlugin")
        },
    );
    assert!(bed.script("east", "own-1.0.0").contains("echo hub"));
    assert!(bed.script("west", "own-1.0.0").contains("echo west"));
}

/// What the hub no longer has goes where it is unused, and where it is used as soon as it is not.
fn withdrawn(bed: &Bed) {
    let deleted = bed.sandbind(&["plugin", "delete", "files@1.0.0", "--context", "hub", "--force"]);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    bed.until("west has dropped its copy", || !bed.has("west", "files-1.0.0"));
    bed.eventually(
        "the hub still knows the users",
        &["hub", "clusters", "--context", "hub", "-o", "json"],
        |shown| shown.contains("\"Withdrawn\"") && shown.contains("shop/pr-2"),
    );
    assert!(bed.has("east", "files-1.0.0"), "it is in use");
    bed.kubectl("east", &["-n", "shop", "delete", "resourcebinding", "orders"]);
    bed.kubectl("east", &["-n", "shop", "delete", "sandboxes", "--all", "--wait=false"]);
    for record in bed.records("east") {
        // It may have gone by itself: no step of it has run.
        bed.sandbind(&["orphans", "forget", &record, "--reason", "no node ran it", "--context", "east"]);
    }
    bed.until("nothing lives in east", || bed.records("east").is_empty());
    bed.until("east has dropped its copy", || !bed.has("east", "files-1.0.0"));
}

/// A cluster that has left gets nothing any more, and keeps what is its own; it may join again.
fn leave(bed: &Bed, page: &mut Page<'_>) {
    page.read_to("the end of the page");
    let copies = bed.sandbind(&["plugin", "list", "--context", "west"]);
    assert!(
        copies.code == 0 && copies.stdout.contains("own ") && !copies.stdout.contains("fresh"),
        "{copies:?}"
    );
    let members = bed.sandbind(&["hub", "clusters", "--context", "hub"]);
    assert!(members.stdout.contains("east") && !members.stdout.contains("west"), "{members:?}");
    bed.publish("hub", &plugin("late@1.0.0", "true", ""));
    bed.until("east has what was published afterwards", || bed.has("east", "late-1.0.0"));
    assert!(!bed.has("west", "late-1.0.0") && !bed.has("west", "fresh-1.0.0"));
    let status = bed.sandbind(&["hub", "status", "--context", "west"]);
    assert!(status.code == 1 && status.stderr.contains("NoHub"), "{status:?}");

    // The runner has lived all the time.
    let joined = bed.sandbind(&["hub", "join", "west", "--context", "west", "--hub-context", "hub"]);
    assert_eq!(joined.code, 0, "{joined:?}");
    bed.until("west has it too after it has joined again", || bed.has("west", "late-1.0.0"));
    assert!(bed.script("west", "own-1.0.0").contains("echo west"));
}
