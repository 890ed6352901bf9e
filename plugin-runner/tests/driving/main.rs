//! A whole runner against a real API server without nodes: this test is kubelet, step agent and sidecar. It needs
//! `SANDBIND_TEST_KUBECONFIG`, as the tests of `cluster` do.

#![allow(clippy::allow_attributes, reason = "which of these fire depends on clippy.toml")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "tests"
)]

#[path = "../../../cluster/tests/api_server/bed.rs"]
mod bed;
mod pods;
mod preparing;

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use clap::Parser;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use sandbind_cluster::runner_identity::{CA_BUNDLE, RUNNER_CERTIFICATE, RUNNER_KEY};
use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin, instance::Phase},
    lifecycle::record::Record,
};
use sandbind_engine::ports::Records;
use sandbind_kit::{shutdown, tls};
use sandbind_link::LinkError;
use sandbind_plugin_runner::{args::Args, controller};
use sandbind_wire::{
    Bytes64,
    message::{
        BindingsAnswer, BoundResource, ClaimAnswer, ClaimRequest, ReleaseRequest, ResultAnswer, ScriptEnd,
        StepResult,
    },
    name,
};
use serde_json::json;
use tokio::sync::Mutex;

use bed::{Bed, bed, collected, eventually};
use pods::Bearer;

const LONG: Duration = Duration::from_secs(40);

/// A cluster has one runner that leads: it sees the Sandboxes of every namespace.
static ONE: Mutex<()> = Mutex::const_new(());

/// CA and leaf as the webhook program would make them; answers the CA.
async fn certificates(bed: &Bed) -> String {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name::runner_dns_name(&bed.system)]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap().pem();
    let data = [(CA_BUNDLE, ca.clone()), (RUNNER_CERTIFICATE, leaf), (RUNNER_KEY, leaf_key.serialize_pem())];
    let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())));
    let api: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.system);
    let metadata = ObjectMeta { name: Some(name::TLS_SECRET.into()), ..ObjectMeta::default() };
    let secret = Secret { metadata, data: Some(data.into()), ..Secret::default() };
    api.create(&PostParams::default(), &secret).await.unwrap();
    ca
}

async fn plugin_and_binding(bed: &Bed) -> String {
    let plugin_name = format!("db-{}", bed.shop);
    let plugin = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": plugin_name},
    "spec": {
        "name": plugin_name,
        "runner": {"image": "localhost/none", "namespace": bed.system},
        "create": [{"name": "provision", "script": "#!/bin/sh\necho make",
            "outputs": [{"name": "url", "valueFromPath": "/tmp/u"}]}],
        "delete": [{"name": "drop", "script": "#!/bin/sh\necho drop",
            "inputs": [{"name": "url", "valueFromStep": {"name": "provision", "output": "url"}}]}],
    }});
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    plugins.create(&PostParams::default(), &serde_json::from_value(plugin).unwrap()).await.unwrap();
    let binding = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": "orders"},
        "spec": {"resources": [{"name": "db", "plugin": plugin_name}]}});
    let bindings: Api<ResourceBinding> = Api::namespaced(bed.client.clone(), &bed.shop);
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    plugin_name
}

fn a_free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn args(bed: &Bed, port: u16) -> Args {
    let kubeconfig = std::env::var("SANDBIND_TEST_KUBECONFIG").unwrap();
    Args::parse_from([
        "sandbind-plugin-runner",
        "--image=localhost/none",
        "--health-listen=127.0.0.1:0",
        "--bind-window=5s",
        &format!("--namespace={}", bed.system),
        &format!("--step-namespace={}", bed.system),
        &format!("--kubeconfig={kubeconfig}"),
        &format!("--listen=127.0.0.1:{port}"),
        &format!("--url=https://127.0.0.1:{port}"),
    ])
}

async fn phase(bed: &Bed, record: &Record) -> Option<Phase> {
    bed.records.read(&record.name).await.unwrap().map(|record| record.status.phase)
}

