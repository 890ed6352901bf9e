//! sandbind's own programs killed, absent, doubled, replaced: everything completes, nothing happens twice, nothing is left. These
//! tests run one after the other when all others are over.

mod write_points;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::support::{
    Ledger, Namespace,
    audit::create_call,
    eventually,
    fixtures::{Plugin, binding, deployment, pod},
    kubectl,
    programs::{Arguments, RUNNER, Restore, WEBHOOK, kill, logs, replace, rollout, scale, strike},
    stream::{Over, Stream},
};

/// A pod of nobody's sandbox.
fn unlabelled(name: &str) -> String {
    pod(name, "x").replace(", sandbind.dev/sandbox: \"x\"", "")
}

fn lives_of_sandboxes(count: usize, plugin: &Plugin, shop: &Namespace, ledger: &Ledger) {
    for number in 0..count {
        shop.apply(&deployment(&format!("web-{number}"), &format!("pr-{number}"), 1));
    }
    for number in 0..count {
        shop.ready_pod(&format!("app=web-{number}"), 240);
    }
    shop.kubectl(&["delete", "deployment", "--all"]);
    shop.nothing_left(300);
    assert_eq!(ledger.count(&plugin.name, "create"), count, "each resource was made once");
    assert_eq!(ledger.count(&plugin.name, "delete"), count, "and removed once");
}

#[test]
fn a_runner_killed_again_and_again_finishes_everything_and_repeats_nothing() {
    let _restore = Restore(RUNNER, 1);
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Each time as soon as it is up again.
            for _ in 0..6 {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                kill(RUNNER);
                rollout(RUNNER);
            }
        });
        lives_of_sandboxes(6, &plugin, &shop, ledger);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn two_runners_at_once_do_everything_once() {
    let _restore = Restore(RUNNER, 1);
    let ledger = Ledger::get();
    // Under one name each takes the lease for its own: both drive, as two do of which one slept for long.
    let runner = Arguments::of(RUNNER);
    let same_name = ["--identity=twin".to_owned()];
    runner.add(&same_name);
    runner.settled(&same_name);
    scale(RUNNER, 2);
    eventually("both drive", 60, || {
        let driving = logs(RUNNER).iter().filter(|log| log.contains("\"leading\":true")).count();
        if driving == 2 { Ok(()) } else { Err(format!("{driving} drive")) }
    });
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    lives_of_sandboxes(12, &plugin, &shop, ledger);
}

#[test]
fn without_the_webhook_labelled_pods_wait_and_others_do_not_notice() {
    let _restore = Restore(WEBHOOK, 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    scale(WEBHOOK, 0);
    let refused = shop.create(&pod("bare", "pr-0")).unwrap_err();
    assert!(refused.contains("failed calling webhook"), "{refused}");
    shop.create(&unlabelled("plain")).unwrap();
    shop.apply(&deployment("web", "pr-1", 1));
    scale(WEBHOOK, 1);
    shop.ready_pod("app=web", 120);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(90);
}

#[test]
fn without_the_runner_pods_of_a_ready_resource_start_all_the_same() {
    let _restore = Restore(RUNNER, 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("one", "pr-1")).unwrap();
    shop.ready_pod("app=one", 60);
    scale(RUNNER, 0);
    shop.create(&pod("two", "pr-1")).unwrap();
    shop.ready_pod("app=two", 30);
    scale(RUNNER, 1);
    shop.kubectl(&["delete", "pod", "one", "two", "--grace-period=1"]);
    shop.nothing_left(120);
}

#[test]
fn a_webhook_killed_while_it_holds_admissions_refuses_them_plainly_and_costs_nobody_a_pod() {
    let _restore = Restore(WEBHOOK, 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("sleep 8", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 2));
    let refused = thread::scope(|scope| {
        // By hand: nobody tries again.
        let bare = scope.spawn(|| shop.create(&pod("bare", "pr-2")));
        eventually("both sandboxes' pods are held", 20, || {
            let held = |sandbox: &str| {
                let record = shop.instance(sandbox, "db").unwrap_or_default();
                !record["status"]["reservations"].as_array().is_none_or(Vec::is_empty)
            };
            let seen = [held("pr-1"), held("pr-2")];
            if seen == [true, true] { Ok(()) } else { Err(format!("{seen:?}")) }
        });
        strike(WEBHOOK);
        shop.create(&unlabelled("plain")).unwrap();
        bare.join().unwrap().unwrap_err()
    });
    for part in ["failed calling webhook", "sandbind-webhook"] {
        assert!(refused.contains(part), "no `{part}` in: {refused}");
    }
    assert!(create_call(&shop.name, "plain").as_secs() < 1, "others do not notice");
    shop.ready_pod("app=web", 120);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(120);
}

#[test]
fn a_webhook_replaced_under_constant_admissions_refuses_none() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("live", "pr-live")).unwrap();
    shop.ready_pod("app=live", 60);
    let over = AtomicBool::new(false);
    let streams = thread::scope(|scope| {
        let over_in_the_end = Over(&over);
        let streams = [(); 2].map(|()| scope.spawn(|| Stream::until(&over, &shop, "pr-live")));
        for _ in 0..3 {
            replace(WEBHOOK);
        }
        drop(over_in_the_end);
        streams.map(|stream| stream.join().unwrap())
    });
    for stream in &streams {
        println!("{} admitted, {} refused", stream.admitted, stream.refused.len());
        assert_eq!(stream.refused, Vec::<String>::new());
        assert!(stream.admitted > 0);
    }
    shop.kubectl(&["delete", "pod", "live", "--wait=false"]);
    shop.nothing_left(90);
}

#[test]
fn a_namespace_deleted_while_the_webhook_is_dead_goes_and_its_resources_are_deleted() {
    let _restore = Restore(WEBHOOK, 1);
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 60);
    let incarnation = |shop: &Namespace| shop.instance("pr-1", "db").unwrap()["spec"]["incarnation"].clone();
    let first = incarnation(&shop);
    scale(WEBHOOK, 0);
    kubectl(&["delete", "namespace", &shop.name, "--timeout=90s"]);
    eventually("the record is gone", 90, || {
        if shop.instances().is_empty() { Ok(()) } else { Err(shop.seen("still there")) }
    });
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
    scale(WEBHOOK, 1);
    // Made again under the same name: another life.
    Namespace::named(&shop.name, "sandbind.dev/enabled: \"true\"", "");
    eventually("the webhook answers", 30, || shop.try_apply(&binding(&plugin.name, "linger: 1s")));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 60);
    assert_ne!(incarnation(&shop), first);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(90);
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
}
