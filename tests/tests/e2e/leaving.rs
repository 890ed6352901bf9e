//! When nobody uses it any more: after linger, once, whatever arrives meanwhile.

use std::{thread, time::Instant};

use super::support::{
    Latch, Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    holds,
};

fn incarnation(shop: &Namespace, sandbox: &str) -> Option<String> {
    shop.instance(sandbox, "db").and_then(|record| record["spec"]["incarnation"].as_str().map(str::to_owned))
}

#[test]
fn a_pod_that_arrives_during_linger_keeps_the_resource() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 15s"));
    shop.create(&pod("one", "pr-1")).unwrap();
    shop.ready_pod("app=one", 120);
    let first = incarnation(&shop, "pr-1").unwrap();
    shop.kubectl(&["delete", "pod", "one"]);
    shop.create(&pod("two", "pr-1")).unwrap();
    shop.ready_pod("app=two", 120);
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

/// Waits until the delete step of the sandbox's resource runs.
fn is_being_deleted(shop: &Namespace, sandbox: &str) {
    eventually("the delete step runs", 90, || {
        let record = shop.instance(sandbox, "db").ok_or("gone already")?;
        let steps = record["status"]["steps"].as_array().unwrap();
        let claimed = steps.iter().any(|step| step["work"] == "delete" && !step["claim"].is_null());
        if claimed { Ok(()) } else { Err(record["status"].to_string()) }
    });
}

#[test]
fn a_pod_that_arrives_during_deleting_gets_the_next_incarnation_within_its_create_call() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let latch = Latch::new();
    let plugin = Plugin::new("", &latch.wait());
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("one", "pr-1")).unwrap();
    shop.ready_pod("app=one", 120);
    let first = shop.instance("pr-1", "db").unwrap();
    shop.kubectl(&["delete", "pod", "one"]);
    is_being_deleted(&shop, "pr-1");
    let begin = Instant::now();
    thread::scope(|scope| {
        let arriving = scope.spawn(|| shop.create(&pod("two", "pr-1")));
        holds("the call waits for the old life to end", 2, || {
            if arriving.is_finished() { Err("answered") } else { Ok(()) }
        });
        latch.open();
        arriving.join().unwrap().unwrap();
    });
    println!("admitted to the next incarnation after {:.1} s", begin.elapsed().as_secs_f32());
    assert!(begin.elapsed().as_secs() < 13, "{:?}", begin.elapsed());
    shop.ready_pod("app=two", 120);
    assert_ne!(incarnation(&shop, "pr-1"), first["spec"]["incarnation"].as_str().map(str::to_owned));
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
    shop.kubectl(&["delete", "pod", "two"]);
    shop.nothing_left(120);
    shop.no_trace_of(first["metadata"]["name"].as_str().unwrap(), 30);
    assert!(ledger.alive(&plugin.name).is_empty());
}

#[test]
fn a_delete_beyond_the_budget_denies_with_what_is_being_deleted_and_the_controller_comes_back() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let latch = Latch::new();
    let plugin = Plugin::new("", &latch.wait());
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 120);
    let first = incarnation(&shop, "pr-1").unwrap();
    shop.kubectl(&["scale", "deployment/web", "--replicas=0"]);
    is_being_deleted(&shop, "pr-1");

    let denied_after = |name: &str| {
        let begin = Instant::now();
        let denied = shop.create(&pod(name, "pr-1")).unwrap_err();
        for part in
            ["StillDeleting", "`db` is still being deleted", "step unmake, attempt 1", "sandbox why pr-1"]
        {
            assert!(denied.contains(part), "no `{part}` in: {denied}");
        }
        begin.elapsed().as_secs_f32()
    };
    let (first_wait, second_wait) = (denied_after("early"), denied_after("late"));
    println!("denied after {first_wait:.1} s, the next one after {second_wait:.1} s");
    assert!((8.0..14.0).contains(&first_wait), "{first_wait}");
    assert!(second_wait < 5.0, "{second_wait}");

    shop.kubectl(&["scale", "deployment/web", "--replicas=1"]);
    eventually("the controller was denied too", 30, || {
        let conditions = shop.json(&["deployment", "web"])["status"]["conditions"].to_string();
        if conditions.contains("StillDeleting") { Ok(()) } else { Err(conditions) }
    });
    latch.open();
    shop.ready_pod("app=web", 120);
    assert_ne!(incarnation(&shop, "pr-1").unwrap(), first);
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), 2);
}
