//! Least privilege, by the API server's own word: after the end-to-end tests its audit log tells what sandbind's programs asked for.
//! Nothing of it was forbidden, and nothing that the installation grants was never asked for.
//!
//! `cargo xtask test` and `cargo xtask e2e` run it right after the end-to-end tests, on the same cluster.

mod audit;
mod grants;

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

use self::{audit::Request, grants::Grant};

/// Grants that no end-to-end test can reach, each with the reason why it is needed all the same.
const OUT_OF_REACH: &[(&str, &str)] = &[
    (
        "sandbind-plugin-runner may patch events.events.k8s.io everywhere",
        "the same notice is told again after five minutes, or by another runner: the storms get there by chance alone",
    ),
    ("sandbind-plugin-runner may create resourceplugins.sandbind.dev everywhere", COPIES),
    ("sandbind-plugin-runner may patch resourceplugins.sandbind.dev everywhere", COPIES),
    ("sandbind-plugin-runner may delete resourceplugins.sandbind.dev everywhere", COPIES),
];
const COPIES: &str = "copies of a hub's plugins: this cluster has no hub. `plugin-runner/tests/hub` uses it, with the same roles";

#[test]
fn nothing_is_asked_for_that_is_forbidden_and_nothing_granted_that_is_never_asked_for() {
    let state =
        std::env::var_os("SANDBIND_TESTBED_STATE").expect("the cluster that ran the end-to-end tests");
    let requests = audit::requests(&Path::new(&state).join("log"));
    let granted =
        grants::of(&get("clusterroles,clusterrolebindings"), &get("roles,rolebindings"), audit::SYSTEM);
    assert!(granted.len() > 50, "the installation grants more than this: {granted:?}");

    let mut used: BTreeMap<&Grant, usize> = granted.iter().map(|grant| (grant, 0)).collect();
    let mut foreign = Vec::new();
    for (request, times) in requests.iter().filter(|(request, _)| request.allowed) {
        match grants::narrowest(&granted, request) {
            Some(grant) => *used.entry(grant).or_default() += times,
            None => foreign.push(request.to_string()),
        }
    }
    for (grant, times) in &used {
        eprintln!("{times:>7} × {grant}");
    }
    let forbidden: Vec<String> =
        requests.keys().filter(|request| !request.allowed).map(Request::to_string).collect();
    let never: Vec<String> = used
        .iter()
        .filter(|(grant, times)| **times == 0 && !is_out_of_reach(grant))
        .map(|(grant, _)| grant.to_string())
        .collect();
    assert!(
        forbidden.is_empty() && never.is_empty() && foreign.is_empty(),
        "forbidden:\n{}\ngranted and never used:\n{}\nallowed by no role of the installation:\n{}",
        forbidden.join("\n"),
        never.join("\n"),
        foreign.join("\n"),
    );
}

fn is_out_of_reach(grant: &Grant) -> bool {
    OUT_OF_REACH.iter().any(|(excepted, reason)| {
        assert!(!reason.is_empty(), "{excepted} is excepted without a reason");
        grant.to_string() == *excepted
    })
}

fn get(kinds: &str) -> Value {
    let output = Command::new("kubectl").args(["get", kinds, "-A", "-o", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
