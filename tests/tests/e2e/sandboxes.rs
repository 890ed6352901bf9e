//! What CI does: create, wait, test, delete, and learn from the exit code.

use super::support::{
    Ledger, Namespace, calm, eventually,
    fixtures::{Plugin, binding, deployment, pod},
    sandbind,
};

#[test]
fn a_prepared_sandbox_is_ready_before_any_pod_and_goes_when_it_is_deleted() {
    let _calm = calm();
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
fn wait_ends_with_1_on_a_failed_round_and_on_nothing_promised_and_with_3_in_time() {
    let _calm = calm();
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
fn deleting_a_sandbox_in_use_refuses_new_pods_names_the_old_ones_and_ends_after_them() {
    let _calm = calm();
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 10m"));
    shop.apply(&deployment("web", "pr-1", 1));
    let pod_name = shop.ready_pod("app=web", 60);
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

#[test]
fn a_ttl_ends_the_sandbox() {
    let _calm = calm();
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply("apiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {name: pr-1}\nspec: {ttl: {duration: 60s}, prepare: [db]}\n");
    let ready =
        sandbind(&["sandbox", "wait", "pr-1", "--for", "ready", "--timeout", "60s", "-n", &shop.name]);
    assert_eq!(ready.code, 0, "{ready:?}");
    shop.nothing_left(150);
}
