use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use sandbind_cluster::values::ClusterValues;
use sandbind_core::api::{ResourceInstance, instance::Phase};
use sandbind_engine::ports::{PortError, Records, Values};
use sandbind_wire::name;
use serde_json::json;

use crate::bed::{bed, collected, eventually};

#[tokio::test]
async fn a_record_is_made_whole_and_only_once() {
    let bed = bed().await;
    let (spec, status) = bed.begin("pr-1", None);
    let made = bed.records.create("one", spec.clone(), status.clone()).await.unwrap();
    assert_eq!((&made.spec, &made.status), (&spec, &status), "reservation included");
    assert_eq!(bed.records.read("one").await.unwrap(), Some(made));
    assert!(matches!(bed.records.create("one", spec, status).await, Err(PortError::Exists { .. })));
    assert_eq!(bed.records.read("none").await.unwrap(), None);
    // Pods name records, and whoever makes a pod writes what he likes.
    for no_name in ["", "?watch=true", "../secrets/one", "one?x", "One", &"x".repeat(64)] {
        assert_eq!(bed.records.read(no_name).await.unwrap(), None, "{no_name}");
    }
    bed.end().await;
}

#[tokio::test]
async fn the_records_of_a_sandbox_are_found_although_no_cache_knows_them() {
    let bed = bed().await;
    let mine = bed.record("pr-1").await;
    bed.record("pr-2").await;
    assert!(bed.records.hint_all().is_empty(), "nobody watches");
    assert_eq!(bed.records.of_sandbox(&bed.shop_uid, "pr-1").await.unwrap(), [mine]);
    assert_eq!(bed.records.of_sandbox("an earlier namespace", "pr-1").await.unwrap(), []);
    assert_eq!(bed.records.of_sandbox(&bed.shop_uid, "pr-3").await.unwrap(), []);
    bed.end().await;
}

#[tokio::test]
async fn a_write_on_an_old_revision_is_a_conflict_and_changes_nothing() {
    let bed = bed().await;
    let first = bed.record("pr-1").await;
    let mut status = first.status.clone();
    status.message = "second".into();
    let second = bed.records.commit(&first, status.clone()).await.unwrap();
    assert_eq!(second.status, status);
    assert_ne!(second.version, first.version);
    status.message = "third".into();
    assert!(bed.records.commit(&first, status.clone()).await.unwrap_err().is_conflict());
    assert!(bed.records.remove(&first).await.unwrap_err().is_conflict());
    assert_eq!(bed.records.read(&first.name).await.unwrap(), Some(second.clone()));
    bed.records.remove(&second).await.unwrap();
    assert!(bed.records.commit(&second, status).await.unwrap_err().is_conflict(), "absent: moved on");
    bed.end().await;
}

#[tokio::test]
async fn what_a_status_leaves_out_is_gone_and_the_rest_of_the_object_stays() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let api: Api<ResourceInstance> = Api::namespaced(bed.client.clone(), &bed.system);
    let annotate = json!({"metadata": {"annotations": {name::ANNOTATION_DELETE_NOW: "x", "theirs": "y"}}});
    api.patch(&record.name, &PatchParams::default(), &Patch::Merge(annotate)).await.unwrap();
    let record = bed.records.read(&record.name).await.unwrap().unwrap();
    assert_eq!(record.orders.delete_now.as_deref(), Some("x"));
    let mut status = record.status.clone();
    status.next_try = Some(Timestamp::now());
    let with = bed.records.commit(&record, status.clone()).await.unwrap();
    status.next_try = None;
    status.reservations.clear();
    let without = bed.records.commit(&with, status).await.unwrap();
    assert_eq!((without.status.next_try, without.status.reservations.len()), (None, 0));
    let object = api.get(&record.name).await.unwrap();
    assert_eq!(object.metadata.annotations.unwrap()["theirs"], "y");
    assert_eq!(object.metadata.finalizers.unwrap(), [name::FINALIZER_INSTANCE]);
    bed.end().await;
}

#[tokio::test]
async fn a_move_that_the_life_cycle_does_not_know_is_refused_by_the_api_server() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let mut status = record.status.clone();
    status.phase = Phase::Failed;
    let error = bed.records.commit(&record, status).await.unwrap_err();
    assert!(matches!(&error, PortError::Refused { .. }), "{error:?}");
    bed.end().await;
}

#[tokio::test]
async fn a_removed_record_takes_its_secrets_along() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    let run = sandbind_core::lifecycle::record::StepRun {
        instance: record.name.clone(),
        incarnation: record.spec.incarnation.clone(),
        round: 1,
        work: sandbind_core::api::instance::Work::Create,
        step: "provision".into(),
        attempt: 1,
    };
    values.store_attempt(&record, &run, &[("url".to_owned(), "x".into())].into(), "log").await.unwrap();
    bed.records.remove(&record).await.unwrap();
    bed.records.remove(&record).await.unwrap();
    assert_eq!(bed.records.read(&record.name).await.unwrap(), None);
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.system);
    collected("the Secrets are gone", || async {
        let left = secrets.list(&kube::api::ListParams::default()).await.unwrap();
        left.items.is_empty()
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_record_on_its_way_out_can_still_be_written_and_removed() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let api: Api<ResourceInstance> = Api::namespaced(bed.client.clone(), &bed.system);
    api.delete(&record.name, &kube::api::DeleteParams::default()).await.unwrap();
    let going = bed.records.read(&record.name).await.unwrap().unwrap();
    assert!(going.deleting, "its finalizer holds it");
    let mut status = going.status.clone();
    status.phase = Phase::Deleting;
    status.fence += 1;
    let going = bed.records.commit(&going, status).await.unwrap();
    bed.records.remove(&going).await.unwrap();
    assert_eq!(bed.records.read(&record.name).await.unwrap(), None);
    bed.end().await;
}

#[tokio::test]
async fn whoever_waits_for_a_record_hears_of_its_beginning_its_changes_and_its_end() {
    let bed = bed().await;
    bed.watching(async {
        let (spec, status) = bed.begin("pr-1", None);
        let (made, ()) =
            tokio::join!(bed.records.create("one", spec, status), bed.records.changed("one", ""));
        let made = made.unwrap();
        eventually("the cache has it", || async { bed.records.hint("one").is_some() }).await;
        let mut status = made.status.clone();
        status.message = "changed".into();
        let (written, ()) =
            tokio::join!(bed.records.commit(&made, status), bed.records.changed("one", &made.version));
        let written = written.unwrap();
        let gone = async {
            while bed.records.hint("one").is_some() {
                bed.records
                    .changed("one", &bed.records.hint("one").map_or_else(String::new, |r| r.version.clone()))
                    .await;
            }
        };
        let (removed, ()) = tokio::join!(bed.records.remove(&written), gone);
        removed.unwrap();
        assert_eq!(bed.records.hint_all().len(), 0);
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn the_ledger_has_one_entry_for_each_life() {
    let bed = bed().await;
    let (one, two) = (bed.record("pr-1").await, bed.record("pr-2").await);
    for record in [&one, &two, &one] {
        bed.records.ledger(record, "the \"account\" is closed\n").await.unwrap();
    }
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(bed.client.clone(), &bed.system);
    let ledger = api.get(sandbind_cluster::ledger::LEDGER).await.unwrap().data.unwrap();
    let entries: Vec<serde_json::Value> =
        ledger["entries.jsonl"].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lives: Vec<_> = entries.iter().map(|entry| entry["incarnation"].as_str().unwrap()).collect();
    assert_eq!(lives, [&one.spec.incarnation, &two.spec.incarnation]);
    bed.end().await;
}
