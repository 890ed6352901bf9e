//! Certificates that last a minute: they are renewed under constant admissions, and nobody notices.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::Instant,
};

use serde_json::Value;

use super::support::{
    Ledger, Namespace, eventually,
    fixtures::{Plugin, pod},
    json, kubectl,
    kubectl::feed,
    programs::{Arguments, RUNNER, SYSTEM, WEBHOOK, while_absent},
    storm, try_kubectl,
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
        serde_json::from_slice(&base64(encoded)).ok()
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

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        bits = (bits << 6) | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    bytes
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

/// Dry runs of one call: each reaches the webhook as any other admission does.
const AT_ONCE: usize = 10;

/// Pods that are asked for again and again, without being made. Answers how many were admitted and what was refused.
fn dry_runs(shop: &Namespace, over: &AtomicBool, admitted: &AtomicUsize) -> Vec<String> {
    let pods: Vec<String> = (0..AT_ONCE).map(|number| pod(&format!("dry-{number}"), "pr-live")).collect();
    let pods = pods.join("---\n");
    let mut refused = Vec::new();
    while !over.load(Relaxed) {
        let ended = feed(&["-n", &shop.name, "create", "--dry-run=server", "-f", "-"], &pods);
        match ended.map(|text| text.lines().filter(|line| line.contains("created")).count()) {
            Ok(AT_ONCE) => {
                admitted.fetch_add(AT_ONCE, Relaxed);
            }
            other => refused.push(format!("{other:?}")),
        }
    }
    refused
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

/// Tells everybody to end, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn certificates_are_renewed_under_constant_admissions_and_none_fails() {
    let _storm = storm();
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

    let (over, admitted) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begin = Instant::now();
    let (refused, resources, leaves, authorities) = thread::scope(|scope| {
        let over_in_the_end = Over(&over);
        let dry = scope.spawn(|| dry_runs(&shop, &over, &admitted));
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
        admitted.load(Relaxed) + resources,
        begin.elapsed().as_secs_f32(),
        refused.len(),
        first.0,
    );
    assert_eq!(refused, Vec::<String>::new());
    shop.create(&pod("late", "pr-late")).unwrap();
    shop.ready_pod("app=late", 60);
    kubectl(&["-n", &shop.name, "delete", "pod", "live", "late", "--wait=false"]);
    shop.nothing_left(120);
}
