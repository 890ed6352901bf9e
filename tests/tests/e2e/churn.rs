//! Plugins that change all the time while others of them are used.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::support::{
    Ledger, Namespace, apply, eventually,
    fixtures::{Plugin, binding},
    kubectl, unique,
};

const PLUGINS: usize = 40;
const SANDBOXES: usize = 8;

fn plugins(prefix: &str, description: usize) -> String {
    let one = |nth: usize| {
        format!(
            "---\napiVersion: sandbind.dev/v1alpha1\nkind: ResourcePlugin\nmetadata: {{name: {prefix}-{nth}}}\nspec:\n  name: {prefix}-{nth}\n  description: change {description}\n  runner: {{image: \"localhost/psql:1\"}}\n  create: [{{name: make, script: \"#!/bin/bash\"}}]\n  delete: [{{name: unmake, script: \"#!/bin/bash\"}}]\n"
        )
    };
    (0..PLUGINS).map(one).collect()
}

/// Ends the changes however the test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// No cache is ever quite up to date: what has changed since is read.
#[test]
fn resources_are_planned_while_plugins_change_all_the_time() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let prefix = format!("c-{}", unique());
    apply(&plugins(&prefix, 0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for change in 1.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                apply(&plugins(&prefix, change));
            }
        });
        let _over = Over(&over);
        let sandboxes: String = (0..SANDBOXES)
            .map(|nth| format!("---\napiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {{name: pr-{nth}}}\nspec: {{prepare: [db]}}\n"))
            .collect();
        shop.apply(&sandboxes);
        eventually("all are prepared", 120, || {
            let phases: Vec<_> = shop.instances().iter().map(|one| one["status"]["phase"].clone()).collect();
            let ready = phases.iter().filter(|phase| *phase == "Ready").count();
            if ready == SANDBOXES { Ok(()) } else { Err(format!("{phases:?}")) }
        });
    });
    assert_eq!(ledger.count(&plugin.name, "create"), SANDBOXES);
    shop.kubectl(&["delete", "sandboxes", "--all", "--wait=false"]);
    let names: Vec<String> = (0..PLUGINS).map(|nth| format!("{prefix}-{nth}")).collect();
    let mut delete = vec!["delete", "resourceplugins", "--wait=false"];
    delete.extend(names.iter().map(String::as_str));
    kubectl(&delete);
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "delete"), SANDBOXES);
}
