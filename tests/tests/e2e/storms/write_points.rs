//! The programs end abruptly before and after every durable write, each point in the middle of lives that go on: everything
//! completes, no effect happens twice, nothing is left.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use sandbind_engine::trace::{Point, Side};

use crate::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, token_refresh},
    programs::{Arguments, RUNNER, SYSTEM, WEBHOOK, logged},
    sandbind,
};

/// Which program makes a write, and in which part of the story.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    /// The webhook, when pods come.
    Admitting,
    /// The runner, while resources are made and used.
    Making,
    /// The runner, while they are removed.
    Removing,
}

/// The writes of the protocol in their order, what each makes durable, and the product's name of it. Those without a number belong
/// to rounds, refreshes and orders.
const WRITES: &[(&str, &str, &str, Act)] = &[
    ("W1", "the record, with its first reservation", "create-record", Act::Admitting),
    ("W2", "the snapshot of plugin and params", "store-snapshot", Act::Making),
    ("W3", "the record pins the snapshot", "commit-pinned", Act::Making),
    ("W4", "the step's pod", "launch", Act::Making),
    ("W5", "the start claim", "claim", Act::Making),
    ("W6", "outputs and log of the attempt", "store-attempt", Act::Making),
    ("W7", "the end of the attempt", "settle", Act::Making),
    ("W8", "the step's pod goes", "reap", Act::Making),
    ("W9", "the tenant's Secret", "deliver", Act::Making),
    ("W10", "Ready", "commit-ready", Act::Making),
    ("W11", "a further reservation", "reserve", Act::Admitting),
    ("W13", "Deleting", "commit-deleting", Act::Removing),
    ("W14", "the delete step's pod", "launch", Act::Removing),
    ("W14", "the delete step's claim", "claim", Act::Removing),
    ("W14", "the delete attempt's log", "store-attempt", Act::Removing),
    ("W14", "the end of the delete attempt", "settle", Act::Removing),
    ("W14", "the delete step's pod goes", "reap", Act::Removing),
    ("W16", "the tenant's Secret goes", "withdraw", Act::Removing),
    ("W17", "the ledger's entry of what a person gave up", "ledger", Act::Removing),
    ("W18", "the record goes", "remove", Act::Removing),
    ("-", "a failed round is being undone", "commit-undoing", Act::Making),
    ("-", "the round has failed", "commit-failed", Act::Making),
    ("-", "the next round", "commit-next-round", Act::Making),
    ("-", "an attempt that never began is written off", "commit-attempt-over", Act::Making),
    ("-", "a refresh begins", "commit-refresh-started", Act::Making),
    ("-", "the refreshed outputs are the current ones", "adopt-refresh", Act::Making),
    ("-", "the refresh is over", "commit-refreshed", Act::Making),
    ("-", "more outputs are delivered", "commit-delivered", Act::Making),
    ("-", "reservations that are over go", "commit-pruned", Act::Making),
    ("-", "conditions and message", "commit-noted", Act::Making),
    ("-", "other delete steps", "override-delete", Act::Removing),
    ("-", "the record knows of an order to delete again", "commit-ordered", Act::Removing),
];

/// Numbers of the protocol that are no writes here.
const UNWRITTEN: &str = "\
W12  -  since when nobody uses it: not durable, the driver remembers it and begins anew
W15  -  absence confirmed: not durable, the delete graph's success (W14) is the confirmation";

/// Between two times that something is asked for which the runner does once.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What the programs log at the point.
const ENDED: &str = "told to end abruptly here";

/// The points of an act that were ended at so far: `before:launch`, and the record.
fn ended(deployment: &str) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    logged(deployment, ENDED).iter().map(|line| (text(&line["moment"]), text(&line["record"]))).collect()
}

fn moments(act: Act) -> Vec<String> {
    let of_act = WRITES.iter().filter(|(.., one)| *one == act);
    of_act
        .flat_map(|(_, _, point, _)| [Side::Before, Side::After].map(|side| format!("{side}:{point}")))
        .collect()
}

