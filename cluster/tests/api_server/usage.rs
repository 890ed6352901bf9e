use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Node, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use sandbind_cluster::usage::ClusterUsage;
use sandbind_core::{
    api::{
        Sandbox, SandboxSpec,
        instance::{Owner, Vanished},
        sandbox::Lifetime,
    },
    identity,
    lifecycle::observed::{Evidence, Use},
};
use sandbind_engine::ports::{Records, Usage};
use sandbind_wire::name;
use serde_json::json;

use crate::bed::{Bed, bed, eventually};

fn usage(bed: &Bed) -> ClusterUsage {
    ClusterUsage::new(bed.client.clone(), bed.watches.clone(), Duration::from_secs(600))
}

fn only(used: &Use) -> &Evidence {
    assert_eq!(used.evidence.len(), 1, "{:?}", used.evidence);
    &used.evidence[0]
}

#[tokio::test]
async fn a_pod_counts_by_its_spec_with_and_without_label_until_it_has_finished() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let usage = usage(&bed);
    let reservation = &record.status.reservations[0].id;
    assert!(usage.prove(&record).await.unwrap().evidence.is_empty());
    // Without its label no watch sees it, and the caches say nothing: the proof does.
    bed.pod("web", &record, &json!({})).await;
    let proof = usage.prove(&record).await.unwrap();
    assert_eq!(only(&proof), &Evidence::Pods { count: 1, names: vec!["web".into()] });
    assert!(proof.seen.contains(reservation));
    let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
    let finished = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
    pods.patch_status("web", &PatchParams::default(), &finished).await.unwrap();
    let proof = usage.prove(&record).await.unwrap();
    assert!(proof.evidence.is_empty());
    assert!(proof.seen.contains(reservation), "it was seen all the same");
    bed.end().await;
}

