//! Namespaces that go away, and namespaces with rules of their own.

use serde_json::json;

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    kubectl,
};

#[test]
fn a_namespace_deleted_with_live_pods_goes_and_its_resources_are_deleted() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 60);
    let uid = shop.instance("pr-1", "db").unwrap()["spec"]["incarnation"].clone();
    kubectl(&["delete", "namespace", &shop.name, "--timeout=90s"]);
    eventually("the record is gone", 90, || {
        if shop.instances().is_empty() { Ok(()) } else { Err(shop.seen("still there")) }
    });
    assert!(ledger.alive(&plugin.name).is_empty());
    // Made again under the same name: another life.
    Namespace::named(&shop.name, "sandbind.dev/enabled: \"true\"", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 60);
    assert_ne!(shop.instance("pr-1", "db").unwrap()["spec"]["incarnation"], uid);
    shop.kubectl(&["delete", "pod", "a"]);
    shop.nothing_left(90);
}

const RESTRICTED: &str = r#"apiVersion: v1
kind: Pod
metadata: {name: strict, labels: {app: strict, sandbind.dev/sandbox: "pr-1"}}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: app
    image: localhost/test:1
    command: [sh, -c, "trap exit TERM; sleep 3600 & wait"]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 100m, memory: 32Mi}}
"#;

/// Refuses a pod with a container that names no requests or no limits.
const QUOTA: &str = r#"apiVersion: v1
kind: ResourceQuota
metadata: {name: all}
spec: {hard: {requests.cpu: "2", requests.memory: 1Gi, limits.cpu: "2", limits.memory: 1Gi}}
"#;

/// More than the sidecar asks for by itself.
const LEAST: &str = "apiVersion: v1
kind: LimitRange
metadata: {name: least}
spec: {limits: [{type: Container, min: {cpu: 50m, memory: 64Mi}}]}
";

#[test]
fn restricted_and_limited_namespaces_accept_the_injected_pod() {
    Ledger::get();
    let plugin = Plugin::new("", "");
    let strict =
        Namespace::with("sandbind.dev/enabled: \"true\", pod-security.kubernetes.io/enforce: restricted", "");
    let metered = Namespace::new();
    metered.apply(QUOTA);
    let ranged = Namespace::new();
    ranged.apply(LEAST);
    // A quota refuses everything until it has been counted once.
    eventually("the quota is counted", 30, || {
        let quota = metered.json(&["resourcequota", "all"]);
        if quota["status"]["hard"].is_object() { Ok(()) } else { Err(quota.to_string()) }
    });
    let larger =
        RESTRICTED.replace("cpu: 10m, memory: 16Mi", "cpu: 50m, memory: 64Mi").replace("32Mi", "64Mi");
    let all = [(&strict, RESTRICTED), (&metered, RESTRICTED), (&ranged, larger.as_str())];
    for (shop, yaml) in all {
        shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
        shop.create(yaml).unwrap();
    }
    for (shop, _) in all {
        shop.ready_pod("app=strict", 60);
    }
    let sidecar = |shop: &Namespace| {
        let pod = shop.json(&["pod", "strict"]);
        let init = pod["spec"]["initContainers"].as_array().unwrap();
        init.iter().find(|one| one["name"] == "sandbind-binder").unwrap()["resources"].clone()
    };
    let own = sidecar(&metered);
    assert_eq!(own["requests"], json!({"cpu": "5m", "memory": "12Mi"}), "{own}");
    let raised = sidecar(&ranged);
    assert_eq!(raised["requests"], json!({"cpu": "50m", "memory": "64Mi"}), "as much as the least: {raised}");
    assert_eq!(raised["limits"], json!({"cpu": "100m", "memory": "64Mi"}), "no less than that: {raised}");
    for (shop, _) in all {
        shop.kubectl(&["delete", "pod", "strict", "--grace-period=1", "--wait=false"]);
    }
    for (shop, _) in all {
        shop.nothing_left(90);
    }
}

#[test]
fn a_pod_refused_by_quota_after_provisioning_leaves_nothing() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: \"0\"}}\n");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let refused = shop.create(&pod("a", "pr-1")).unwrap_err();
    assert!(refused.contains("quota"), "{refused}");
    eventually("it was made all the same", 30, || match ledger.count(&plugin.name, "create") {
        1 => Ok(()),
        other => Err(format!("{other} creates")),
    });
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}
