//! Pods that go without a trace, and what a person says of what they held.

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    holds, json, sandbind,
};

/// What the ledger of given-up resources says of an incarnation.
fn given_up(incarnation: &str) -> Option<serde_json::Value> {
    let ledger = json(&["-n", "sandbind-system", "configmap", "sandbind-ledger"]);
    let entries = ledger["data"]["entries.jsonl"].as_str().unwrap_or_default().to_owned();
    let entries = entries.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    entries.into_iter().find(|entry| entry["incarnation"] == incarnation)
}

/// Neither is known to have ended: their nodes are there, and their processes may run on.
#[test]
fn pods_that_vanish_keep_their_resource_until_a_person_gives_it_up() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("unlabelled", "pr-1")).unwrap();
    shop.create(&pod("forced", "pr-2")).unwrap();
    shop.ready_pod("app=unlabelled", 60);
    shop.ready_pod("app=forced", 60);
    // Out of every cache's sight; its sidecar is known all the same when it says goodbye.
    shop.kubectl(&["label", "pod", "unlabelled", "sandbind.dev/sandbox-"]);
    shop.kubectl(&["delete", "pod", "unlabelled"]);
    shop.kubectl(&["delete", "pod", "forced", "--grace-period=0", "--force"]);
    holds("both resources stay", 8, || {
        let phases: Vec<_> = shop.instances().iter().map(|one| one["status"]["phase"].clone()).collect();
        if phases == ["Ready", "Ready"] { Ok(()) } else { Err(format!("{phases:?}")) }
    });
    for sandbox in ["pr-1", "pr-2"] {
        let record = shop.instance(sandbox, "db").unwrap();
        let (name, incarnation) = (&record["metadata"]["name"], &record["spec"]["incarnation"]);
        let name = name.as_str().unwrap();
        let forgotten = sandbind(&["orphans", "forget", name, "--reason", "looked at the node"]);
        assert_eq!(forgotten.code, 0, "{forgotten:?}");
        eventually("the record is gone", 60, || match shop.instance(sandbox, "db") {
            None => Ok(()),
            Some(record) => Err(record["status"].to_string()),
        });
        let entry = given_up(incarnation.as_str().unwrap()).expect("it stands in the ledger");
        assert_eq!(entry["reason"], "looked at the node", "{entry}");
        assert_eq!(entry["sandbox"], sandbox, "{entry}");
    }
    assert_eq!(ledger.count(&plugin.name, "delete"), 0, "what was given up is left to the person");
}

#[test]
fn a_replica_set_of_its_own_keeps_its_resource_until_it_wants_no_pods() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1).replace("kind: Deployment", "kind: ReplicaSet"));
    let first = shop.ready_pod("app=web", 60);
    shop.kubectl(&["delete", "pod", &first]);
    let second = shop.ready_pod("app=web", 60);
    assert_ne!(first, second);
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["scale", "replicaset/web", "--replicas=0"]);
    shop.nothing_left(90);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}
