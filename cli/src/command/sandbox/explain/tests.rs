use serde_json::{Value, json};

use super::*;

fn facts(sandbox: Option<Value>, pods: Vec<Value>) -> Facts {
    let object = |status: Value| {
        serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "Sandbox",
            "metadata": {"name": "pr-1", "namespace": "shop"}, "spec": {}, "status": status,
        }))
        .unwrap()
    };
    Facts {
        name: "pr-1".into(),
        namespace: "shop".into(),
        sandbox: sandbox.map(object),
        pods: pods.into_iter().map(|pod| serde_json::from_value(pod).unwrap()).collect(),
        ..Facts::default()
    }
}

fn codes(facts: &Facts) -> Vec<String> {
    explain(facts).into_iter().map(|finding| finding.code).collect()
}

fn db(phase: &str) -> Value {
    json!({"resources": [{
        "name": "db", "phase": phase, "round": 1, "plugin": "postgres@1.2.0", "step": "provision", "attempt": 2,
        "message": "step `provision` of postgres@1.2.0: exit 1: no room",
    }]})
}

#[test]
fn every_phase_has_its_finding() {
    for (phase, code) in [
        ("Creating", "BeingMade"),
        ("Undoing", "RoundFailed"),
        ("Failed", "RoundFailed"),
        ("Deleting", "BeingRemoved"),
    ] {
        let findings = explain(&facts(Some(db(phase)), vec![]));
        assert_eq!(findings.len(), 1, "{phase}");
        assert_eq!(findings[0].code, code);
        assert!(
            findings[0].reason.contains("provision") && findings[0].place.contains("postgres@1.2.0"),
            "{findings:?}"
        );
        assert!(!findings[0].way_out.is_empty());
    }
    assert_eq!(codes(&facts(Some(db("Ready")), vec![])), Vec::<String>::new());
}

#[test]
fn a_gated_pod_repeats_the_line_of_its_probe() {
    let pod = json!({
        "metadata": {"name": "orders-1"}, "spec": {"containers": []},
        "status": {"initContainerStatuses": [{
            "name": "sandbind-binder", "ready": false, "started": false, "restartCount": 0, "image": "i", "imageID": "i",
            "state": {"running": {}},
        }]},
    });
    let mut facts = facts(Some(db("Creating")), vec![pod]);
    facts.said.insert(
        ("orders-1".into(), "Unhealthy".into()),
        "Startup probe failed: db: step provision, attempt 2, 14 s\n".into(),
    );
    let findings = explain(&facts);
    assert_eq!(findings[1].code, "Gated");
    assert_eq!(findings[1].reason, "db: step provision, attempt 2, 14 s");
}

#[test]
fn a_refused_pod_is_told_in_the_webhooks_words() {
    let mut facts = facts(None, vec![]);
    facts.denials.push(Denial {
        owner: "ReplicaSet orders-1".into(),
        message: "Error creating: admission webhook \"pods.sandbind.dev\" denied the request: UnknownPlugin: \
                  ResourceBinding shop/orders: spec.resources[0].plugin: there is no plugin `postgres` (apply it)"
            .into(),
        at: None,
    });
    let finding = &explain(&facts)[0];
    assert_eq!(finding.code, "PodRefused");
    assert!(finding.reason.starts_with("UnknownPlugin: ResourceBinding shop/orders"), "{finding:?}");
}

#[test]
fn a_webhook_that_does_not_answer_is_told_apart_from_a_denial() {
    let mut facts = facts(None, vec![]);
    facts.denials.push(Denial {
        owner: "Job x".into(),
        message: "Internal error occurred: failed calling webhook \"pods.sandbind.dev\": connection refused"
            .into(),
        at: None,
    });
    assert_eq!(codes(&facts), ["WebhookUnreachable"]);
}

#[test]
fn labelled_pods_without_a_sandbox_nothing_promised_and_holders_are_told() {
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": []}, "status": {}});
    assert_eq!(codes(&facts(None, vec![pod])), ["NoSandbox"]);
    assert_eq!(codes(&facts(Some(json!({"resources": []})), vec![])), ["NothingPromised"]);
    let mut held = facts(Some(db("Ready")), vec![]);
    held.holders = "Deployment orders (pods a)".into();
    assert_eq!(codes(&held), ["InUse"]);
}