/// Waits until the program has ended at all points of an act, and shows where.
#[track_caller]
fn all_ended(act: Act, deployment: &str, seconds: u64) {
    let found = eventually(&format!("{deployment} ended at every point"), seconds, || {
        let found = ended(deployment);
        let known: BTreeSet<&str> = found.iter().map(|(moment, _)| &**moment).collect();
        let missing: Vec<String> =
            moments(act).into_iter().filter(|moment| !known.contains(&**moment)).collect();
        if missing.is_empty() { Ok(found) } else { Err(format!("never at {}", missing.join(", "))) }
    });
    for (number, what, point, _) in WRITES.iter().filter(|(.., one)| *one == act) {
        let at = |side: Side| {
            let moment = format!("{side}:{point}");
            let record = found.iter().find(|(found, _)| *found == moment).map(|(_, record)| &**record);
            format!("{side} it at {}", record.unwrap_or_default())
        };
        println!("{number:4} {point:22} {what}: ended {}, {}", at(Side::Before), at(Side::After));
    }
}

/// Asks, and again every few seconds, until the runner has ended after this write.
#[track_caller]
fn until_ended_after(point: &str, mut ask: impl FnMut()) {
    let mut asked: Option<Instant> = None;
    eventually(&format!("the runner has ended after {point}"), 120, || {
        if ended(RUNNER).iter().any(|(moment, _)| *moment == format!("after:{point}")) {
            return Ok(());
        }
        if asked.is_none_or(|asked| asked.elapsed() > ASK_AGAIN) {
            asked = Some(Instant::now());
            ask();
        }
        Err("not yet")
    });
}

/// The resource of one Deployment's pods, named as the sandbox.
fn bind(app: &str, sandbox: &str, plugin: &str, more: &str) -> String {
    let more = format!("selector: {{matchLabels: {{app: {app}}}}}\nlinger: 1s\n{more}");
    binding(plugin, &more)
        .replace("{name: main}", &format!("{{name: {app}}}"))
        .replace("name: db", &format!("name: {sandbox}"))
}

