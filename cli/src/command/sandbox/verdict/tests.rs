#![expect(clippy::needless_pass_by_value, reason = "so that a case is a line of the table")]

use serde_json::{Value, json};

use super::*;

fn sandbox(metadata: Value, status: Value) -> Sandbox {
    let mut object = json!({
        "apiVersion": "sandbind.dev/v1alpha1",
        "kind": "Sandbox",
        "metadata": {"name": "pr-1", "namespace": "shop", "uid": "u1", "generation": 1},
        "spec": {},
    });
    object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    if !status.is_null() {
        object["status"] = status;
    }
    serde_json::from_value(object).unwrap()
}

fn db(phase: &str, round: i64) -> Value {
    json!({"name": "db", "phase": phase, "round": round, "message": "step provision: exit 1"})
}

fn status(phase: &str, resources: Value, conditions: Value) -> Value {
    json!({"phase": phase, "resources": resources, "conditions": conditions, "observedGeneration": 1})
}

fn condition_true(type_: &str) -> Value {
    json!([{"type": type_, "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
}

fn code(verdict: Verdict) -> String {
    match verdict {
        Verdict::Done => "done".into(),
        Verdict::Wait(_) => "wait".into(),
        Verdict::Empty => "empty".into(),
        Verdict::Failed(problem) => problem.code,
    }
}

fn ready() -> Readiness {
    Readiness::new("Sandbox shop/pr-1", "pr-1", false, false)
}

#[test]
fn one_look_decides() {
    let none = json!({});
    for (expected, metadata, status) in [
        ("wait", none.clone(), Value::Null),
        ("wait", none.clone(), status("Provisioning", json!([db("Creating", 1)]), json!([]))),
        ("wait", json!({"generation": 2}), status("Ready", json!([db("Ready", 1)]), json!([]))),
        ("done", none.clone(), status("Ready", json!([db("Ready", 1)]), json!([]))),
        ("wait", none.clone(), status("Ready", json!([db("Ready", 1), db("Creating", 1)]), json!([]))),
        ("empty", none.clone(), status("Ready", json!([]), json!([]))),
        ("RoundFailed", none.clone(), status("Failed", json!([db("Undoing", 1)]), json!([]))),
        ("RoundFailed", none.clone(), status("Failed", json!([db("Failed", 1)]), json!([]))),
        ("NotInjected", none, status("Ready", json!([db("Ready", 1)]), condition_true("NotInjected"))),
        (
            "Deleting",
            json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            status("Ready", json!([db("Ready", 1)]), json!([])),
        ),
    ] {
        let seen = sandbox(metadata, status);
        assert_eq!(code(ready().look(Some(&seen))), expected, "{seen:?}");
    }
    assert_eq!(code(ready().look(None)), "wait");
}

#[test]
fn a_round_that_failed_between_two_looks_is_not_missed() {
    let look = |round| sandbox(json!({}), status("Provisioning", json!([db("Creating", round)]), json!([])));
    let mut readiness = ready();
    assert_eq!(code(readiness.look(Some(&look(2)))), "wait");
    assert_eq!(code(readiness.look(Some(&look(3)))), "RoundFailed");
}

#[test]
fn through_failures_waits_on_and_allow_empty_is_content() {
    let mut patient = Readiness::new("p", "pr-1", true, true);
    let failed = sandbox(json!({}), status("Failed", json!([db("Failed", 1)]), json!([])));
    assert_eq!(code(patient.look(Some(&failed))), "wait");
    let empty = sandbox(json!({}), status("Pending", json!([]), json!([])));
    assert_eq!(code(patient.look(Some(&empty))), "done");
}

#[test]
fn removal_ends_with_absence_with_another_of_the_name_or_stalled() {
    let mut removal = Removal::default();
    let deleting = sandbox(json!({}), status("Deleting", json!([db("Deleting", 1)]), json!([])));
    assert_eq!(code(removal.look(Some(&deleting), "p")), "wait");
    let mut failed = condition_true("Stalled");
    failed[0]["reason"] = json!("RoundFailed");
    let failed = sandbox(json!({}), status("Failed", json!([db("Failed", 1)]), failed));
    assert_eq!(code(removal.look(Some(&failed), "p")), "wait");
    let stalled = sandbox(json!({}), status("Deleting", json!([]), condition_true("Stalled")));
    assert_eq!(code(removal.look(Some(&stalled), "p")), "Stalled");
    let anew = sandbox(json!({"uid": "u2"}), Value::Null);
    assert_eq!(code(removal.look(Some(&anew), "p")), "done");
    assert_eq!(code(Removal::default().look(None, "p")), "done");
}
