//! When nobody uses it any more: after linger, once, whatever arrives meanwhile.

use super::support::{
    Ledger, Namespace, calm, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    holds,
};

fn incarnation(shop: &Namespace, sandbox: &str) -> Option<String> {
    shop.instance(sandbox, "db").and_then(|record| record["spec"]["incarnation"].as_str().map(str::to_owned))
}

#[test]
fn a_pod_that_arrives_during_linger_keeps_the_resource() {
    let _calm = calm();
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 15s"));
    shop.create(&pod("one", "pr-1")).unwrap();
    shop.ready_pod("app=one", 60);
    let first = incarnation(&shop, "pr-1").unwrap();
    shop.kubectl(&["delete", "pod", "one"]);
    shop.create(&pod("two", "pr-1")).unwrap();
    shop.ready_pod("app=two", 60);
    holds("the resource stays", 20, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        if record["status"]["phase"] == "Ready" { Ok(()) } else { Err("not Ready") }
    });
    assert_eq!(incarnation(&shop, "pr-1"), Some(first));
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["delete", "pod", "two"]);
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}

#[test]
fn a_deployment_that_comes_back_during_deleting_gets_the_next_incarnation() {
    let _calm = calm();
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "sleep 14");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 60);
    let first = incarnation(&shop, "pr-1").unwrap();
    shop.kubectl(&["scale", "deployment/web", "--replicas=0"]);
    eventually("Deleting", 90, || {
        let record = shop.instance("pr-1", "db").ok_or("gone already")?;
        if record["status"]["phase"] == "Deleting" {
            Ok(())
        } else {
            Err(record["status"]["phase"].to_string())
        }
    });
    shop.kubectl(&["scale", "deployment/web", "--replicas=1"]);
    shop.ready_pod("app=web", 120);
    assert_ne!(incarnation(&shop, "pr-1").unwrap(), first);
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), 2);
}
