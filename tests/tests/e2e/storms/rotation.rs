//! Certificates that last a minute: they are renewed under constant admissions, and nobody notices.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, pod},
    json, kubectl,
    programs::{Arguments, RUNNER, SYSTEM, WEBHOOK, while_absent},
    stream::{Over, Stream},
    try_kubectl,
};

/// The certificates' Secret, and the webhook that fills it. However the test ends, ordinary certificates are made anew.
struct Certificates {
    webhook: Arguments,
}

impl Certificates {
    /// Made anew by a webhook that begins, changed as told; the runner begins with them.
    fn anew(change: impl FnOnce()) {
        while_absent(WEBHOOK, || {
            let secret = ["-n", SYSTEM, "patch", "secret", "sandbind-tls", "--type=merge"];
            let _ = try_kubectl(&[&secret[..], &["-p", r#"{"data":null}"#]].concat());
            change();
        });
        restart_runner();
    }

    /// A part that tells when its owner was made, and by which authority; the other parts hold keys.
    fn part(secret: &Value, key: &str) -> Option<Value> {
        let encoded = secret["data"][key].as_str()?;
        serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()
    }

    /// The leaves: when they were made, and the authority that signed them.
    fn leaf() -> Option<(String, String)> {
        let leaves = Self::part(&json(&["-n", SYSTEM, "secret", "sandbind-tls"]), "leaves.json")?;
        Some((leaves["since"].as_str()?.to_owned(), leaves["authority"].as_str()?.to_owned()))
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        Self::anew(|| self.webhook.restore());
    }
}

fn restart_runner() {
    // Never two at once: the old one would go on making step pods that know only what it knows.
    while_absent(RUNNER, || {});
}

const REFRESH: &str = r#"refresh:
  every: 15s
  steps:
  - name: make
    outputs: [{name: token, valueFromPath: /tmp/token}]
    script: |
      #!/bin/bash
      printf %s "token-$SANDBIND_ATTEMPT" > /tmp/token
"#;

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
    let plugin = Plugin::with("", "", REFRESH);
    shop.apply(&format!(
        "apiVersion: sandbind.dev/v1alpha1\nkind: ResourceBinding\nmetadata: {{name: main}}\nspec:\n  resources: [{{name: db, plugin: {}}}]\n  linger: 1s\n  files: [{{path: /bindings/db, resource: db}}]\n",
        plugin.name
    ));
    let certificates = Certificates { webhook: Arguments::of(WEBHOOK) };
    // An authority is old after 100 s and the next one signs from the leaf after 120 s on. A lead this short does not wait for the
    // kubelet, which takes a minute or two to bring the new bundle into running pods: they are to catch up by themselves.
    let short = ["--leaf-lifetime=60s", "--ca-lifetime=150s", "--ca-lead=15s"].map(str::to_owned);
    Certificates::anew(|| certificates.webhook.add(&short));
    certificates.webhook.settled(&short);
    let first = eventually("new certificates", 30, || Certificates::leaf().ok_or("none"));
    eventually("the API server trusts them", 30, || shop.create(&pod("live", "pr-live")));
    shop.ready_pod("app=live", 90);
    let token = || shop.exec("live", "app", &["cat", "/bindings/db/make.token"]);

    let over = AtomicBool::new(false);
    let begin = Instant::now();
    let (stream, resources, leaves, authorities) = thread::scope(|scope| {
        let over_in_the_end = Over(&over);
        let dry = scope.spawn(|| Stream::until(&over, &shop, "pr-live"));
        let real = scope.spawn(|| lives(&shop, &over));
        let (mut leaves, mut authorities) = (BTreeSet::new(), BTreeSet::new());
        eventually("three renewals and one by a new authority", 200, || {
            let (since, authority) = Certificates::leaf().ok_or("no certificates")?;
            leaves.insert(since);
            authorities.insert(authority);
            let seen = format!("{} leaves, {} authorities", leaves.len(), authorities.len());
            if leaves.len() >= 4 && authorities.len() >= 2 { Ok(()) } else { Err(seen) }
        });
        // The pod of the first authority's days hears of what is refreshed under the second, by a new connection.
        restart_runner();
        let at_renewal = token().unwrap();
        eventually("a refresh after the renewal is in the old pod's file", 150, || match token() {
            Ok(token) if token != at_renewal => Ok(()),
            other => Err(format!("{other:?}")),
        });
        drop(over_in_the_end);
        (dry.join().unwrap(), real.join().unwrap(), leaves.len(), authorities.len())
    });
    println!(
        "{} admissions and {resources} resources in {:.0} s, {} refused; {leaves} leaf certificates by {authorities} authorities, the first of {}",
        stream.admitted + resources,
        begin.elapsed().as_secs_f32(),
        stream.refused.len(),
        first.0,
    );
    assert_eq!(stream.refused, Vec::<String>::new());
    shop.create(&pod("late", "pr-late")).unwrap();
    shop.ready_pod("app=late", 60);
    kubectl(&["-n", &shop.name, "delete", "pod", "live", "late", "--wait=false"]);
    shop.nothing_left(120);
}
