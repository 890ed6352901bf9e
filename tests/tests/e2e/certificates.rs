//! The installation under test has certificates that last a minute and authorities that last four (`cargo xtask` installs it so): all
//! tests run while they are renewed. This one counts, and follows a pod from the days of one authority into those of the next.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, pod, token_refresh},
    json, kubectl,
    programs::SYSTEM,
    stream::{Over, Stream},
};

/// The servers' certificates: when they were made, and the authority that signed them. The other parts of the Secret hold keys.
fn leaf() -> Option<(String, String)> {
    let secret = json(&["-n", SYSTEM, "secret", "sandbind-tls"]);
    let part = STANDARD.decode(secret["data"]["leaves.json"].as_str()?).ok()?;
    let leaves: serde_json::Value = serde_json::from_slice(&part).ok()?;
    Some((leaves["since"].as_str()?.to_owned(), leaves["authority"].as_str()?.to_owned()))
}

/// How many authorities the pods of a namespace are told to trust.
fn trusted(shop: &Namespace) -> usize {
    let config = json(&["-n", &shop.name, "configmap", "sandbind-runner"]);
    config["data"]["ca.crt"].as_str().unwrap_or_default().matches("BEGIN CERTIFICATE").count()
}

/// Pods with a new resource each, one after the other: its steps and sidecars talk to the runner.
fn lives(shop: &Namespace, over: &AtomicBool) -> usize {
    let mut count = 0;
    while !over.load(Relaxed) {
        let name = format!("real-{count}");
        shop.create(&pod(&name, &name)).unwrap();
        shop.ready_pod(&format!("app={name}"), 60);
        shop.kubectl(&["delete", "pod", &name, "--wait=false"]);
        count += 1;
    }
    count
}

#[test]
fn certificates_are_renewed_under_constant_admissions_and_none_fails() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::with("", "", &token_refresh("15s"));
    shop.apply(&format!(
        "apiVersion: sandbind.dev/v1alpha1\nkind: ResourceBinding\nmetadata: {{name: main}}\nspec:\n  resources: [{{name: db, plugin: {}}}]\n  linger: 1s\n  files: [{{path: /bindings/db, resource: db}}]\n",
        plugin.name
    ));
    shop.create(&pod("live", "pr-live")).unwrap();
    shop.ready_pod("app=live", 90);
    let token = || shop.exec("live", "app", &["cat", "/bindings/db/make.token"]);
    let (_, first) = leaf().unwrap();

    let over = AtomicBool::new(false);
    let begin = Instant::now();
    let (stream, resources, leaves, authorities) = thread::scope(|scope| {
        let over_in_the_end = Over(&over);
        let dry = scope.spawn(|| Stream::paced(&over, &shop, "pr-live", Duration::from_secs(3)));
        let real = scope.spawn(|| lives(&shop, &over));
        let (mut leaves, mut authorities) = (BTreeSet::new(), BTreeSet::new());
        eventually("three renewals, and the first authority is trusted no longer", 480, || {
            let (since, authority) = leaf().ok_or("no certificates")?;
            let trusted = trusted(&shop);
            let seen = format!("{} leaves, the last by {authority}, {trusted} trusted", leaves.len() + 1);
            let replaced = authority != first && trusted == 1;
            leaves.insert(since);
            authorities.insert(authority);
            if leaves.len() >= 4 && replaced { Ok(()) } else { Err(seen) }
        });
        // The sidecar has trusted neither the certificate nor its authority when its pod began. It connects anew whenever whom it
        // trusts has changed.
        let at_renewal = token().unwrap();
        eventually("a refresh after the renewal is in the old pod's file", 150, || match token() {
            Ok(token) if token != at_renewal => Ok(()),
            other => Err(format!("{other:?}")),
        });
        drop(over_in_the_end);
        (dry.join().unwrap(), real.join().unwrap(), leaves.len(), authorities.len())
    });
    println!(
        "{} admissions and {resources} resources in {:.0} s, {} refused; {leaves} leaf certificates by {authorities} authorities",
        stream.admitted + resources,
        begin.elapsed().as_secs_f32(),
        stream.refused.len(),
    );
    assert_eq!(stream.refused, Vec::<String>::new());
    shop.create(&pod("late", "pr-late")).unwrap();
    shop.ready_pod("app=late", 60);
    kubectl(&["-n", &shop.name, "delete", "pod", "live", "late", "--wait=false"]);
    shop.nothing_left(120);
}
