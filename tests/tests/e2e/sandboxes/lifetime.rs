//! How long a sandbox lives: until deleted, as long as it is used, for a time.

use jiff::Timestamp;

use super::super::support::{
    Ledger, Namespace, audit, eventually,
    fixtures::{Plugin, binding, pod},
    holds, sandbind,
};

#[test]
fn an_explicit_sandbox_outlives_its_pods_and_one_while_used_goes_with_them() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    for (sandbox, lifetime) in [("stays", "Explicit"), ("goes", "WhileUsed")] {
        let created = sandbind(&["sandbox", "create", sandbox, "--lifetime", lifetime, "-n", &shop.name]);
        assert_eq!(created.code, 0, "{created:?}");
        shop.create(&pod(sandbox, sandbox)).unwrap();
    }
    for sandbox in ["stays", "goes"] {
        shop.ready_pod(&format!("app={sandbox}"), 120);
    }
    shop.kubectl(&["delete", "pod", "stays", "goes", "--grace-period=1"]);
    eventually("the sandbox WhileUsed is gone", 90, || {
        let sandbox = shop.json(&["sandbox", "goes"]);
        if sandbox.is_null() && shop.instance("goes", "db").is_none() {
            Ok(())
        } else {
            Err(shop.seen("still there"))
        }
    });
    holds("the Explicit one keeps its resource, long after linger", 5, || {
        let record = shop.instance("stays", "db").ok_or("no record")?;
        if record["status"]["phase"] == "Ready" { Ok(()) } else { Err("not Ready") }
    });
    // The next pod of it finds the same resource.
    shop.create(&pod("stays", "stays")).unwrap();
    shop.ready_pod("app=stays", 120);
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
    shop.kubectl(&["delete", "pod", "stays", "--grace-period=1"]);
    let deleted = sandbind(&["sandbox", "delete", "stays", "--wait", "--timeout", "90s", "-n", &shop.name]);
    assert_eq!(deleted.code, 0, "{deleted:?}\n{}", shop.picture());
    shop.nothing_left(10);
    assert_eq!(ledger.count(&plugin.name, "delete"), 2);
}

#[test]
fn a_ttl_ends_the_sandbox() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply("apiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {name: pr-1}\nspec: {ttl: {duration: 60s}, prepare: [db]}\n");
    let sandbox = shop.json(&["sandbox", "pr-1"]);
    let created: Timestamp = sandbox["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap();
    let ready =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "ready", "--timeout", "60s", "-n", &shop.name]);
    assert_eq!(ready.code, 0, "{ready:?}");
    shop.nothing_left(150);
    // It lived for its time, by the API server's clock, and so did its resource, by the database's.
    let ended = eventually("its deletion in the audit log", 30, || {
        let requests = audit::requests(&shop.name, "sandboxes");
        let deletion = requests.iter().find(|request| request["verb"] == "delete");
        deletion.map(audit::received).ok_or_else(|| format!("{} other requests", requests.len()))
    });
    let lived = ended.duration_since(created);
    assert!(lived.as_secs() >= 60, "it was deleted after {lived:?}");
    let early = format!(
        "select at from effects where plugin = '{}' and phase = 'delete' and at < to_timestamp({})",
        plugin.name,
        created.as_second() + 60
    );
    assert_eq!(ledger.sql(&early).unwrap(), "", "its resource was removed before");
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}

#[test]
fn a_ttl_from_the_last_use_counts_from_the_end_of_the_last_pod() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let create = ["sandbox", "create", "pr-1", "--ttl", "60s", "--ttl-from", "lastUsedAt", "-n", &shop.name];
    assert_eq!(sandbind(&create).code, 0);
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 120);
    let status = || shop.json(&["sandbox", "pr-1"])["status"].clone();
    eventually("no end is in sight while it is used", 20, || {
        let status = status();
        if status["podCount"] == 1 && status["expiresAt"].is_null() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    let used_until = Timestamp::now();
    shop.kubectl(&["delete", "pod", "a", "--grace-period=1"]);
    let end = eventually("the end counts from the last use", 30, || {
        let status = status();
        let moment = |key: &str| status[key].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        match (moment("lastUsedAt"), moment("expiresAt")) {
            (Some(used), Some(end)) if end.duration_since(used).as_secs() == 60 => Ok(end),
            _ => Err(status.to_string()),
        }
    });
    assert!(end.duration_since(used_until).as_secs() >= 59, "{end} against {used_until}");
    eventually("it is gone", 150, || {
        let sandbox = shop.json(&["sandbox", "pr-1"]);
        if !sandbox["metadata"]["deletionTimestamp"].is_null() || sandbox.is_null() {
            Ok(())
        } else {
            Err(sandbox["status"].to_string())
        }
    });
    assert!(Timestamp::now() >= end, "not before its time");
    shop.nothing_left(60);
}
