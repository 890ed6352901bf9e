use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use sandbind_cluster::{callers::ClusterPods, steps::ClusterSteps};
use sandbind_core::{
    api::instance::Work,
    lifecycle::{observed::StepPodState, record::StepRun},
    step::StepSettings,
};
use sandbind_engine::ports::{Caller, Pods, PortError, Steps};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    bed::{Bed, bed, eventually},
    values::snapshot,
};

fn steps(bed: &Bed) -> ClusterSteps {
    let settings = StepSettings {
        image: "localhost/none".into(),
        runner_url: "https://127.0.0.1:7443".into(),
        runner_name: "runner".into(),
        runner_ca: "ca".into(),
        namespaces: vec![bed.system.clone()],
        image_pull_secrets: Vec::new(),
        start: Duration::from_secs(60),
        margin: Duration::from_secs(60),
    };
    ClusterSteps::new(bed.client.clone(), bed.watches.clone(), watch::channel(Arc::new(settings)).1)
}

#[tokio::test]
async fn a_step_pod_is_made_once_seen_and_removed() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let run = StepRun {
        instance: record.name.clone(),
        incarnation: record.spec.incarnation.clone(),
        round: 1,
        work: Work::Create,
        step: "provision".into(),
        attempt: 1,
    };
    let steps = steps(&bed);
    let api: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.system);
    bed.watching(async {
        for _ in 0..2 {
            steps.launch(&record, &snapshot("localhost/none"), &run).await.unwrap();
        }
        let state = async || steps.pods(&record).await.unwrap().get(&run).map(|pod| pod.state);
        eventually("it is seen", || async { state().await == Some(StepPodState::Starting) }).await;
        assert_eq!(steps.hint_all(), std::slice::from_ref(&run));

        let pod = api.get(&run.pod_name()).await.unwrap();
        let caller = Caller {
            namespace: bed.system.clone(),
            namespace_uid: "u".into(),
            pod_name: run.pod_name(),
            pod_uid: pod.metadata.uid.unwrap(),
        };
        let pods = ClusterPods::new(bed.client.clone(), bed.watches.clone());
        assert_eq!(pods.step_run(&caller).await.unwrap(), Some(run.clone()));
        let elsewhere = Caller { namespace: bed.shop.clone(), ..caller.clone() };
        assert_eq!(pods.step_run(&elsewhere).await.unwrap(), None);
        let another = Caller { pod_uid: "other".into(), ..caller };
        assert_eq!(pods.step_run(&another).await.unwrap(), None);

        let running = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "main", "image": "i", "imageID": "i",
            "ready": true, "restartCount": 0, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}});
        api.patch_status(&run.pod_name(), &PatchParams::default(), &Patch::Merge(running)).await.unwrap();
        eventually("it has ended", || async { state().await == Some(StepPodState::Ended) }).await;
        for _ in 0..2 {
            steps.reap(&run).await.unwrap();
        }
        eventually("it is gone", || async { state().await.is_none() }).await;
    })
    .await;
    // Without a cache it is looked for.
    steps.launch(&record, &snapshot("localhost/none"), &run).await.unwrap();
    steps.reap(&run).await.unwrap();
    bed.end().await;
}

#[tokio::test]
async fn a_pod_that_cannot_be_is_refused_with_the_reason() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let run = StepRun {
        instance: record.name.clone(),
        incarnation: record.spec.incarnation.clone(),
        round: 1,
        work: Work::Create,
        step: "provision".into(),
        attempt: 1,
    };
    let steps = steps(&bed);
    let mut elsewhere = snapshot("localhost/none");
    elsewhere.plugin.runner.namespace = Some("kube-system".into());
    let refused = steps.launch(&record, &elsewhere, &run).await;
    assert!(
        matches!(&refused, Err(PortError::Refused { reason, .. }) if reason.contains("kube-system")),
        "{refused:?}"
    );
    let mut account = snapshot("localhost/none");
    account.plugin.runner.pod_template_overlay = Some("spec: {serviceAccountName: nobody}".into());
    let refused = steps.launch(&record, &account, &run).await;
    assert!(matches!(&refused, Err(PortError::Refused { .. })), "{refused:?}");
    bed.end().await;
}
