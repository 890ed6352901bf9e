use std::time::Duration;

use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use sandbind_cluster::{callers::ClusterPods, identify::ClusterIdentify};
use sandbind_engine::ports::{Caller, Identify, Pods};
use sandbind_wire::name;
use serde_json::json;

use crate::bed::{Bed, bed, eventually};

/// As the kubelet gets it for a pod.
async fn token(bed: &Bed, audience: &str, pod: Option<&Pod>) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.shop);
    let bound = pod.map(|pod| BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: Some(pod.name_any()),
        uid: pod.uid(),
    });
    let spec = TokenRequestSpec {
        audiences: vec![audience.to_owned()],
        bound_object_ref: bound,
        expiration_seconds: Some(600),
    };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer = accounts.create_token_request("default", &PostParams::default(), &request).await.unwrap();
    answer.status.unwrap().token
}

#[tokio::test]
async fn a_token_is_its_pods_as_long_as_the_pod_is_there() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let pod = bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
    let identify = ClusterIdentify::new(bed.client.clone(), bed.watches.namespaces.clone());
    let caller = Caller {
        namespace: bed.shop.clone(),
        namespace_uid: bed.shop_uid.clone(),
        pod_name: "web".into(),
        pod_uid: pod.uid().unwrap(),
    };
    let ours = token(&bed, name::AUDIENCE, Some(&pod)).await;
    assert_eq!(identify.identify(&ours, Duration::from_secs(10)).await.unwrap(), Some(caller.clone()));
    let pods = ClusterPods::new(bed.client.clone(), bed.watches.clone());
    let bindings = pods.bindings(&caller).await.unwrap().unwrap();
    assert_eq!(bindings.resources[0].incarnation, record.spec.incarnation);
    assert_eq!(pods.step_run(&caller).await.unwrap(), None, "a tenant's pod is no step's");

    let late = token(&bed, name::AUDIENCE, Some(&pod)).await;
    let others = [
        token(&bed, "https://kubernetes.default.svc", Some(&pod)).await,
        token(&bed, name::AUDIENCE, None).await,
        "nonsense".to_owned(),
    ];
    for (number, other) in others.iter().enumerate() {
        assert_eq!(identify.identify(other, Duration::ZERO).await.unwrap(), None, "token {number}");
    }
    let api: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
    api.delete("web", &DeleteParams::default().grace_period(0)).await.unwrap();
    // The API server answers from a cache of pods of its own.
    eventually("its pod is gone", || async {
        identify.identify(&late, Duration::ZERO).await.unwrap().is_none()
    })
    .await;
    let remembered = identify.identify(&ours, Duration::from_secs(60)).await.unwrap();
    assert_eq!(remembered, Some(caller.clone()), "remembered for as long as the question allows");
    assert_eq!(pods.bindings(&caller).await.unwrap(), None);
    bed.end().await;
}
