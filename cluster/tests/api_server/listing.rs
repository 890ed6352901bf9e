//! What a listing that breaks off half-way means. A real API server does that after five minutes; here one answers at once.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use kube::{Client, client::Body};
use sandbind_cluster::{usage::ClusterUsage, watch::Watches};
use sandbind_core::{
    api::instance::InstanceKey,
    lifecycle::{
        record::{Orders, Record},
        reserve::begin,
    },
};
use sandbind_engine::ports::{PortError, Usage};
use serde_json::{Value, json};

/// An API server whose first page of pods is fine and whose second one is `answer`.
fn server(status: u16, answer: Value) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().to_string();
        let (status, body) = if path.contains("continue=") {
            (status, answer.clone())
        } else if path.contains("/pods") {
            (
                200,
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "next"}, "items": []}),
            )
        } else if path.ends_with("/namespaces/shop") {
            (200, json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop", "uid": "u1"}}))
        } else {
            (
                404,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}),
            )
        };
        async move {
            Ok::<_, Infallible>(
                Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap(),
            )
        }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn a_partial_listing_is_an_error_never_an_answer() {
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "u1".into(),
        sandbox: "pr-1".into(),
        resource: "db".into(),
        scope: None,
    };
    let (spec, status) = begin(key, "aaaa".into(), None, &[], "2026-01-01T00:00:00Z".parse().unwrap());
    let record = Record {
        name: "pr-1-db".into(),
        uid: "r".into(),
        version: "1".into(),
        deleting: false,
        orders: Orders::default(),
        spec,
        status,
    };
    let expired =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"});
    let denied = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden"});
    for (code, answer) in
        [(410, expired), (403, denied), (500, json!("no status")), (200, json!({"items": "what"}))]
    {
        let watches = Arc::new(Watches::new("system", &["steps".to_owned()], Duration::ZERO));
        let usage = ClusterUsage::new(server(code, answer), watches, Duration::ZERO);
        let proof = usage.prove(&record).await;
        assert!(
            matches!(proof, Err(PortError::Failed { .. } | PortError::Refused { .. })),
            "{code}: {proof:?}"
        );
    }
    let last = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []});
    let watches = Arc::new(Watches::new("system", &["steps".to_owned()], Duration::ZERO));
    let proof = ClusterUsage::new(server(200, last), watches, Duration::ZERO).prove(&record).await;
    assert!(proof.unwrap().evidence.is_empty(), "a whole one is an answer");
}
