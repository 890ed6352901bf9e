//! The admission call itself: nothing on a dry run, copies get a life of their own, no API token in the sidecar.

mod calls;

use std::collections::BTreeSet;

use super::support::{
    Latch, Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, pod},
    holds,
    kubectl::kubectl_with,
};

fn sidecars(pod: &serde_json::Value) -> Vec<&serde_json::Value> {
    let containers = pod["spec"]["initContainers"].as_array();
    containers.into_iter().flatten().filter(|container| container["name"] == "sandbind-binder").collect()
}

#[test]
fn a_server_side_dry_run_shows_the_injected_pod_and_makes_nothing() {
    Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let file = std::env::temp_dir().join(format!("{}-dry.yaml", shop.name));
    std::fs::write(&file, pod("a", "pr-1")).unwrap();
    let shown = shop.kubectl(&["create", "-f", file.to_str().unwrap(), "--dry-run=server", "-o", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(sidecars(&shown).len(), 1);
    assert!(shop.instances().is_empty());
    let sandboxes = shop.json(&["sandboxes"]);
    assert!(sandboxes["items"].as_array().is_none_or(Vec::is_empty), "{sandboxes}");
}

/// What the pod's sidecar was told of the first resource.
fn told(pod: &serde_json::Value) -> serde_json::Value {
    let env = sidecars(pod)[0]["env"].as_array().unwrap();
    let bindings = env.iter().find(|env| env["name"] == "SANDBIND_BINDINGS").unwrap();
    let bindings: serde_json::Value = serde_json::from_str(bindings["value"].as_str().unwrap()).unwrap();
    bindings["resources"][0].clone()
}

/// For whom the tokens are good that the pod's sidecar finds in its volumes, one after the other.
fn audiences(pod: &serde_json::Value) -> Vec<Option<&str>> {
    let mounts = sidecars(pod)[0]["volumeMounts"].as_array().into_iter().flatten();
    let mounted: Vec<&serde_json::Value> = mounts.map(|mount| &mount["name"]).collect();
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let sources = volumes
        .filter(|volume| mounted.contains(&&volume["name"]))
        .flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten());
    let tokens = sources.map(|source| &source["serviceAccountToken"]).filter(|token| token.is_object());
    tokens.map(|token| token["audience"].as_str()).collect()
}

#[test]
fn a_copied_pod_is_injected_anew_and_the_sidecar_holds_no_api_token() {
    Ledger::get();
    // The copies come while the original's hold is open, which ends when its pod is seen with what is ready.
    let making = Latch::new();
    let plugin = Plugin::new(&making.wait(), "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("a", "pr-1")).unwrap();
    let original = shop.json(&["pod", "a"]);
    // As `kubectl get -o json | kubectl create -f -` under another name, sidecar and all.
    let mut copy = original.clone();
    copy["metadata"] = serde_json::json!({"name": "b", "labels": original["metadata"]["labels"]});
    copy["status"] = serde_json::Value::Null;
    copy["spec"]["nodeName"] = serde_json::Value::Null;
    shop.create(&copy.to_string()).unwrap();
    // As people look into a pod. The profile `legacy`, for long kubectl's default, drops the labels whatever it is told.
    let command = ["--", "sh", "-c", "trap exit TERM; sleep 3600 & wait"];
    let debug = ["debug", "a", "--copy-to=c", "--keep-labels", "--profile=baseline", "--container=app"];
    shop.kubectl(&[&debug[..], &["--image=localhost/test:1"], &command].concat());
    let copies = [shop.json(&["pod", "b"]), shop.json(&["pod", "c"])];
    let mut holds = BTreeSet::new();
    for one in [&original, &copies[0], &copies[1]] {
        assert_eq!(sidecars(one).len(), 1, "{one}");
        let resource = told(one);
        assert_eq!(resource["incarnation"], told(&original)["incarnation"]);
        assert!(holds.insert(resource["reservation"].to_string()), "a hold of its own: {holds:?}");
        assert_eq!(audiences(one), [Some("sandbind.dev/runner")], "no token that the API would take");
    }
    making.open();
    for name in ["a", "b", "c"] {
        eventually("all run", 60, || {
            let status = shop.json(&["pod", name])["status"].clone();
            if status["phase"] == "Running" { Ok(()) } else { Err(status.to_string()) }
        });
    }
    shop.kubectl(&["delete", "pod", "a", "b", "c", "--grace-period=1"]);
    shop.nothing_left(90);
}

/// What an admission could have changed.
fn traces(shop: &Namespace) -> String {
    let names = |kind: &str| -> Vec<String> {
        let items = shop.json(&[kind])["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["metadata"]["name"].to_string()).collect()
    };
    let records: Vec<String> = shop
        .instances()
        .iter()
        .map(|record| {
            let status = &record["status"];
            let holds = status["reservations"].as_array().map_or(0, Vec::len);
            format!("{} {} {} holds, {}", record["metadata"]["uid"], status["phase"], holds, status["wanted"])
        })
        .collect();
    format!("{records:?} {:?} {:?} {:?}", names("sandboxes"), names("secrets"), names("pods"))
}

#[test]
fn kubectl_diff_shows_what_would_be_injected_and_changes_nothing() {
    Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    // Ends with 1 when there is a difference.
    let diff = |yaml: &str| kubectl_with(&["-n", &shop.name, "diff", "-f", "-"], yaml);
    let before = traces(&shop);
    let shown = diff(&pod("a", "pr-1"));
    assert_eq!(shown.code, 1, "{shown:?}");
    for line in ["name: sandbind-binder", "- name: DB_URL", "sandbind.dev/injected"] {
        let added = |one: &str| one.starts_with('+') && one.contains(line);
        assert!(shown.stdout.lines().any(added), "no `{line}` added in {}", shown.stdout);
    }
    holds("nothing was made", 3, || {
        let now = traces(&shop);
        if now == before { Ok(()) } else { Err(now) }
    });

    // The same of a sandbox whose resource is there: no further hold on it.
    shop.apply(&pod("a", "pr-1"));
    shop.ready_pod("app=a", 120);
    let before = eventually("the pod was seen", 60, || {
        let now = traces(&shop);
        if now.contains(" 0 holds") { Ok(now) } else { Err(now) }
    });
    let same = diff(&pod("a", "pr-1"));
    assert_eq!((same.code, &*same.stdout), (0, ""), "what was injected is no difference: {same:?}");
    assert_eq!(diff(&pod("b", "pr-1")).code, 1);
    holds("nothing has changed", 3, || {
        let now = traces(&shop);
        if now == before { Ok(()) } else { Err(now) }
    });
    shop.kubectl(&["delete", "pod", "a", "--grace-period=1"]);
    shop.nothing_left(90);
}
