//! Creation that takes longer than an admission may: held briefly, then gated, denied or not held at all.

use super::support::{
    Ledger, Namespace,
    audit::create_call,
    eventually,
    fixtures::{Plugin, binding, deployment, pod},
    namespace::is_ready,
};

const SLOW: &str = "sleep 25";

fn init_statuses(pod: &serde_json::Value) -> String {
    pod["status"]["initContainerStatuses"].to_string()
}

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
    let took = create_call(&shop.name, "gated");
    assert!(took.as_secs() < 3, "{took:?}");
    let gated = shop.json(&["pod", "gated"]);
    assert!(init_statuses(&gated).contains("sandbind-binder") || !is_ready(&gated));
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
    for number in 0..5 {
        shop.apply(&deployment(&format!("slow-{number}"), &format!("pr-{number}"), 1));
    }
    eventually("two of them in creation", 20, || {
        let count = shop.instances().len();
        if count >= 2 { Ok(()) } else { Err(format!("{count} records")) }
    });
    let unrelated = deployment("plain", "x", 1).replace(", sandbind.dev/sandbox: \"x\"", "");
    shop.apply(&unrelated);
    let pod = eventually("the unrelated pod exists", 30, || shop.pods("app=plain").pop().ok_or("no pod"));
    // By the API server's clock, for kubectl itself takes long on a busy machine. A held admission lasts ten seconds.
    let created = |object: &serde_json::Value| -> jiff::Timestamp {
        object["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap()
    };
    let took = created(&pod).duration_since(created(&shop.json(&["deployment", "plain"])));
    assert!(took.as_secs() <= 2, "the unrelated pod came after {took:?}");
    for number in 0..5 {
        shop.ready_pod(&format!("app=slow-{number}"), 120);
    }
    shop.kubectl(&["delete", "deployment", "--all"]);
    shop.nothing_left(120);
}
