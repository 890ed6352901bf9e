//! A cache that is behind.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sandbind_core::{
    api::instance::{InstanceKey, ResourceInstanceSpec, ResourceInstanceStatus},
    lifecycle::{
        record::{Orders, Record},
        reserve::begin,
    },
};
use tokio::time::Instant;

use super::*;
use crate::ports::Answer;

/// Reads answer version 2; the cache stays at version 1, as that of a broken watch does.
struct Behind {
    reads: AtomicUsize,
}

fn record(version: &str) -> Record {
    let (spec, status) =
        begin(InstanceKey::default(), "aaaaaaaaaaaaaaaa".into(), None, &[], jiff::Timestamp::UNIX_EPOCH);
    Record {
        name: "db".into(),
        uid: "u".into(),
        version: version.into(),
        deleting: false,
        orders: Orders::default(),
        spec,
        status,
    }
}

impl Records for Behind {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        vec![Arc::new(record("1"))]
    }

    fn hint(&self, _name: &str) -> Option<Arc<Record>> {
        Some(Arc::new(record("1")))
    }

    async fn read(&self, _name: &str) -> Answer<Option<Record>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(Some(record("2")))
    }

    async fn create(&self, _: &str, _: ResourceInstanceSpec, _: ResourceInstanceStatus) -> Answer<Record> {
        unreachable!("nothing is written")
    }

    async fn commit(&self, _: &Record, _: ResourceInstanceStatus) -> Answer<Record> {
        unreachable!("nothing is written")
    }

    async fn remove(&self, _: &Record) -> Answer<()> {
        unreachable!("nothing is written")
    }

    async fn ledger(&self, _: &Record, _: &str) -> Answer<()> {
        unreachable!("nothing is written")
    }

    async fn changed(&self, _name: &str, version: &str) {
        if version == "1" {
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_behind_is_not_read_around_all_the_time() {
    let records = Behind { reads: AtomicUsize::new(0) };
    let begin = Instant::now();
    let minute = Duration::from_secs(60);
    let never = until(&records, "db", |_| None::<()>);
    assert!(tokio::time::timeout_at(begin + minute, never).await.is_err());
    let reads = records.reads.load(Ordering::Relaxed);
    assert!((3..=15).contains(&reads), "{reads} reads in a minute");
}
