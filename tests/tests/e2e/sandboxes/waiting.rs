//! `sandbind sandbox wait`: before the object exists, and each of its exit codes.

use std::thread;

use super::super::support::{
    Ledger, Namespace, audit, eventually,
    fixtures::{Plugin, binding, pod},
    sandbind,
};

#[test]
fn wait_ends_with_1_on_a_failed_round_and_on_nothing_promised_and_with_3_in_time() {
    Ledger::get();
    let shop = Namespace::new();
    let missing =
        sandbind(&["sandbox", "wait", "pr-0", "--for", "ready", "--timeout", "2s", "-n", &shop.name]);
    assert_eq!(missing.code, 3, "{missing:?}");
    let created = sandbind(&["sandbox", "create", "pr-empty", "-n", &shop.name]);
    assert_eq!(created.code, 0, "{created:?}");
    let nothing =
        sandbind(&["sandbox", "wait", "pr-empty", "--for", "ready", "--timeout", "20s", "-n", &shop.name]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(nothing.stderr.contains("NothingPromised"), "{nothing:?}");
    let empty = ["sandbox", "wait", "pr-empty", "--allow-empty", "--timeout", "20s", "-n", &shop.name];
    assert_eq!(sandbind(&empty).code, 0);
    let plugin = Plugin::new("echo 'disk full'; exit 1", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    sandbind(&["sandbox", "create", "pr-1", "--prepare", "db", "-n", &shop.name]);
    let failed =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "ready", "--timeout", "90s", "-n", &shop.name]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("disk full") || failed.stdout.contains("disk full"), "{failed:?}");
    for name in ["pr-1", "pr-empty"] {
        let deleted = sandbind(&["sandbox", "delete", name, "--wait", "--timeout", "90s", "-n", &shop.name]);
        assert_eq!(deleted.code, 0, "{deleted:?}");
    }
    shop.nothing_left(10);
}

#[test]
fn wait_begins_before_the_sandbox_exists_and_ends_with_0_when_it_is_ready() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            sandbind(&["sandbox", "wait", "pr-1", "--for", "ready", "--timeout", "120s", "-n", &shop.name])
        });
        eventually("it has looked", 30, || {
            let looks = audit::requests(&shop.name, "sandboxes");
            let looked = looks.iter().any(|look| look["verb"] == "list" || look["verb"] == "watch");
            if looked { Ok(()) } else { Err(format!("{looks:?}")) }
        });
        assert!(!waiting.is_finished());
        shop.create(&pod("a", "pr-1")).unwrap();
        let ready = waiting.join().unwrap();
        assert_eq!(ready.code, 0, "{ready:?}\n{}", shop.picture());
    });
    assert_eq!(shop.instance("pr-1", "db").unwrap()["status"]["phase"], "Ready");
    shop.kubectl(&["delete", "pod", "a", "--grace-period=1"]);
    shop.nothing_left(90);
}
