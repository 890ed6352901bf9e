//! Runners: the real driver and the real desk, that end at any write point and are started again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use sandbind_engine::{
    desk::{Desk, DeskError, Patience},
    drive::{Driver, Settings, hints},
    memory::Program,
    trace::{Point, Side, Tracer},
};
use tokio::sync::watch;

use crate::house::House;

/// Write points as they are reached, by all runners of a run, and those at which one ends.
#[derive(Debug, Default)]
pub(crate) struct Points {
    pub(crate) reached: Mutex<Vec<(Side, Point)>>,
    /// Indices into `reached`.
    pub(crate) ends_at: BTreeSet<usize>,
}

/// Ends its runner at a point: whoever reaches it never goes on.
#[derive(Debug)]
pub(crate) struct EndsAt {
    house: Arc<House>,
    end: watch::Sender<bool>,
}

impl Tracer for EndsAt {
    async fn reach(&self, side: Side, point: Point, record: &str) {
        if *self.end.borrow() {
            return std::future::pending().await;
        }
        let index = {
            let mut reached = self.house.points.reached.lock().unwrap();
            reached.push((side, point));
            reached.len() - 1
        };
        let faults = self.house.crash_per_mille();
        let by_chance = self.house.cluster.chance().happens(faults);
        if self.house.points.ends_at.contains(&index) || by_chance {
            self.house.log(&format!("runner ends {side:?} {point} of {record} (point {index})"));
            self.end.send_replace(true);
            std::future::pending::<()>().await;
        }
    }
}

/// A runner that is up.
#[derive(Clone, Debug)]
pub(crate) struct Up {
    desk: Desk<Program<EndsAt>>,
    ended: watch::Receiver<bool>,
}

/// Starts a runner again and again.
pub(crate) async fn runner(house: Arc<House>, index: usize) {
    loop {
        let (end, mut ended) = watch::channel(false);
        let tracer = EndsAt { house: Arc::clone(&house), end };
        let world = Arc::new(Program::new(Arc::clone(&house.cluster), tracer));
        let (hints, hinted) = hints();
        house.cluster.watch(hints.clone());
        let desk = Desk::new(Arc::clone(&world), hints, Patience::default());
        house.runners.lock().unwrap()[index] = Some(Up { desk, ended: ended.clone() });
        let (_lead, leads) = watch::channel(true);
        let driver = Driver::new(world, Settings::default(), hinted);
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => {}
            () = Box::pin(driver.run(leads, std::future::pending())) => {}
        }
        house.runners.lock().unwrap()[index] = None;
        let pause = house.cluster.chance().up_to(Duration::from_secs(20));
        tokio::time::sleep(pause).await;
    }
}

/// Asks any runner that is up; `None`: it did not answer.
pub(crate) async fn ask<T>(
    house: &House,
    question: impl AsyncFnOnce(&Desk<Program<EndsAt>>) -> Result<T, DeskError>,
) -> Option<Result<T, DeskError>> {
    let up: Vec<Up> = house.runners.lock().unwrap().iter().flatten().cloned().collect();
    let chosen = house.cluster.chance().below(up.len() as u64) as usize;
    let Up { desk, mut ended } = up.get(chosen)?.clone();
    tokio::select! {
        biased;
        _ = ended.wait_for(|ended| *ended) => None,
        answer = question(&desk) => Some(answer),
    }
}
