//! Sandboxes as the runner keeps them.

use k8s_openapi::api::{
    core::v1::{Namespace, Pod},
    events::v1::Event,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use sandbind_cluster::{notices::ClusterNotices, sandboxes::Keeper};
use sandbind_core::{
    api::{
        ResourceBinding, ResourcePlugin, Sandbox,
        instance::Phase,
        sandbox::{Lifetime, SandboxPhase},
    },
    identity,
};
use sandbind_engine::ports::Records;
use sandbind_wire::name;
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};

use crate::bed::{Bed, bed, eventually};

/// A cluster has one keeper: it sees the Sandboxes of every namespace, but only the records of its own installation.
static ONE: Mutex<()> = Mutex::const_new(());

/// Runs watches and keeper until the test's part is over.
async fn keeping<T>(bed: &Bed, part: impl Future<Output = T>) -> T {
    let _one = ONE.lock().await;
    let (_leading, seen) = watch::channel(true);
    let keeper = Keeper {
        client: bed.client.clone(),
        watches: bed.watches.clone(),
        notices: ClusterNotices::new(bed.client.clone(), bed.watches.clone(), "test"),
        default_ttl: None,
    };
    bed.watching(async {
        tokio::select! {
            () = keeper.run(seen) => panic!("the keeper ended"),
            done = part => done,
        }
    })
    .await
}

fn api(bed: &Bed) -> Api<Sandbox> {
    Api::namespaced(bed.client.clone(), &bed.shop)
}

async fn make(bed: &Bed, name: &str, spec: Value) -> Sandbox {
    let sandbox = Sandbox::new(name, serde_json::from_value(spec).unwrap());
    api(bed).create(&PostParams::default(), &sandbox).await.unwrap()
}

async fn until(bed: &Bed, name: &str, what: &str, test: impl Fn(Option<&Sandbox>) -> bool) {
    let api = api(bed);
    eventually(what, || async { test(api.get_opt(name).await.unwrap().as_ref()) }).await;
}

fn phase(sandbox: Option<&Sandbox>) -> Option<SandboxPhase> {
    sandbox?.status.as_ref()?.phase
}

fn held(sandbox: Option<&Sandbox>) -> bool {
    sandbox.is_some_and(|one| one.finalizers().iter().any(|one| one == name::FINALIZER_SANDBOX))
}

