use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourceBindingSpec,
        instance::{InstanceKey, Work},
    },
    lifecycle::{
        record::StepRun,
        reserve::{self, ReserveRequest},
        snapshot::Params,
    },
};
use sandbind_engine::{drive::hints, ports::Values as _};
use sandbind_wire::Bytes64;

use super::*;
use crate::{
    Stack,
    runs::{Found, Meta, Run, Runs},
    values::LocalValues,
};

fn meta() -> Meta {
    Meta {
        sandbox: "s".to_owned(),
        purpose: "a test".to_owned(),
        started: Timestamp::UNIX_EPOCH,
        stack: Stack {
            plugins: Vec::new(),
            binding: ResourceBinding::new("b", ResourceBindingSpec::default()),
            namespace: ("local".to_owned(), "local".to_owned()),
        },
        env: Params::default(),
        links: Vec::new(),
        enclosure: None,
    }
}

fn run() -> (tempfile::TempDir, Runs, Run) {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::at(folder.path().join("runs"));
    let run = runs.create(meta()).unwrap();
    (folder, runs, run)
}

fn records(run: &Run) -> LocalRecords {
    LocalRecords::load(run.store.clone(), hints().0).unwrap()
}

async fn made(records: &LocalRecords) -> Record {
    let key = InstanceKey { resource: "db".to_owned(), ..InstanceKey::default() };
    let requests: [ReserveRequest; 0] = [];
    let (spec, status) = reserve::begin(key, "abc".to_owned(), None, &requests, Timestamp::UNIX_EPOCH);
    records.create("one", spec, status).await.unwrap()
}

#[tokio::test]
async fn a_name_is_made_once_and_read_back_whole() {
    let (_folder, _runs, run) = run();
    let records = records(&run);
    assert_eq!(records.read("one").await.unwrap(), None);
    let record = made(&records).await;
    assert_eq!(records.read("one").await.unwrap().as_ref(), Some(&record));
    let again = records.create("one", record.spec.clone(), record.status.clone()).await;
    assert!(matches!(again, Err(PortError::Exists { .. })));
}

#[tokio::test]
async fn a_write_on_an_old_version_conflicts_and_changes_nothing() {
    let (_folder, _runs, run) = run();
    let records = records(&run);
    let first = made(&records).await;
    let mut status = first.status.clone();
    status.message = "second".to_owned();
    let second = records.commit(&first, status.clone()).await.unwrap();
    assert_ne!(second.version, first.version);
    status.message = "third".to_owned();
    assert!(records.commit(&first, status.clone()).await.unwrap_err().is_conflict());
    assert!(records.remove(&first).await.unwrap_err().is_conflict());
    assert_eq!(records.read("one").await.unwrap(), Some(second.clone()));
    records.remove(&second).await.unwrap();
    records.remove(&second).await.unwrap();
    assert!(records.commit(&second, status).await.unwrap_err().is_conflict(), "gone is a conflict");
    let next = made(&records).await;
    assert!(next.uid != second.uid && records.commit(&second, second.status.clone()).await.is_err());
}

#[tokio::test]
async fn of_many_writers_on_one_version_one_wins() {
    let (_folder, _runs, run) = run();
    let records = Arc::new(records(&run));
    let first = made(&records).await;
    let writers = (0..8).map(|nth| {
        let (records, first) = (records.clone(), first.clone());
        tokio::spawn(async move {
            let status = ResourceInstanceStatus { message: nth.to_string(), ..first.status.clone() };
            records.commit(&first, status).await.is_ok()
        })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        won += usize::from(writer.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_change_is_seen_by_who_waits_for_it_and_at_once_by_who_is_late() {
    let (_folder, _runs, run) = run();
    let records = Arc::new(records(&run));
    let waiting = tokio::spawn({
        let records = records.clone();
        async move { records.changed("one", "").await }
    });
    let record = made(&records).await;
    waiting.await.unwrap();
    records.changed("one", "").await;
    records.remove(&record).await.unwrap();
    records.changed("one", &record.version).await;
}

#[tokio::test]
async fn a_run_is_held_by_one_process_and_what_it_wrote_is_found_after_it() {
    let (_folder, runs, run) = run();
    let id = run.id.clone();
    let record = made(&records(&run)).await;
    assert!(matches!(runs.take(&id), Ok(Some(Found::Alive))));
    let file = runs.folder().join(format!("{id}.redb"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(runs.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    drop(run);
    let Ok(Some(Found::Left(found))) = runs.take(&id) else { panic!("it is left") };
    assert_eq!(found.records().unwrap(), [record]);
    found.finish().unwrap();
    assert!(matches!(runs.take(&id), Ok(None)));
    assert_eq!(fs::read_dir(runs.folder()).unwrap().count(), 0);
}

#[tokio::test]
async fn values_of_a_higher_rank_stay_and_all_go_with_the_record() {
    let (_folder, _runs, run) = run();
    let (records, values) = (records(&run), LocalValues::new(run.store.clone()));
    let record = made(&records).await;
    let attempt = |work, attempt| StepRun {
        instance: "one".to_owned(),
        incarnation: "abc".to_owned(),
        round: 1,
        work,
        step: "make".to_owned(),
        attempt,
    };
    let output = |value: &str| BTreeMap::from([("url".to_owned(), Bytes64::from(value))]);
    let current = async || values.outputs(&record, 1).await.unwrap().get("make.url").cloned();
    values.store_attempt(&record, &attempt(Work::Create, 2), &output("new"), "").await.unwrap();
    values.store_attempt(&record, &attempt(Work::Create, 1), &output("late"), "").await.unwrap();
    assert_eq!(current().await, Some("new".into()), "a late attempt does not take the place of a newer one");
    values.store_attempt(&record, &attempt(Work::Refresh, 1), &output("fresh"), "").await.unwrap();
    assert_eq!(current().await, Some("new".into()), "a refresh counts once it is adopted");
    let unknown =
        values.adopt_refresh(&record, &[attempt(Work::Refresh, 1), attempt(Work::Refresh, 7)]).await;
    assert!(matches!(unknown, Err(PortError::Refused { .. })));
    assert_eq!(current().await, Some("new".into()), "all or nothing");
    values.adopt_refresh(&record, &[attempt(Work::Refresh, 1)]).await.unwrap();
    assert_eq!(current().await, Some("fresh".into()));
    records.remove(&record).await.unwrap();
    assert_eq!(current().await, None);
    assert_eq!(
        records.hint_all().iter().map(|record| &record.name).collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
}
