//! The shapes of workloads: Jobs complete, StatefulSet pods are replaced, Recreate keeps its resource.

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment},
    kubectl,
};

#[test]
fn a_job_completes_with_the_sidecar() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(
        r#"apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    metadata: {labels: {app: once, sandbind.dev/sandbox: "pr-1"}}
    spec:
      restartPolicy: Never
      containers: [{name: app, image: "localhost/test:1", command: [sh, -c, "test -n \"$DB_URL\""]}]
"#,
    );
    kubectl(&["-n", &shop.name, "wait", "--for=condition=complete", "job/once", "--timeout=60s"]);
    shop.nothing_left(90);
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
}

#[test]
fn a_stateful_sets_pod_replaced_under_its_name_keeps_the_resource() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 5s"));
    let set = deployment("web", "pr-1", 1)
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace("  replicas:", "  serviceName: web\n  replicas:");
    shop.apply(&set);
    shop.ready_pod("app=web", 120);
    let uid = shop.json(&["pod", "web-0"])["metadata"]["uid"].clone();
    shop.kubectl(&["delete", "pod", "web-0"]);
    eventually("another pod under the same name", 60, || {
        let pod = shop.json(&["pod", "web-0"]);
        let other = pod["metadata"]["uid"] != uid && super::support::namespace::is_ready(&pod);
        if other { Ok(()) } else { Err(pod["status"].to_string()) }
    });
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["delete", "statefulset", "web"]);
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}

#[test]
fn a_recreate_rollout_keeps_its_resource() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let recreate =
        deployment("web", "pr-1", 1).replace("  replicas:", "  strategy: {type: Recreate}\n  replicas:");
    shop.apply(&recreate);
    shop.ready_pod("app=web", 120);
    shop.kubectl(&["rollout", "restart", "deployment/web"]);
    kubectl(&["-n", &shop.name, "rollout", "status", "deployment/web", "--timeout=60s"]);
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(120);
}
