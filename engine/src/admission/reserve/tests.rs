use std::{collections::BTreeSet, sync::atomic::Ordering};

use jiff::Timestamp;
use sandbind_core::{
    api::instance::{Phase, Reservation},
    binding::{Selection, select},
};

use super::*;
use crate::admission::memory::{self, Memory};

fn wish(world: &Memory, sandbox: &str, id: &str) -> Arc<Wish> {
    let view = world.views.view.lock().unwrap().clone().unwrap();
    let labels = BTreeMap::<String, String>::new();
    let Selection::Bound(selected) = select(&view, &labels, sandbox).unwrap() else { panic!("unbound") };
    Arc::new(Wish {
        key: InstanceKey {
            namespace: "shop".into(),
            namespace_uid: "shop-uid".into(),
            sandbox: sandbox.into(),
            resource: "db".into(),
            scope: None,
        },
        workload: None,
        request: ReserveRequest {
            reservation: Reservation { id: id.into(), at: Timestamp::UNIX_EPOCH },
            wanted: BTreeSet::from(["make.url".to_owned()]),
            owner: None,
            linger_seconds: 60,
        },
        wanted: Arc::new(selected.resources[0].clone()),
        owner_name: "web".into(),
        view: Arc::new(view),
    })
}

fn setup() -> (Arc<Memory>, Arc<Reservations<Memory>>) {
    let world = memory::world(&[memory::binding(&serde_json::json!({}))]);
    (Arc::clone(&world), Reservations::new(world))
}

fn held(held: Held) -> Arc<Record> {
    match held {
        Held::Yes(record) => record,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_makes_the_record_with_its_reservation_in_one_write() {
    let (world, reservations) = setup();
    let record = held(reservations.hold(wish(&world, "pr-1", "a")).await);
    assert_eq!(record.status.phase, Phase::Creating);
    assert_eq!(record.status.reservations[0].id, "a");
    assert_eq!(world.records.writes(), 1);
}

#[tokio::test]
async fn a_lone_admission_is_not_delayed_however_many_came_before() {
    let (world, reservations) = setup();
    let begun = tokio::time::Instant::now();
    for nth in 0..200 {
        held(reservations.hold(wish(&world, "pr-1", &format!("r{nth}"))).await);
    }
    assert_eq!(world.records.writes(), 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_thousand_at_once_share_few_writes_and_none_is_denied() {
    let (world, reservations) = setup();
    *world.records.latency.lock().unwrap() = Duration::from_millis(5);
    // They come over half a second, as from an API server that is busy.
    let asking = (0..1_000u32).map(|nth| {
        let (reservations, wish) = (Arc::clone(&reservations), wish(&world, "pr-1", &format!("r{nth}")));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(500) * nth).await;
            reservations.hold(wish).await
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        held(asked.await.unwrap());
    }
    assert_eq!(world.records.only().status.reservations.len(), 1_000);
    assert!(world.records.writes() <= 50, "{} writes", world.records.writes());
    assert_eq!(world.watcher.reserved.load(Ordering::Relaxed), 1_000);
}

#[tokio::test]
async fn two_replicas_agree_by_compare_and_swap() {
    let (world, one) = setup();
    let other = Reservations::new(Arc::clone(&world));
    *world.records.latency.lock().unwrap() = Duration::from_millis(1);
    let asking = (0..100).map(|nth| {
        let replica = if nth % 2 == 0 { &one } else { &other };
        let (replica, wish) = (Arc::clone(replica), wish(&world, "pr-1", &format!("r{nth}")));
        tokio::spawn(async move { replica.hold(wish).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        held(asked.await.unwrap());
    }
    assert_eq!(world.records.only().status.reservations.len(), 100);
}

#[tokio::test]
async fn a_cache_that_is_behind_costs_a_read_and_never_a_wrong_answer() {
    let (world, reservations) = setup();
    let record = held(reservations.hold(wish(&world, "pr-1", "a")).await);
    let old = world.records.records.lock().unwrap().clone();
    // The cache says Creating; the record is going.
    world.records.change(&record.name, |record| record.status.phase = Phase::Deleting);
    *world.records.stale.lock().unwrap() = Some(old);
    assert!(matches!(reservations.hold(wish(&world, "pr-1", "b")).await, Held::Going { .. }));
    // The cache says going; the record is a new life.
    let going = world.records.records.lock().unwrap().clone();
    *world.records.stale.lock().unwrap() = Some(going);
    world.records.change(&record.name, |record| {
        record.status.phase = Phase::Creating;
        record.spec.incarnation = "next".into();
    });
    assert_eq!(held(reservations.hold(wish(&world, "pr-1", "c")).await).spec.incarnation, "next");
    // The cache knows none.
    *world.records.stale.lock().unwrap() = Some(BTreeMap::new());
    assert_eq!(held(reservations.hold(wish(&world, "pr-1", "d")).await).spec.incarnation, "next");
}

#[tokio::test]
async fn a_failed_round_denies_at_once() {
    let (world, reservations) = setup();
    let record = held(reservations.hold(wish(&world, "pr-1", "a")).await);
    world.records.change(&record.name, |record| record.status.phase = Phase::Failed);
    let Held::No(problems) = reservations.hold(wish(&world, "pr-1", "b")).await else { panic!("held") };
    assert!(problems[0].is_error());
    assert_eq!(world.records.only().status.reservations.len(), 1);
}

#[tokio::test]
async fn over_the_namespaces_limit_no_record_is_made_also_when_many_come_at_once() {
    let (world, reservations) = setup();
    *world.records.latency.lock().unwrap() = Duration::from_millis(5);
    let asking = (0..10).map(|nth| {
        let sandbox = format!("pr-{nth}");
        let (reservations, wish) = (Arc::clone(&reservations), wish(&world, &sandbox, "a"));
        tokio::spawn(async move { reservations.hold(wish).await })
    });
    let mut denied = 0;
    for asked in asking.collect::<Vec<_>>() {
        denied += usize::from(matches!(asked.await.unwrap(), Held::No(_)));
    }
    assert_eq!((denied, world.records.records.lock().unwrap().len()), (7, 3));
    // One goes after the cache has shown it: its place is free again.
    assert!(matches!(reservations.hold(wish(&world, "pr-11", "a")).await, Held::No(_)));
    let name = world.records.records.lock().unwrap().keys().next().unwrap().clone();
    world.records.drop_record(&name);
    held(reservations.hold(wish(&world, "pr-new", "a")).await);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_denial_that_says_so() {
    let (world, reservations) = setup();
    *world.records.broken.lock().unwrap() = true;
    let Held::No(problems) = reservations.hold(wish(&world, "pr-1", "a")).await else { panic!("held") };
    assert_eq!(problems[0].code, "StoreUnavailable");
    assert!(problems[0].reason.contains("it is broken"), "{}", problems[0].reason);
}
