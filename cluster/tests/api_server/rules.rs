//! What the API server refuses by itself, whoever writes: rules on how a record may change, fields taken away included.

use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use sandbind_core::api::{
    ResourceInstance, ResourcePlugin,
    instance::{Phase, StepState, StepStatus, Work},
};
use sandbind_engine::ports::Records as _;
use serde_json::{Value, json};

use crate::bed::bed;

fn step() -> StepStatus {
    StepStatus {
        work: Work::Create,
        name: "provision".to_owned(),
        state: StepState::Pending,
        attempt: 2,
        claimed: true,
        claim: None,
        failures: 1,
        again: 0,
        unstarted: 0,
        first_at: None,
        not_before: None,
        last: None,
    }
}

/// Parts of a write to a record in Creating, round 1, fence 3, revision 2; and why it is refused.
fn refused() -> Vec<(Value, &'static str)> {
    let phase = "no such step from phase to phase";
    let round = "the round rises by one";
    let steps = "within a round no step disappears and no attempt falls";
    vec![
        (json!({"spec": {"incarnation": "another"}}), "a record's spec never changes"),
        (json!({"spec": {"key": {"sandbox": "pr-2"}}}), "a record's spec never changes"),
        (json!({"spec": {"key": {"scope": "taken-on"}}}), "a record's spec never changes"),
        (json!({"spec": null}), "spec: Required value"),
        (json!({"status": null}), "status: Required value"),
        (json!({"status": {"phase": "Failed"}}), phase),
        (json!({"status": {"phase": null}}), "status.phase: Required value"),
        (json!({"status": {"phase": "Elsewhere"}}), "Unsupported value"),
        (json!({"status": {"round": 2}}), round),
        (json!({"status": {"round": 0}}), round),
        (json!({"status": {"round": null}}), "status.round: Required value"),
        (json!({"status": {"fence": 2}}), "the fence never falls"),
        (json!({"status": {"fence": null}}), "status.fence: Required value"),
        (json!({"status": {"revision": 1}}), "the revision never falls"),
        (json!({"status": {"revision": null}}), "the revision never falls"),
        (json!({"status": {"steps": []}}), steps),
        (json!({"status": {"steps": null}}), steps),
        (json!({"status": {"steps": [StepStatus { attempt: 1, ..step() }]}}), steps),
        (json!({"status": {"steps": [StepStatus { name: "renamed".to_owned(), ..step() }]}}), steps),
        (json!({"status": {"steps": [StepStatus { work: Work::Delete, ..step() }]}}), steps),
        (json!({"status": {"wanted": []}}), "outputs that were promised stay promised"),
        (json!({"status": {"wanted": null}}), "outputs that were promised stay promised"),
    ]
}

#[tokio::test]
async fn no_write_takes_a_record_backwards_or_away() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let mut status = record.status.clone();
    assert_eq!((status.phase, status.round), (Phase::Creating, 1));
    (status.fence, status.revision, status.steps) = (3, 2, vec![step()]);
    let record = bed.records.commit(&record, status).await.unwrap();
    let api: Api<ResourceInstance> = Api::namespaced(bed.client.clone(), &bed.system);
    for (write, because) in refused() {
        let answer = api.patch(&record.name, &PatchParams::default(), &Patch::Merge(&write)).await;
        let error = answer.err().unwrap_or_else(|| panic!("accepted: {write}")).to_string();
        assert!(error.contains(because), "not because `{because}`: {write}: {error}");
    }
    assert_eq!(bed.records.read(&record.name).await.unwrap(), Some(record), "nothing was changed");
    bed.end().await;
}

#[tokio::test]
async fn a_published_version_keeps_its_content_although_fields_are_taken_away() {
    let bed = bed().await;
    let api: Api<ResourcePlugin> = Api::all(bed.client.clone());
    let (name, version) = (bed.shop.clone(), "1.0.0");
    let plugin = json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": format!("{name}-{version}")},
        "spec": {
            "name": name, "version": version,
            "runner": {"image": "i", "podTemplateOverlay": "spec: {hostUsers: false}"},
            "params": [{"name": "seed"}],
            "create": [{"name": "make", "script": "true", "outputs": [{"name": "url", "valueFromPath": "/tmp/url"}]}],
            "delete": [{"name": "unmake", "script": "true"}],
            "refresh": {"every": "1h", "steps": [{"name": "make", "script": "true"}]},
        },
    });
    let made = api.create(&PostParams::default(), &serde_json::from_value(plugin).unwrap()).await.unwrap();
    let object = made.metadata.name.as_deref().unwrap();
    for spec in [
        json!({"version": null}),
        json!({"version": "1.0.1"}),
        json!({"name": "other"}),
        json!({"params": null}),
        json!({"params": [{"name": "seed", "default": "large"}]}),
        json!({"create": null}),
        json!({"create": [{"name": "make", "script": "false"}]}),
        json!({"delete": null}),
        json!({"refresh": null}),
        json!({"refresh": {"every": "2h"}}),
        json!({"runner": {"image": "j"}}),
        json!({"runner": {"image": null}}),
        json!({"runner": {"podTemplateOverlay": null}}),
    ] {
        let write = json!({"spec": spec});
        let answer = api.patch(object, &PatchParams::default(), &Patch::Merge(&write)).await;
        let error = answer.err().unwrap_or_else(|| panic!("accepted: {write}")).to_string();
        assert!(error.contains("a version never changes"), "{write}: {error}");
    }
    let described = json!({"spec": {"description": "policy and words may change"}});
    api.patch(object, &PatchParams::default(), &Patch::Merge(&described)).await.unwrap();
    api.delete(object, &kube::api::DeleteParams::default()).await.unwrap();
    bed.end().await;
}
