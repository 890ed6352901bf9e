//! Creation that takes longer than an admission may: held briefly, then gated, denied or not held at all.

use jiff::Timestamp;

use super::support::{
    Ledger, Namespace,
    audit::{create_call, until_first_pod},
    eventually,
    fixtures::{Plugin, binding, deployment, pod},
    namespace::is_ready,
};

const SLOW: &str = "sleep 30";

#[test]
fn a_slow_create_admits_the_pod_gated_within_the_budget_and_starts_it_after_its_outputs_exist() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new(SLOW, "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("a", "pr-1")).unwrap();
    let took = create_call(&shop.name, "a");
    assert!(took.as_secs() < 11, "the create call took {took:?}");
    let gated = shop.json(&["pod", "a"]);
    assert!(!is_ready(&gated), "it waits");
    eventually("the pod explains itself", 20, || {
        let events = shop.kubectl(&["describe", "pod", "a"]);
        if events.contains("db: step make") { Ok(()) } else { Err(events) }
    });
    let sandbox = eventually("the Sandbox shows the gated pod", 10, || {
        let sandbox = shop.json(&["sandbox", "pr-1"]);
        if sandbox["status"]["pods"][0]["state"] == "Gated" {
            Ok(sandbox)
        } else {
            Err(sandbox["status"].to_string())
        }
    });
    assert_eq!(sandbox["status"]["phase"], "Provisioning");
    let name = shop.ready_pod("app=a", 60);
    assert!(shop.exec(&name, "app", &["sh", "-c", "echo $DB_URL"]).unwrap().starts_with("made://"));
    let record = shop.instance("pr-1", "db").unwrap();
    assert_eq!(record["status"]["phase"], "Ready");
    // The kubelet writes whole seconds, by the clock that the runner has too.
    let second = |time: &serde_json::Value| time.as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
    let made = second(&record["status"]["steps"][0]["last"]["at"]);
    let status = shop.json(&["pod", "a"])["status"].clone();
    let started = &status["containerStatuses"][0]["state"]["running"]["startedAt"];
    assert!(second(started) >= made, "{started} against {record}");
    shop.kubectl(&["delete", "pod", "a"]);
    shop.nothing_left(90);
}

#[test]
fn block_denies_after_its_time_and_gate_does_not_wait() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new(SLOW, "");
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Block, block: 2s}"));
    let denied = shop.create(&pod("blocked", "pr-block")).unwrap_err();
    let took = create_call(&shop.name, "blocked");
    assert!((2..8).contains(&took.as_secs()), "{took:?}");
    assert!(denied.contains("db") && denied.contains("NotReady"), "{denied}");
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    shop.create(&pod("gated", "pr-gate")).unwrap();
    let gated = shop.json(&["pod", "gated"]);
    let record = shop.instance("pr-gate", "db").unwrap();
    assert_eq!(record["status"]["phase"], "Creating", "{record}");
    assert!(!is_ready(&gated), "admitted, and not started: {}", gated["status"]);
    let took = create_call(&shop.name, "gated");
    assert!(took.as_secs() < 3, "{took:?}");
    shop.ready_pod("app=gated", 60);
    shop.kubectl(&["delete", "pod", "gated"]);
    shop.nothing_left(120);
}

#[test]
fn five_slow_deployments_do_not_hold_up_an_unrelated_one() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new(SLOW, "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    // At once, so that the one pod of them that the webhook holds for its controller is still held when the other Deployment comes.
    let five: Vec<String> =
        (0..5).map(|number| deployment(&format!("slow-{number}"), &format!("pr-{number}"), 1)).collect();
    shop.apply(&five.join("---\n"));
    eventually("each of them holds a resource that is being made", 20, || {
        let records = shop.instances();
        let held = records.iter().filter(|record| {
            let holds = record["status"]["reservations"].as_array();
            record["status"]["phase"] == "Creating" && holds.is_some_and(|holds| !holds.is_empty())
        });
        let held = held.count();
        if held == 5 { Ok(()) } else { Err(format!("{held} of {}", records.len())) }
    });
    let unrelated = deployment("plain", "x", 1).replace(", sandbind.dev/sandbox: \"x\"", "");
    shop.apply(&unrelated);
    let took = until_first_pod(&shop.name, "plain");
    println!("an unlabelled Deployment's pod came after {took:?}");
    assert!(took.as_millis() <= 1000, "the unrelated pod came after {took:?}");
    for number in 0..5 {
        shop.ready_pod(&format!("app=slow-{number}"), 120);
    }
    shop.kubectl(&["delete", "deployment", "--all"]);
    shop.nothing_left(120);
}
