//! A step that fails: undone, said plainly everywhere, and served by a later round.

use jiff::Timestamp;
use serde_json::Value;

use super::support::{
    Latch, Ledger, Namespace, apply,
    audit::create_call,
    eventually,
    fixtures::{Plugin, binding, pod},
    kubectl, sandbind,
    table::{self, Row},
};

/// What the script that fails says last.
const LAST_LINE: &str = "no room on the server";

/// The plugin with a second step, which takes an output of the first and has a delete step of its own.
fn of_two_steps(plugin: &Plugin, create: &str) -> String {
    let note = |phase: &str| {
        format!(
            "psql -qc \"insert into effects (plugin, name, phase, step) values ('{}', '$SANDBIND_NAME', '{phase}', '$SANDBIND_STEP')\"",
            plugin.name
        )
    };
    let grant = format!(
        r"  - name: grant
    inputs: [{{name: url, valueFromStep: {{name: make, output: url}}}}]
    outputs: [{{name: role, valueFromPath: /tmp/role}}]
    script: |
      #!/bin/bash
      set -eu
      {}
      printf role > /tmp/role
  delete:
",
        note("create")
    );
    let revoke = format!(
        r"  - name: revoke
    inputs: [{{name: role, valueFromStep: {{name: grant, output: role}}}}]
    script: |
      #!/bin/bash
      set -eu
      {}
",
        note("delete")
    );
    let one = plugin.yaml(create, "", "");
    assert_eq!(one.matches("  delete:\n").count(), 1, "{one}");
    one.replace("  delete:\n", &grant) + &revoke
}

/// The steps of one phase that have run.
fn steps(ledger: &Ledger, plugin: &Plugin, phase: &str) -> Vec<String> {
    let sql = format!(
        "select distinct step from effects where plugin = '{}' and phase = '{phase}' order by step",
        plugin.name
    );
    ledger.sql(&sql).unwrap().lines().map(str::to_owned).collect()
}

/// The record once its round of this number has failed and is undone.
#[track_caller]
fn failed(shop: &Namespace, round: u64) -> Value {
    eventually(&format!("round {round} failed and was undone"), 60, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        let status = &record["status"];
        let over = status["phase"] == "Failed" && status["round"] == round;
        if over { Ok(record) } else { Err(status.to_string()) }
    })
}

/// Waits for the round after this failed one. It begins before the pause between rounds is over, by the record's own times: one that
/// comes by itself cannot.
#[track_caller]
fn the_next_begins_early(shop: &Namespace, failed: &Value) {
    let failed = &failed["status"];
    let begun = eventually("the next round", 60, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        let status = record["status"].clone();
        let newer = status["round"].as_u64() > failed["round"].as_u64();
        if newer { Ok(status) } else { Err(status.to_string()) }
    });
    let at = |time: &Value| -> Timestamp { time.as_str().unwrap().parse().unwrap() };
    let (since, next_try) = (at(&begun["since"]), at(&failed["nextTry"]));
    // After a second round it is 15 to 20 s: long enough for a slow test.
    let pause = next_try.duration_since(at(&failed["since"]));
    assert!(pause.as_secs() >= 14, "a pause of {pause:?}");
    assert!(since < next_try, "it is {} since {since}, the pause was over at {next_try}", begun["phase"]);
}

#[test]
fn a_failed_round_is_undone_and_new_pods_are_denied_at_once_with_the_scripts_last_line() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    // What the script fails of lies outside the plugin, which stays as it is.
    let room = Latch::new();
    let plugin = Plugin::unapplied();
    let create = room.unless_open(&format!("echo '{LAST_LINE}' >&2; exit 3"));
    apply(&of_two_steps(&plugin, &create));
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("first", "pr-1")).unwrap();
    let uid = shop.json(&["pod", "first"])["metadata"]["uid"].clone();
    let retry = || {
        let retried = sandbind(&["sandbox", "retry", "pr-1", "-n", &shop.name]);
        assert_eq!(retried.code, 0, "{retried:?}");
    };
    failed(&shop, 1);
    // In vain, but the pause after two rounds is longer than what follows takes.
    retry();
    assert_eq!(steps(ledger, &plugin, "create"), ["make"]);
    assert_eq!(steps(ledger, &plugin, "delete"), ["unmake"], "undone is what was claimed, and nothing else");
    let record = failed(&shop, 2);
    let denied = shop.create(&pod("second", "pr-1")).unwrap_err();
    let why = sandbind(&["sandbox", "why", "pr-1", "-n", &shop.name]);
    room.open();
    retry();
    the_next_begins_early(&shop, &record);
    let took = create_call(&shop.name, "second");
    assert!(took.as_secs() < 3, "{took:?}");
    let told = [plugin.name.as_str(), "step make", "exit 3", LAST_LINE];
    for part in told {
        assert!(denied.contains(part), "no `{part}` in: {denied}");
        assert!(why.stdout.contains(part), "no `{part}` in: {why:?}");
    }
    eventually("the gated pod says the same", 30, || {
        let events = shop.kubectl(&["describe", "pod", "first"]);
        let tells = events.lines().any(|line| told.iter().all(|part| line.contains(*part)));
        if tells { Ok(()) } else { Err(events) }
    });
    shop.ready_pod("app=first", 90);
    assert_eq!(shop.json(&["pod", "first"])["metadata"]["uid"], uid, "the very pod that waited");
    shop.kubectl(&["delete", "pod", "first"]);
    shop.nothing_left(90);
    assert_eq!(steps(ledger, &plugin, "delete"), ["revoke", "unmake"]);
    assert!(ledger.alive(&plugin.name).is_empty());
}

/// Waits until a table that `kubectl get` prints has such a row.
#[track_caller]
fn printed(what: &str, table: impl Fn() -> String, row: impl Fn(&Row) -> bool) {
    eventually(what, 60, || {
        let table = table();
        if table::rows(&table).iter().any(&row) { Ok(()) } else { Err(table) }
    });
}

#[test]
fn a_mended_draft_starts_the_next_round_by_itself() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new(&format!("echo '{LAST_LINE}' >&2; exit 78"), "");
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("a", "pr-1")).unwrap();
    let uid = shop.json(&["pod", "a"])["metadata"]["uid"].clone();
    // What it failed of stands in both tables, in this pause or in the next.
    let why = format!("plugin {}@0.0.0, step make, attempt 1: exit 78: {LAST_LINE}", plugin.name);
    let tells = |row: &Row, column: &str| row["PHASE"] == "Failed" && row[column].contains(&why);
    printed(
        "the Sandbox's row says why",
        || shop.kubectl(&["get", "sbx"]),
        |row| row["NAME"] == "pr-1" && row["RESOURCES"] == "0/1 ready" && tells(row, "MESSAGE"),
    );
    printed(
        "the record's row says why",
        || kubectl(&["-n", "sandbind-system", "get", "ri"]),
        |row| row["NAMESPACE"] == shop.name && row["SANDBOX"] == "pr-1" && tells(row, "DOING"),
    );
    let record = failed(&shop, 2);
    plugin.change("", "", "");
    the_next_begins_early(&shop, &record);
    shop.ready_pod("app=a", 90);
    assert_eq!(shop.json(&["pod", "a"])["metadata"]["uid"], uid, "the very pod that waited");
    shop.kubectl(&["delete", "pod", "a"]);
    shop.nothing_left(90);
}
