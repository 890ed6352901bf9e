use k8s_openapi::api::{core::v1::Event, events::v1::Event as NewEvent};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use sandbind_cluster::notices::ClusterNotices;
use sandbind_core::{
    api::{Sandbox, SandboxSpec, instance::Owner},
    lifecycle::effect::Notice,
};
use sandbind_engine::ports::Notices;

use crate::bed::{bed, eventually};

#[tokio::test]
async fn the_sandbox_and_the_top_owner_are_told_once() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let sandboxes: Api<Sandbox> = Api::namespaced(bed.client.clone(), &bed.shop);
    sandboxes.create(&PostParams::default(), &Sandbox::new("pr-1", SandboxSpec::default())).await.unwrap();
    let owner = Owner {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
        uid: "d".into(),
    };
    let notice = Notice {
        reason: "StepFailed",
        warning: true,
        message: "step `provision` of postgres@1.0.0 failed: exit 1".into(),
        owners: vec![owner],
    };
    bed.watching(async {
        eventually("the Sandbox is known", || async { !bed.watches.sandboxes.is_empty() }).await;
        // Two programs tell the same, each twice.
        for _ in 0..2 {
            let notices = ClusterNotices::new(bed.client.clone(), bed.watches.clone(), "runner-0");
            notices.announce(&record, &notice).await;
            notices.announce(&record, &notice).await;
        }
    })
    .await;
    let events: Api<Event> = Api::namespaced(bed.client.clone(), &bed.shop);
    let told = events.list(&ListParams::default()).await.unwrap();
    let mut regarding: Vec<String> =
        told.items.iter().map(|event| event.involved_object.kind.clone().unwrap()).collect();
    regarding.sort();
    assert_eq!(regarding, ["Deployment", "Sandbox"]);
    assert!(told.items.iter().all(|event| event.type_.as_deref() == Some("Warning")));
    let events: Api<NewEvent> = Api::namespaced(bed.client.clone(), &bed.shop);
    let counts = events.list(&ListParams::default()).await.unwrap().items;
    assert!(
        counts.iter().all(|event| event.series.as_ref().is_some_and(|series| series.count == 2)),
        "{counts:?}"
    );
    bed.end().await;
}
