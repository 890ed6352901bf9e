use std::sync::atomic::Ordering;

use super::*;
use crate::admission::memory;

fn fresh(patience: Duration) -> (Arc<memory::Memory>, Arc<Fresh<memory::Memory>>) {
    let world = memory::world(&[]);
    (Arc::clone(&world), Arc::new(Fresh::new(world, patience)))
}

#[tokio::test]
async fn who_comes_during_a_read_shares_the_next_one() {
    let (world, fresh) = fresh(Duration::from_secs(60));
    let live = &world.views;
    live.end.forget_permits(usize::MAX);
    live.begin.forget_permits(usize::MAX);
    let ask = || {
        let fresh = Arc::clone(&fresh);
        tokio::spawn(async move { fresh.view("shop", "pr-1").await.unwrap().namespace.uid.clone() })
    };
    let first = ask();
    live.begin.add_permits(1);
    while live.reads.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    // The first read has seen the objects by now: who comes here must not be served by it.
    let late: Vec<_> = (0..100).map(|_| ask()).collect();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    live.view.lock().unwrap().as_mut().unwrap().namespace =
        Arc::new(sandbind_core::binding::Namespace { uid: "newer".into(), ..Default::default() });
    live.end.add_permits(1);
    assert_eq!(first.await.unwrap(), "shop-uid");
    live.begin.add_permits(1);
    live.end.add_permits(1);
    for late in late {
        assert_eq!(late.await.unwrap(), "newer");
    }
    assert_eq!(live.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_replaced_by_the_caches_and_counted() {
    let (world, fresh) = fresh(Duration::from_millis(10));
    world.views.end.forget_permits(usize::MAX);
    assert_eq!(fresh.view("shop", "pr-1").await.unwrap().namespace.uid, "shop-uid");
    assert_eq!(world.watcher.fallbacks.load(Ordering::Relaxed), 1);
    *world.views.view.lock().unwrap() = None;
    assert!(matches!(fresh.view("shop", "pr-1").await, Err(NoView::TooLong)));
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_no_view() {
    let (world, fresh) = fresh(Duration::from_secs(60));
    *world.views.view.lock().unwrap() = None;
    assert!(matches!(fresh.view("shop", "pr-1").await, Err(NoView::NoNamespace)));
    assert_eq!(world.watcher.fallbacks.load(Ordering::Relaxed), 0);
}