#[tokio::test]
async fn a_record_makes_a_sandbox_that_mirrors_it_and_goes_with_it() {
    let bed = bed().await;
    keeping(&bed, async {
        let record = bed.record("pr-1").await;
        until(&bed, "pr-1", "there is a Sandbox", |one| phase(one) == Some(SandboxPhase::Provisioning)).await;
        let made = api(&bed).get("pr-1").await.unwrap();
        assert_eq!(made.spec.lifetime, Lifetime::WhileUsed);
        assert!(held(Some(&made)));
        bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        until(&bed, "pr-1", "the pod is named", |one| {
            one.and_then(|one| one.status.as_ref()).is_some_and(|status| status.pod_count == 1)
        })
        .await;
        let mut status = record.status.clone();
        status.phase = Phase::Ready;
        status.fence += 1;
        status.delivered = ["provision.url".to_owned()].into();
        let ready = bed.records.commit(&record, status).await.unwrap();
        until(&bed, "pr-1", "it is ready", |one| phase(one) == Some(SandboxPhase::Ready)).await;
        let status = api(&bed).get("pr-1").await.unwrap().status.unwrap();
        assert_eq!(status.summary.as_deref(), Some("1/1 ready"));
        assert_eq!(status.resources[0].output_keys, ["provision.url"]);
        bed.records.remove(&ready).await.unwrap();
        until(&bed, "pr-1", "it is gone", |one| one.is_none()).await;
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_pod_that_waits_for_what_is_ready_is_told_that_its_sidecar_may_not_reach_the_runner() {
    let bed = bed().await;
    keeping(&bed, async {
        let record = bed.record("pr-1").await;
        let pod = bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        // As a kubelet would say it: the sidecar runs, and its startup probe has not succeeded.
        let sidecar = json!({"name": name::CONTAINER_SIDECAR, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "started": false, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
        let running = Patch::Merge(json!({"status": {"phase": "Pending", "initContainerStatuses": [sidecar]}}));
        let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
        pods.patch_status("web", &PatchParams::default(), &running).await.unwrap();
        until(&bed, "pr-1", "it is being made", |one| phase(one) == Some(SandboxPhase::Provisioning)).await;
        let events: Api<Event> = Api::namespaced(bed.client.clone(), &bed.shop);
        let told = async || {
            let all = events.list(&ListParams::default()).await.unwrap().items;
            all.into_iter().any(|event| {
                event.reason.as_deref() == Some("SidecarUnreachable")
                    && event.regarding.is_some_and(|object| object.uid == pod.uid())
            })
        };
        assert!(!told().await, "there is something to wait for");
        let mut status = record.status.clone();
        status.phase = Phase::Ready;
        status.since = "2026-01-01T00:00:00Z".parse().unwrap();
        status.fence += 1;
        bed.records.commit(&record, status).await.unwrap();
        eventually("the pod is told", &told).await;
        until(&bed, "pr-1", "the Sandbox names it", |one| {
            let message = one.and_then(|one| one.status.as_ref()?.message.as_deref());
            message.is_some_and(|message| message.contains("pod web waits for what is ready"))
        })
        .await;
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn an_explicit_one_stays_without_records_and_waits_for_them_when_deleted() {
    let bed = bed().await;
    keeping(&bed, async {
        make(&bed, "pr-1", json!({})).await;
        until(&bed, "pr-1", "it is looked at", |one| phase(one) == Some(SandboxPhase::Pending)).await;
        assert!(!held(api(&bed).get_opt("pr-1").await.unwrap().as_ref()));
        let record = bed.record("pr-1").await;
        until(&bed, "pr-1", "it is held", held).await;
        bed.records.remove(&record).await.unwrap();
        until(&bed, "pr-1", "it is empty again", |one| phase(one) == Some(SandboxPhase::Pending)).await;
        let record = bed.record("pr-1").await;
        until(&bed, "pr-1", "it is busy", |one| phase(one) == Some(SandboxPhase::Provisioning)).await;
        api(&bed).delete("pr-1", &DeleteParams::default()).await.unwrap();
        until(&bed, "pr-1", "it is going", |one| phase(one) == Some(SandboxPhase::Deleting)).await;
        bed.records.remove(&record).await.unwrap();
        until(&bed, "pr-1", "it is gone", |one| one.is_none()).await;
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_terminating_namespace_does_not_wait_for_its_sandboxes() {
    let bed = bed().await;
    keeping(&bed, async {
        bed.record("pr-1").await;
        until(&bed, "pr-1", "it is held", held).await;
        let namespaces: Api<Namespace> = Api::all(bed.client.clone());
        namespaces.delete(&bed.shop, &DeleteParams::default()).await.unwrap();
        eventually("the namespace lets go", || async {
            api(&bed).list(&ListParams::default()).await.unwrap().items.is_empty()
        })
        .await;
        assert_eq!(bed.records.list().await.unwrap().len(), 1, "the record lives on");
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn the_end_of_a_time_to_live_is_announced_and_deletes() {
    let bed = bed().await;
    keeping(&bed, async {
        let made = make(&bed, "pr-1", json!({"ttl": {"duration": "4s"}})).await;
        until(&bed, "pr-1", "it says when it ends", |one| {
            one.and_then(|one| one.status.as_ref()?.expires_at.as_ref()).is_some()
        })
        .await;
        until(&bed, "pr-1", "it is gone", |one| one.is_none()).await;
        let events: Api<Event> = Api::namespaced(bed.client.clone(), &bed.shop);
        let told = events.list(&ListParams::default()).await.unwrap().items.into_iter().any(|event| {
            event.reason.as_deref() == Some("Expiring")
                && event.regarding.as_ref().and_then(|object| object.uid.clone()) == made.uid()
        });
        assert!(told, "an Event says so before");
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn what_is_prepared_gets_a_record_as_soon_as_it_can_be_made() {
    let bed = bed().await;
    let plugin = format!("pg{}", identity::hash(&[&bed.shop], 10));
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    keeping(&bed, async {
        make(&bed, "pr-1", json!({"prepare": ["db"]})).await;
        until(&bed, "pr-1", "it says what is missing", |one| {
            let status = one.and_then(|one| one.status.as_ref());
            status.is_some_and(|status| status.conditions.iter().any(|one| one.reason == "UnknownResource"))
        })
        .await;
        let binding = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": "orders"},
            "spec": {"resources": [{"name": "db", "plugin": plugin}], "linger": "90s"}});
        let object: ResourcePlugin = serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": format!("{plugin}-1.0.0")},
            "spec": {"name": plugin, "version": "1.0.0", "runner": {"image": "i"},
                "create": [{"name": "provision", "script": "#!/bin/sh\n"}]}}))
        .unwrap();
        plugins.create(&PostParams::default(), &object).await.unwrap();
        let bindings: Api<ResourceBinding> = Api::namespaced(bed.client.clone(), &bed.shop);
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
        until(&bed, "pr-1", "it is being made", |one| phase(one) == Some(SandboxPhase::Provisioning)).await;
        let records = bed.records.list().await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].spec.key, bed.key("pr-1"));
        assert_eq!((records[0].status.linger_seconds, records[0].status.reservations.len()), (90, 0));
        assert!(held(Some(&api(&bed).get("pr-1").await.unwrap())));
    })
    .await;
    plugins.delete(&format!("{plugin}-1.0.0"), &DeleteParams::default()).await.unwrap();
    bed.end().await;
}

#[tokio::test]
async fn a_status_that_says_the_same_is_not_written_again() {
    let bed = bed().await;
    keeping(&bed, async {
        let record = bed.record("pr-1").await;
        until(&bed, "pr-1", "it is looked at", |one| phase(one) == Some(SandboxPhase::Provisioning)).await;
        let before = api(&bed).get("pr-1").await.unwrap().resource_version();
        // A change of no consequence is looked at all the same; the pod after it shows that the look is over.
        let mut status = record.status.clone();
        status.linger_seconds += 1;
        bed.records.commit(&record, status).await.unwrap();
        eventually("the change is seen", || async {
            bed.watches.record(&record.name).is_some_and(|seen| seen.version != record.version)
        })
        .await;
        assert_eq!(api(&bed).get("pr-1").await.unwrap().resource_version(), before);
        bed.pod("web", &record, &json!({name::LABEL_SANDBOX: "pr-1"})).await;
        until(&bed, "pr-1", "the pod is named", |one| {
            one.and_then(|one| one.status.as_ref()).is_some_and(|status| status.pod_count == 1)
        })
        .await;
        let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
        let label = Patch::Merge(json!({"metadata": {"labels": {name::LABEL_SANDBOX: null}}}));
        pods.patch("web", &PatchParams::default(), &label).await.unwrap();
        until(&bed, "pr-1", "the pod is named no more", |one| {
            one.and_then(|one| one.status.as_ref()).is_some_and(|status| status.pod_count == 0)
        })
        .await;
    })
    .await;
    bed.end().await;
}
