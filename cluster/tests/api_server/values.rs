use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams};
use sandbind_cluster::values::ClusterValues;
use sandbind_core::{
    api::instance::Work,
    lifecycle::{
        KeptState,
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_engine::ports::{PortError, Values};
use sandbind_wire::Bytes64;
use serde_json::json;

use crate::bed::{bed, collected};

pub(crate) fn snapshot(image: &str) -> Snapshot {
    serde_json::from_value(json!({
        "identity": "postgres@1.0.0",
        "uid": "u",
        "plugin": {
            "name": "postgres",
            "version": "1.0.0",
            "runner": {"image": image},
            "create": [{"name": "provision", "script": "#!/bin/sh\n", "outputs": [{"name": "url", "valueFromPath": "/tmp/u"}]}],
            "delete": [{"name": "drop", "script": "#!/bin/sh\n"}],
        },
        "params": {"seed": "small"},
        "routingKey": "k",
    }))
    .unwrap()
}

fn run(record: &Record, work: Work, attempt: u32) -> StepRun {
    StepRun {
        instance: record.name.clone(),
        incarnation: record.spec.incarnation.clone(),
        round: 1,
        work,
        step: "provision".into(),
        attempt,
    }
}

fn outputs(value: &str) -> BTreeMap<String, Bytes64> {
    BTreeMap::from([("url".to_owned(), Bytes64::from(value))])
}

#[tokio::test]
async fn the_first_snapshot_of_a_round_wins() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    assert_eq!(values.snapshot(&record, 1).await.unwrap(), None);
    let (one, two) = (snapshot("one"), snapshot("two"));
    assert_eq!(values.store_snapshot(&record, 1, &one).await.unwrap(), one);
    assert_eq!(values.store_snapshot(&record, 1, &two).await.unwrap(), one);
    assert_eq!(values.snapshot(&record, 1).await.unwrap(), Some(one.clone()));
    let changed = Snapshot { delete_override: Some(Vec::new()), ..one };
    values.override_delete(&record, 1, &changed).await.unwrap();
    assert_eq!(values.snapshot(&record, 1).await.unwrap(), Some(changed));
    assert_eq!(values.snapshot(&record, 2).await.unwrap(), None, "another round has its own");
    bed.end().await;
}

#[tokio::test]
async fn a_result_may_be_stored_again_but_not_another_one() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    let create = run(&record, Work::Create, 2);
    values.store_attempt(&record, &create, &outputs("a"), "log").await.unwrap();
    values.store_attempt(&record, &create, &outputs("a"), "log").await.unwrap();
    let other = values.store_attempt(&record, &create, &outputs("b"), "log").await;
    assert!(matches!(other, Err(PortError::Exists { .. })));
    let expected = BTreeMap::from([("provision.url".to_owned(), Bytes64::from("a"))]);
    assert_eq!(values.outputs(&record, 1).await.unwrap(), expected);
    values.store_attempt(&record, &run(&record, Work::Create, 1), &outputs("late"), "log").await.unwrap();
    assert_eq!(values.outputs(&record, 1).await.unwrap(), expected, "a late attempt does not take its place");
    assert_eq!(values.outputs(&record, 2).await.unwrap(), BTreeMap::new());
    bed.end().await;
}

#[tokio::test]
async fn a_refresh_counts_once_it_is_adopted() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    let (create, refresh) = (run(&record, Work::Create, 1), run(&record, Work::Refresh, 1));
    values.store_attempt(&record, &create, &outputs("old"), "").await.unwrap();
    let current = async || values.outputs(&record, 1).await.unwrap().remove("provision.url").unwrap();
    assert!(values.adopt_refresh(&record, std::slice::from_ref(&refresh)).await.is_err(), "nothing is there");
    values.store_attempt(&record, &refresh, &outputs("new"), "").await.unwrap();
    assert_eq!(current().await, "old".into());
    for _ in 0..2 {
        values.adopt_refresh(&record, std::slice::from_ref(&refresh)).await.unwrap();
        assert_eq!(current().await, "new".into());
    }
    bed.end().await;
}

#[tokio::test]
async fn a_round_takes_all_it_has_made_along_when_the_second_after_it_begins() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.system);
    for round in 1..=3 {
        values.store_snapshot(&record, round, &snapshot("one")).await.unwrap();
        let run = StepRun { round, ..run(&record, Work::Create, 1) };
        values.store_attempt(&record, &run, &outputs("a"), "log").await.unwrap();
    }
    // Snapshot, outputs and attempt of each of two rounds.
    collected("the Secrets of the first round are gone", || async {
        secrets.list(&ListParams::default()).await.unwrap().items.len() <= 6
    })
    .await;
    for (round, kept) in [(1, false), (2, true), (3, true)] {
        let run = StepRun { round, ..run(&record, Work::Create, 1) };
        assert_eq!(
            secrets.get_opt(&run.pod_name()).await.unwrap().is_some(),
            kept,
            "the log of round {round}"
        );
        assert_eq!(values.snapshot(&record, round).await.unwrap().is_some(), kept, "round {round}");
        assert_eq!(values.outputs(&record, round).await.unwrap().is_empty(), !kept, "round {round}");
    }
    bed.end().await;
}

#[tokio::test]
async fn a_state_is_written_only_over_the_one_that_was_read() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let values = ClusterValues::new(bed.client.clone(), &bed.system);
    assert!(values.states(&record).await.unwrap().is_empty());
    let kept = |writes, text: &str| KeptState { writes, state: Some(text.into()), lock: None };
    values.store_state(&record, "main", &kept(1, "one")).await.unwrap();
    assert!(values.store_state(&record, "main", &kept(1, "late")).await.unwrap_err().is_conflict());
    values.store_state(&record, "other", &kept(1, "beside")).await.unwrap();
    values.store_state(&record, "main", &kept(2, "two")).await.unwrap();
    let expected =
        BTreeMap::from([("main".to_owned(), kept(2, "two")), ("other".to_owned(), kept(1, "beside"))]);
    assert_eq!(values.states(&record).await.unwrap(), expected);
    let none = KeptState { writes: 3, state: None, lock: None };
    values.store_state(&record, "main", &none).await.unwrap();
    assert_eq!(values.states(&record).await.unwrap()["main"], none);
    bed.end().await;
}