/// Claims the attempt of a step pod and ends it with these outputs; answers the script and its environment.
async fn perform(agent: &Bearer, outputs: BTreeMap<String, Bytes64>) -> (String, BTreeMap<String, String>) {
    let nonce = "nonce-1".to_owned();
    let request = ClaimRequest { nonce: nonce.clone() };
    let assignment = loop {
        match agent.post("/v1/step/claim", request.clone()).await.unwrap() {
            ClaimAnswer::Run(assignment) => break assignment,
            ClaimAnswer::Wait => {}
            ClaimAnswer::Refused { reason } => panic!("refused: {reason}"),
        }
    };
    let again: ClaimAnswer = agent.post("/v1/step/claim", request).await.unwrap();
    assert_eq!(again, ClaimAnswer::Run(assignment.clone()), "the same nonce, the same answer");
    let other: ClaimAnswer =
        agent.post("/v1/step/claim", ClaimRequest { nonce: "nonce-2".into() }).await.unwrap();
    assert!(matches!(other, ClaimAnswer::Refused { .. }), "one pod, one claim");
    let result = StepResult {
        nonce,
        end: ScriptEnd::Exited { code: 0 },
        outputs,
        unreadable: BTreeMap::new(),
        log: "made\n".into(),
        last_line: "made".into(),
        milliseconds: 5,
    };
    for _ in 0..2 {
        let answer: ResultAnswer = agent.post("/v1/step/result", result.clone()).await.unwrap();
        assert_eq!(answer, ResultAnswer::Accepted, "posted until accepted, and once more");
    }
    (assignment.script, assignment.env)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_is_made_handed_out_and_removed() {
    let bed = bed().await;
    let _one = ONE.lock().await;
    tls::install_provider();
    let ca = certificates(&bed).await;
    let plugin = plugin_and_binding(&bed).await;
    let port = a_free_port();
    let (trigger, ending) = shutdown::channel();
    let runner = tokio::spawn(controller::run(args(&bed, port), ending));
    let bearer = async |namespace: &str, pod: &str| Bearer::of(&bed, &ca, port, namespace, pod).await;

    // An admission: the record with its reservation, and the pod that it is for.
    let record = bed.record("pr-1").await;
    bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
    let create = pods::step_pod(&bed, "provision").await;
    let agent = bearer(&bed.system, &create).await;
    assert_eq!(phase(&bed, &record).await, Some(Phase::Creating));
    let sidecar = bearer(&bed.shop, "web").await;
    let waiting: BindingsAnswer = sidecar.get("/v1/bindings").await.unwrap();
    assert!(matches!(waiting.resources["db"], BoundResource::Waiting { .. }), "{waiting:?}");

    // Nobody does another's work, and nobody without a token does anything.
    let foreign: Result<ClaimAnswer, LinkError> =
        sidecar.post("/v1/step/claim", ClaimRequest { nonce: "x".into() }).await;
    assert!(matches!(foreign, Err(LinkError::Refused { status: 403, .. })), "{foreign:?}");
    let nobody: Result<BindingsAnswer, LinkError> = sidecar.with_token("nonsense").get("/v1/bindings").await;
    assert!(matches!(nobody, Err(LinkError::Refused { status: 401, .. })), "{nobody:?}");

    let outputs = BTreeMap::from([("url".to_owned(), "db://1".into())]);
    let changed = format!("/v1/bindings?after={}", waiting.revision);
    let (ready, (script, env)) = tokio::join!(sidecar.get(&changed), perform(&agent, outputs));
    assert_eq!(script, "#!/bin/sh\necho make");
    assert_eq!(env["SANDBIND_SANDBOX"], "pr-1");
    let mut ready: BindingsAnswer = ready.unwrap();
    while !matches!(ready.resources["db"], BoundResource::Ready { .. }) {
        ready = sidecar.get(&format!("/v1/bindings?after={}", ready.revision)).await.unwrap();
    }
    let BoundResource::Ready { values, .. } = &ready.resources["db"] else { panic!("{ready:?}") };
    assert_eq!(values["provision.url"], "db://1".into());
    eventually("it is ready", || async { phase(&bed, &record).await == Some(Phase::Ready) }).await;
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    let delivered = secrets.get(&name::delivered_secret(&record.spec.incarnation)).await.unwrap();
    assert_eq!(delivered.data.unwrap()["provision.url"].0, b"db://1");

    // The pod goes; so does the resource, and everything that was kept for it.
    let _goodbye: serde_json::Value = sidecar.post("/v1/pod/release", ReleaseRequest {}).await.unwrap();
    pods::delete(&bed, "web").await;
    let delete = pods::step_pod(&bed, "drop").await;
    let agent = bearer(&bed.system, &delete).await;
    assert_eq!(phase(&bed, &record).await, Some(Phase::Deleting));
    let (script, env) = perform(&agent, BTreeMap::new()).await;
    assert_eq!((script.as_str(), env["URL"].as_str()), ("#!/bin/sh\necho drop", "db://1"));
    eventually("the record is gone", || async { phase(&bed, &record).await.is_none() }).await;
    assert!(secrets.get_opt(&name::delivered_secret(&record.spec.incarnation)).await.unwrap().is_none());
    let kept: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.system);
    let of_record = ListParams::default().labels(&format!("{}={}", name::LABEL_INSTANCE, record.name));
    collected("its Secrets are gone", || async { kept.list(&of_record).await.unwrap().items.is_empty() })
        .await;
    eventually("its step pods are gone", || async { pods::step_pods(&bed).await.is_empty() }).await;

    trigger.start();
    tokio::time::timeout(LONG, runner).await.unwrap().unwrap().unwrap();
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    plugins.delete(&plugin, &DeleteParams::default()).await.unwrap();
    bed.end().await;
}