/// Waits until a delete step of this sandbox's resource has failed.
#[track_caller]
fn delete_has_failed(shop: &Namespace, sandbox: &str) {
    eventually(&format!("a delete of {sandbox} has failed"), 120, || {
        let status =
            shop.instance(sandbox, sandbox).map(|record| record["status"].clone()).unwrap_or_default();
        let steps = status["steps"].as_array().cloned().unwrap_or_default();
        let failed = |step: &serde_json::Value| step["failures"].as_u64().unwrap_or(0) > 0;
        if steps.iter().any(failed) { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn every_write_point_is_in_the_story() {
    let told: BTreeSet<String> = WRITES.iter().map(|(_, _, point, _)| (*point).to_owned()).collect();
    let all: BTreeSet<String> = Point::ALL.iter().map(Point::to_string).collect();
    assert_eq!(told, all);
}

#[test]
fn programs_that_end_at_any_write_point_finish_everything_and_repeat_nothing() {
    let begin = Instant::now();
    let ledger = Ledger::get();
    let shop = Namespace::new();

    // Five resources: one is used and refreshed, one fails at first, one's step never starts, two cannot be removed at first.
    let used = Plugin::with("", "", &token_refresh("5s"));
    let fails = Plugin::new("exit 78", "");
    let never = Plugin::new("", "");
    crate::support::apply(&never.yaml("", "", "").replace("localhost/psql:1", "localhost/none:1"));
    let broken = Plugin::new("", "exit 1");
    let given_up = Plugin::new("", "exit 1");
    shop.apply(&bind("used", "used", &used.name, ""));
    let token = "- {name: TOKEN, valueFrom: {resource: {name: used, outputKey: make.token}}}";
    let more = bind("more", "used", &used.name, "").replace("  env:\n", &format!("  env:\n  {token}\n"));
    shop.apply(&more);
    for (app, plugin) in [("fails", &fails), ("never", &never), ("broken", &broken), ("given-up", &given_up)]
    {
        shop.apply(&bind(app, app, &plugin.name, "wait: {mode: Gate}"));
    }

    let (runner, webhook) = (Arguments::of(RUNNER), Arguments::of(WEBHOOK));
    let at = |act| format!("--abort-at={}", moments(act).join(","));
    let (making, admitting) =
        (vec![at(Act::Making), "--start-window=20s".to_owned()], vec![at(Act::Admitting)]);
    webhook.add(&admitting);
    runner.add(&making);
    webhook.settled(&admitting);
    runner.settled(&making);

    shop.apply(&deployment("used", "used", 1));
    shop.ready_pod("app=used", 180);
    shop.kubectl(&["scale", "deployment/used", "--replicas=2"]);
    shop.apply(&deployment("more", "used", 1));
    all_ended(Act::Admitting, WEBHOOK, 60);
    for app in ["fails", "never", "broken", "given-up"] {
        shop.apply(&deployment(app, app, 1));
    }
    // A write that was made while the program ended at another point is not made again. What happens once in a life is therefore asked for
    // until the program has ended after it: here further rounds that fail.
    let mut version = 0;
    for point in ["commit-undoing", "commit-failed", "commit-next-round"] {
        until_ended_after(point, || {
            version += 1;
            fails.change(&format!("exit 78 # version {version}"), "", "");
        });
    }
    fails.change("", "", "");
    for app in ["used", "more", "fails", "broken", "given-up"] {
        shop.ready_pod(&format!("app={app}"), 180);
    }
    all_ended(Act::Making, RUNNER, 120);
    let fails_rounds = shop.instance("fails", "fails").unwrap()["status"]["round"].as_u64().unwrap();
    println!("{:.0} s", begin.elapsed().as_secs_f32());

    let removing = vec![at(Act::Removing)];
    runner.add(&removing);
    runner.settled(&removing);
    shop.kubectl(&["delete", "deployment", "--all", "--wait=false"]);
    delete_has_failed(&shop, "broken");
    broken.change("", "", "");
    delete_has_failed(&shop, "given-up");
    until_ended_after("override-delete", || {
        version += 1;
        given_up.change("", &format!("exit 1 # version {version}"), "");
    });
    let id = shop.instance("given-up", "given-up").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    until_ended_after("commit-ordered", || {
        let retried = sandbind(&["orphans", "retry", &id]);
        assert_eq!(retried.code, 0, "{retried:?}");
    });
    let forgotten = sandbind(&["orphans", "forget", &id, "--reason", "its server is gone"]);
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    all_ended(Act::Removing, RUNNER, 180);
    shop.nothing_left(120);
    println!("{UNWRITTEN}");

    let names =
        [&used, &fails, &never, &broken, &given_up].map(|plugin| format!("'{}'", plugin.name)).join(",");
    let twice = ledger.sql(&format!(
        "select plugin, name, phase, step, attempt, count(*) from effects where plugin in ({names}) group by 1, 2, 3, 4, 5 having count(*) > 1"
    ));
    assert_eq!(twice.as_deref(), Ok(""), "no attempt ran twice");
    let count =
        |plugin: &Plugin| (ledger.count(&plugin.name, "create"), ledger.count(&plugin.name, "delete"));
    assert_eq!(count(&used), (1, 1), "made once and removed once");
    let each = usize::try_from(fails_rounds).unwrap();
    assert!(each >= 2, "a round failed, and one did not");
    assert_eq!(count(&fails), (each, each), "each round made once and removed once");
    assert_eq!(count(&never), (0, 0), "nothing to make, nothing to remove");
    assert_eq!((count(&broken).0, count(&given_up).0), (1, 1), "made once");
    assert_eq!(ledger.alive(&broken.name), Vec::<String>::new());
    let entries = crate::support::kubectl(&["-n", SYSTEM, "get", "configmaps", "-o", "yaml"]);
    assert!(entries.contains("its server is gone"), "the ledger tells what was given up");
    println!("{:.0} s in all", begin.elapsed().as_secs_f32());
}
