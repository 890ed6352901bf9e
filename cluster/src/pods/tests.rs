use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::mirror::Change;

fn pod(uid: &str, status: &Value) -> PodFacts {
    let bindings = json!({"readySeconds": 60, "resources": [{
        "name": "db", "instance": "pr-1-db-x", "incarnation": "aaaa", "reservation": format!("r-{uid}"), "gated": false,
    }]});
    let pod = json!({
        "metadata": {"name": "web-0", "namespace": "shop", "uid": uid, "labels": {name::LABEL_SANDBOX: "pr-1"}},
        "spec": {
            "nodeName": "node-0",
            "initContainers": [{
                "name": name::CONTAINER_SIDECAR,
                "env": [{"name": name::ENV_BINDINGS, "value": bindings.to_string()}],
            }],
            "containers": [{"name": "app"}],
        },
        "status": status,
    });
    PodFacts::of(serde_json::from_value(pod).unwrap()).unwrap()
}

fn running() -> Value {
    json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0, "containerID": "x",
         "state": {"running": {}}}]})
}

/// The index after a pod went from `before` to `after`.
fn after(before: PodFacts, after: Option<PodFacts>) -> PodIndex {
    let index = PodIndex::new(Duration::from_secs(600));
    let (before, after) = (Arc::new(before), after.map(Arc::new));
    let key = before.key.clone();
    index.apply(&Change { key: &key, before: None, after: Some(&before) });
    index.apply(&Change { key: &key, before: Some(&before), after: after.as_ref() });
    index
}

#[test]
fn a_pod_that_goes_while_it_runs_is_held_against_the_resource() {
    let index = after(pod("u1", &running()), None);
    assert!(index.users("aaaa").is_empty());
    assert_eq!(index.vanished("aaaa").len(), 1);
}

#[test]
fn a_pod_replaced_under_its_name_between_two_looks_has_vanished_too() {
    let index = after(pod("u1", &running()), Some(pod("u2", &running())));
    assert_eq!(index.users("aaaa").len(), 1);
    assert_eq!(index.vanished("aaaa").len(), 1);
    assert_eq!(index.seen("aaaa", &["r-u1", "r-u2"].into()).len(), 2);
}

#[test]
fn pods_that_cannot_run_leave_nothing_behind() {
    let ended = json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0, "containerID": "x",
         "state": {"terminated": {"exitCode": 0}}}]});
    let never_began = json!({"phase": "Pending", "containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
         "state": {"waiting": {"reason": "PodInitializing"}}}]});
    for status in [json!({"phase": "Succeeded"}), json!({"phase": "Failed"}), ended, never_began] {
        let index = after(pod("u1", &status), None);
        assert!(index.vanished("aaaa").is_empty(), "{status}");
        assert!(index.seen("aaaa", &["r-u1"].into()).contains("r-u1"), "it was seen all the same");
    }
}

#[test]
fn what_was_seen_is_kept_while_somebody_may_ask_for_it() {
    let index = after(pod("u1", &running()), Some(pod("u2", &running())));
    let none = [].into();
    let seen: Vec<String> = index.seen("aaaa", &none).into_iter().collect();
    assert_eq!(seen, ["r-u2"], "one is not open any more and its pod is gone");
    index.forget_seen("aaaa");
    assert_eq!(index.seen("aaaa", &none).len(), 1, "a pod is there");

    let finished = Arc::new(pod("u1", &json!({"phase": "Succeeded"})));
    let key = finished.key.clone();
    let index = PodIndex::new(Duration::from_secs(600));
    index.apply(&Change { key: &key, before: None, after: Some(&finished) });
    // The record goes before its pod does.
    index.forget("aaaa");
    index.apply(&Change { key: &key, before: Some(&finished), after: None });
    index.forget_seen("aaaa");
    assert!(index.seen("aaaa", &["r-u1"].into()).is_empty(), "nothing is left");
}

#[test]
fn a_container_that_crashes_again_and_again_may_run_at_any_time() {
    let looping = json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 3, "containerID": "x",
         "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]});
    assert!(!pod("u1", &looping).still);
}
