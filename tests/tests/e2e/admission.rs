//! The admission call itself: nothing on a dry run, once per pod, nothing twice, no API token in the sidecar.

use super::support::{
    Ledger, Namespace, calm, eventually,
    fixtures::{Plugin, binding, pod},
    kubectl, try_kubectl,
};

fn sidecars(pod: &serde_json::Value) -> Vec<&serde_json::Value> {
    let containers = pod["spec"]["initContainers"].as_array();
    containers.into_iter().flatten().filter(|container| container["name"] == "sandbind-binder").collect()
}

#[test]
fn a_server_side_dry_run_shows_the_injected_pod_and_makes_nothing() {
    let _calm = calm();
    Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let file = std::env::temp_dir().join(format!("{}-dry.yaml", shop.name));
    std::fs::write(&file, pod("a", "pr-1")).unwrap();
    let shown = shop.kubectl(&["create", "-f", file.to_str().unwrap(), "--dry-run=server", "-o", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(sidecars(&shown).len(), 1);
    // `kubectl diff` ends with 1 when there is a difference.
    let _ = try_kubectl(&["-n", &shop.name, "diff", "-f", file.to_str().unwrap()]);
    assert!(shop.instances().is_empty());
    let sandboxes = shop.json(&["sandboxes"]);
    assert!(sandboxes["items"].as_array().is_none_or(Vec::is_empty), "{sandboxes}");
}

#[test]
fn a_copied_pod_is_injected_anew_and_the_sidecar_holds_no_api_token() {
    let _calm = calm();
    Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 60);
    let original = shop.json(&["pod", "a"]);
    let bindings = |pod: &serde_json::Value| -> serde_json::Value {
        let env = sidecars(pod)[0]["env"].as_array().unwrap().clone();
        let text = env.iter().find(|env| env["name"] == "SANDBIND_BINDINGS").unwrap()["value"]
            .as_str()
            .unwrap()
            .to_owned();
        serde_json::from_str(&text).unwrap()
    };
    let mounts: Vec<&str> = sidecars(&original)[0]["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["name"].as_str().unwrap())
        .collect();
    assert!(mounts.iter().all(|name| !name.starts_with("kube-api-access")), "{mounts:?}");
    // As `kubectl get -o json | kubectl create -f -` under another name; `kubectl debug --copy-to` drops the labels.
    let mut copy = original.clone();
    copy["metadata"] = serde_json::json!({"name": "b", "labels": original["metadata"]["labels"]});
    copy["status"] = serde_json::Value::Null;
    copy["spec"]["nodeName"] = serde_json::Value::Null;
    shop.create(&copy.to_string()).unwrap();
    let copy = eventually("the copy runs", 60, || {
        let copy = shop.json(&["pod", "b"]);
        if copy["status"]["phase"] == "Running" { Ok(copy) } else { Err(copy["status"].to_string()) }
    });
    assert_eq!(sidecars(&copy).len(), 1);
    let (one, two) = (bindings(&original), bindings(&copy));
    assert_eq!(one["resources"][0]["incarnation"], two["resources"][0]["incarnation"]);
    assert_ne!(one["resources"][0]["reservation"], two["resources"][0]["reservation"]);
    shop.kubectl(&["delete", "pod", "a", "b", "--grace-period=1"]);
    shop.nothing_left(90);
}

#[test]
fn an_unlabelled_pod_is_untouched() {
    let _calm = calm();
    let shop = Namespace::new();
    let plain = pod("plain", "x").replace(", sandbind.dev/sandbox: \"x\"", "");
    shop.create(&plain).unwrap();
    let made = shop.json(&["pod", "plain"]);
    assert!(made["spec"]["initContainers"].is_null());
    shop.kubectl(&["delete", "pod", "plain", "--grace-period=1"]);
    kubectl(&["get", "mutatingwebhookconfiguration", "sandbind"]);
}
