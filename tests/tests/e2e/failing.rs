//! A step that fails: undone, said plainly everywhere, and served by a later round.

use super::support::{
    Ledger, Namespace,
    audit::create_call,
    eventually,
    fixtures::{Plugin, binding, pod},
    sandbind,
};

#[test]
fn a_failed_round_is_undone_and_new_pods_are_denied_at_once_with_the_scripts_last_line() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("echo 'no room on the server' >&2; exit 3", "");
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("first", "pr-1")).unwrap();
    eventually("the round failed and was undone", 60, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        if record["status"]["phase"] == "Failed" { Ok(()) } else { Err(record["status"].to_string()) }
    });
    assert!(ledger.count(&plugin.name, "delete") >= 1, "the claimed step was undone");
    let denied = shop.create(&pod("second", "pr-1")).unwrap_err();
    let took = create_call(&shop.name, "second");
    assert!(took.as_secs() < 3, "{took:?}");
    for part in [plugin.name.as_str(), "make", "exit 3", "no room on the server"] {
        assert!(denied.contains(part), "no `{part}` in: {denied}");
    }
    eventually("the gated pod says the same", 30, || {
        let events = shop.kubectl(&["describe", "pod", "first"]);
        if events.contains("no room on the server") { Ok(()) } else { Err(events) }
    });
    let why = sandbind(&["sandbox", "why", "pr-1", "-n", &shop.name]);
    assert!(why.stdout.contains("no room on the server"), "{why:?}");
    // The draft is mended; `retry` spares the back-off.
    plugin.change("", "", "");
    let retried = sandbind(&["sandbox", "retry", "pr-1", "-n", &shop.name]);
    assert_eq!(retried.code, 0, "{retried:?}");
    shop.ready_pod("app=first", 90);
    let record = shop.instance("pr-1", "db").unwrap();
    assert!(record["status"]["round"].as_u64().unwrap() >= 2, "{}", record["status"]);
    shop.kubectl(&["delete", "pod", "first"]);
    shop.nothing_left(90);
    assert!(ledger.alive(&plugin.name).is_empty());
}

#[test]
fn a_mended_draft_starts_the_next_round_by_itself() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("exit 78", "");
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("a", "pr-1")).unwrap();
    eventually("the round failed", 60, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        if record["status"]["phase"] == "Failed" { Ok(()) } else { Err(record["status"].to_string()) }
    });
    plugin.change("", "", "");
    shop.ready_pod("app=a", 90);
    shop.kubectl(&["delete", "pod", "a"]);
    shop.nothing_left(90);
}