#[tokio::test]
async fn caches_tell_who_uses_what_and_what_was_promised() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let usage = usage(&bed);
    assert!(matches!(only(&usage.hint(&record)), Evidence::Unknown { .. }), "nothing is known yet");
    bed.watching(async {
        assert!(usage.hint(&record).evidence.is_empty());
        bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        eventually("the pod is seen", || async { !usage.hint(&record).evidence.is_empty() }).await;
        assert!(matches!(only(&usage.hint(&record)), Evidence::Pods { count: 1, .. }));
        assert_eq!(usage.promised(&record), ["provision.url".to_owned()].into());
        let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
        pods.delete("web", &DeleteParams::default()).await.unwrap();
        // It was never bound to a node, so nothing of it can run on.
        eventually("the pod is gone", || async { usage.hint(&record).evidence.is_empty() }).await;
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_running_pod_that_vanishes_is_held_against_the_resource_until_its_node_is_gone_too() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let usage = usage(&bed);
    let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
    bed.watching(async {
        bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        let node = format!("{}-node", bed.shop);
        let nodes: Api<Node> = Api::all(bed.client.clone());
        let object = Node { metadata: ObjectMeta { name: Some(node.clone()), ..ObjectMeta::default() }, ..Node::default() };
        nodes.create(&PostParams::default(), &object).await.unwrap();
        let bind = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "web"}, "target": {"kind": "Node", "name": node}});
        let request = http::Request::post(format!("/api/v1/namespaces/{}/pods/web/binding", bed.shop))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&bind).unwrap())
            .unwrap();
        bed.client.request::<serde_json::Value>(request).await.unwrap();
        let running = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "i", "imageID": "i",
            "containerID": "c", "ready": true, "restartCount": 0, "state": {"running": {}}}]}});
        pods.patch_status("web", &PatchParams::default(), &Patch::Merge(running)).await.unwrap();
        let runs = || async { bed.watches.pods.users(&record.spec.incarnation).iter().any(|pod| !pod.still) };
        eventually("it runs", runs).await;
        pods.delete("web", &DeleteParams::default().grace_period(0)).await.unwrap();
        let gone = || async { !bed.watches.pods.vanished(&record.spec.incarnation).is_empty() };
        eventually("it vanished", gone).await;
        assert!(usage.hint(&record).evidence.is_empty(), "a hint would keep the proof from being made");
        assert_eq!(only(&usage.prove(&record).await.unwrap()), &Evidence::Vanished { name: "web".into() });
        let hint = usage.hint(&record);
        assert_eq!(hint.vanished.keys().collect::<Vec<_>>(), [&node]);
        // A program that starts after it knows of it by the record alone.
        let mut later = record.clone();
        later.status.vanished = vec![Vanished { node: node.clone(), at: Timestamp::now() }];
        bed.watches.pods.forget(&record.spec.incarnation);
        assert!(matches!(only(&usage.prove(&later).await.unwrap()), Evidence::Vanished { .. }));
        nodes.delete(&node, &DeleteParams::default()).await.unwrap();
        assert!(usage.prove(&later).await.unwrap().evidence.is_empty(), "there is no such node");
        later.status.vanished = vec![Vanished { node: String::new(), at: Timestamp::now() }];
        assert!(!usage.prove(&later).await.unwrap().evidence.is_empty(), "any of many nodes");
        assert!(usage.prove(&record).await.unwrap().evidence.is_empty(), "there is no such node");
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn an_owner_that_wants_pods_of_the_sandbox_keeps_the_resource() {
    let bed = bed().await;
    let api: Api<Deployment> = Api::namespaced(bed.client.clone(), &bed.shop);
    // An image that nothing pulls and a selector that nothing schedules: only its wish matters.
    let deployment = json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 1, "paused": true, "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web", name::LABEL_SANDBOX: "pr-1"}},
            "spec": {"containers": [{"name": "app", "image": "localhost/none"}]},
        },
    }});
    let made =
        api.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
    let owner = Owner {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
        uid: made.uid().unwrap(),
    };
    let (spec, status) = bed.begin("pr-1", Some(owner.clone()));
    let record = bed.records.create(&identity::instance_name(&spec.key), spec, status).await.unwrap();
    let usage = usage(&bed);
    assert_eq!(only(&usage.prove(&record).await.unwrap()), &Evidence::OwnerWants { owner });
    let impatient = ClusterUsage::new(bed.client.clone(), bed.watches.clone(), Duration::ZERO);
    assert!(impatient.prove(&record).await.unwrap().evidence.is_empty(), "never longer than its limit");
    // Each time without pods has all of the grace: pods that were seen in between end the one before.
    let grace = Duration::from_secs(2);
    let usage_of_two = ClusterUsage::new(bed.client.clone(), bed.watches.clone(), grace);
    bed.watching(async {
        let begin = tokio::time::Instant::now();
        assert!(
            !usage_of_two.prove(&record).await.unwrap().evidence.is_empty(),
            "the first time without pods"
        );
        bed.pod("web-0", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        eventually("the pod is seen", || async {
            matches!(usage_of_two.hint(&record).evidence[..], [Evidence::Pods { .. }])
        })
        .await;
        let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
        pods.delete("web-0", &DeleteParams::default()).await.unwrap();
        eventually("the pod is gone", || async { usage_of_two.hint(&record).evidence.is_empty() }).await;
        tokio::time::sleep_until(begin + grace).await;
        assert!(!usage_of_two.prove(&record).await.unwrap().evidence.is_empty(), "another time without pods");
    })
    .await;
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    api.patch("web", &PatchParams::default(), &none).await.unwrap();
    assert!(usage.prove(&record).await.unwrap().evidence.is_empty());
    bed.end().await;
}

#[tokio::test]
async fn a_sandbox_keeps_its_resources_and_a_namespace_of_another_uid_keeps_nothing() {
    let bed = bed().await;
    let mut record = bed.record("pr-1").await;
    let usage = usage(&bed);
    let api: Api<Sandbox> = Api::namespaced(bed.client.clone(), &bed.shop);
    let spec = SandboxSpec { lifetime: Lifetime::Explicit, ..SandboxSpec::default() };
    api.create(&PostParams::default(), &Sandbox::new("pr-1", spec)).await.unwrap();
    assert_eq!(only(&usage.prove(&record).await.unwrap()), &Evidence::Sandbox);
    record.spec.key.namespace_uid = "of-an-earlier-one".into();
    assert!(usage.prove(&record).await.unwrap().evidence.is_empty());
    let namespaces: Api<Namespace> = Api::all(bed.client.clone());
    assert!(namespaces.get(&bed.shop).await.is_ok());
    bed.end().await;
}
