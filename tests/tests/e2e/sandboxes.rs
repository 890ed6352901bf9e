//! What CI does: create, wait, test, delete, and learn from the exit code.

mod lifetime;
mod waiting;

use std::thread;

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    sandbind,
};

#[test]
fn a_prepared_sandbox_is_ready_before_any_pod_and_goes_when_it_is_deleted() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let created = sandbind(&["sandbox", "create", "pr-1", "--prepare", "*", "-n", &shop.name]);
    assert_eq!(created.code, 0, "{created:?}");
    let ready =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "ready", "--timeout", "90s", "-n", &shop.name]);
    assert_eq!(ready.code, 0, "{ready:?}\n{}", shop.picture());
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    let deleted = sandbind(&["sandbox", "delete", "pr-1", "--wait", "--timeout", "90s", "-n", &shop.name]);
    assert_eq!(deleted.code, 0, "{deleted:?}\n{}", shop.picture());
    shop.nothing_left(10);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}

#[test]
fn delete_wait_names_who_holds_the_sandbox_and_ends_with_0_after_them() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 10m"));
    shop.apply(&deployment("web", "pr-1", 1));
    let name = shop.ready_pod("app=web", 120);
    let delete = |timeout: &str| {
        sandbind(&["sandbox", "delete", "pr-1", "--wait", "--timeout", timeout, "-n", &shop.name])
    };
    let held = delete("5s");
    assert_eq!(held.code, 3, "{held:?}");
    assert!(held.stderr.contains(&name) && held.stderr.contains("Deployment web"), "{held:?}");
    assert_eq!(ledger.count(&plugin.name, "delete"), 0, "not under its users");
    thread::scope(|scope| {
        let deleting = scope.spawn(|| delete("120s"));
        shop.kubectl(&["delete", "deployment", "web"]);
        let gone = deleting.join().unwrap();
        assert_eq!(gone.code, 0, "{gone:?}\n{}", shop.picture());
    });
    shop.nothing_left(10);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1, "without the linger of ten minutes");
}

#[test]
fn deleting_a_sandbox_in_use_refuses_new_pods_names_the_old_ones_and_ends_after_them() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 10m"));
    shop.apply(&deployment("web", "pr-1", 1));
    let pod_name = shop.ready_pod("app=web", 120);
    shop.kubectl(&["delete", "sandbox", "pr-1", "--wait=false"]);
    let denied = eventually("new pods are refused", 20, || match shop.create(&pod("late", "pr-1")) {
        Err(denied) => Ok(denied),
        Ok(created) => {
            shop.kubectl(&["delete", "pod", "late", "--grace-period=1"]);
            Err(created)
        }
    });
    assert!(denied.contains("SandboxDeleting"), "{denied}");
    let held =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "deleted", "--timeout", "3s", "-n", &shop.name]);
    assert_eq!(held.code, 3, "{held:?}");
    assert!(held.stderr.contains(&pod_name), "{held:?}");
    shop.kubectl(&["delete", "deployment", "web"]);
    let gone =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "deleted", "--timeout", "90s", "-n", &shop.name]);
    assert_eq!(gone.code, 0, "{gone:?}\n{}", shop.picture());
    shop.nothing_left(10);
}
