//! sandbind's own programs killed, absent, doubled: everything completes, nothing happens twice, nothing is left.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    kubectl, storm, try_kubectl,
};

const SYSTEM: &str = "sandbind-system";

fn component(deployment: &str) -> String {
    format!("app.kubernetes.io/component={}", deployment.trim_start_matches("sandbind-"))
}

fn scale(deployment: &str, replicas: u32) {
    kubectl(&["-n", SYSTEM, "scale", &format!("deployment/{deployment}"), &format!("--replicas={replicas}")]);
    eventually(&format!("{replicas} pods of {deployment}"), 60, || {
        let list = super::support::json(&["-n", SYSTEM, "pods", "-l", &component(deployment)]);
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        let ready = pods.iter().filter(|pod| super::support::namespace::is_ready(pod)).count();
        if pods.len() == replicas as usize && ready == pods.len() {
            Ok(())
        } else {
            Err(format!("{ready} of {}", pods.len()))
        }
    });
}

/// Puts the replicas back however the test ends.
struct Restore(&'static str, u32);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = try_kubectl(&[
            "-n",
            SYSTEM,
            "scale",
            &format!("deployment/{}", self.0),
            &format!("--replicas={}", self.1),
        ]);
        let _ = try_kubectl(&[
            "-n",
            SYSTEM,
            "rollout",
            "status",
            &format!("deployment/{}", self.0),
            "--timeout=60s",
        ]);
    }
}

fn kill(deployment: &str) {
    let selector = component(deployment);
    let _ = try_kubectl(&["-n", SYSTEM, "delete", "pod", "-l", &selector, "--grace-period=0", "--force"]);
}

fn lives_of_six_sandboxes(plugin: &Plugin, shop: &Namespace, ledger: &Ledger) {
    for number in 0..6 {
        shop.apply(&deployment(&format!("web-{number}"), &format!("pr-{number}"), 1));
    }
    for number in 0..6 {
        shop.ready_pod(&format!("app=web-{number}"), 240);
    }
    shop.kubectl(&["delete", "deployment", "--all"]);
    shop.nothing_left(300);
    assert_eq!(ledger.count(&plugin.name, "create"), 6, "each resource was made once");
    assert_eq!(ledger.count(&plugin.name, "delete"), 6, "and removed once");
}

#[test]
fn a_runner_killed_again_and_again_finishes_everything_and_repeats_nothing() {
    let _storm = storm();
    let _restore = Restore("sandbind-plugin-runner", 1);
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
                kill("sandbind-plugin-runner");
                let _ = try_kubectl(&[
                    "-n",
                    SYSTEM,
                    "rollout",
                    "status",
                    "deployment/sandbind-plugin-runner",
                    "--timeout=60s",
                ]);
            }
        });
        lives_of_six_sandboxes(&plugin, &shop, ledger);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn two_runners_at_once_do_everything_once() {
    let _storm = storm();
    let _restore = Restore("sandbind-plugin-runner", 1);
    let ledger = Ledger::get();
    scale("sandbind-plugin-runner", 2);
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    lives_of_six_sandboxes(&plugin, &shop, ledger);
}

#[test]
fn without_the_webhook_labelled_pods_wait_and_others_do_not_notice() {
    let _storm = storm();
    let _restore = Restore("sandbind-webhook", 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    scale("sandbind-webhook", 0);
    let refused = shop.create(&pod("bare", "pr-0")).unwrap_err();
    assert!(refused.contains("webhook"), "{refused}");
    shop.create(&pod("plain", "x").replace(", sandbind.dev/sandbox: \"x\"", "")).unwrap();
    shop.apply(&deployment("web", "pr-1", 1));
    scale("sandbind-webhook", 1);
    shop.ready_pod("app=web", 120);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(90);
}

#[test]
fn without_the_runner_pods_of_a_ready_resource_start_all_the_same() {
    let _storm = storm();
    let _restore = Restore("sandbind-plugin-runner", 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("one", "pr-1")).unwrap();
    shop.ready_pod("app=one", 60);
    scale("sandbind-plugin-runner", 0);
    shop.create(&pod("two", "pr-1")).unwrap();
    shop.ready_pod("app=two", 30);
    scale("sandbind-plugin-runner", 1);
    shop.kubectl(&["delete", "pod", "one", "two", "--grace-period=1"]);
    shop.nothing_left(120);
}

#[test]
fn a_webhook_killed_while_it_holds_admissions_costs_nobody_a_pod() {
    let _storm = storm();
    let _restore = Restore("sandbind-webhook", 1);
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("sleep 8", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 2));
    eventually("an admission is held", 20, || {
        if shop.instances().is_empty() { Err("no record") } else { Ok(()) }
    });
    kill("sandbind-webhook");
    shop.ready_pod("app=web", 120);
    shop.kubectl(&["delete", "deployment", "web"]);
    shop.nothing_left(120);
}
