//! How long one admission may still wait, and whether it may wait at all.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    hold::{Hold, Holds},
    ports::{Surroundings, Watcher as _},
};

/// No budget is longer: API servers wait for a webhook for 30 s at most.
const LONGEST: Duration = Duration::from_secs(30);

/// The waiting of one admission. It takes a place among the held ones when it first waits, and gives it back when it is dropped.
#[derive(Debug)]
pub(super) struct Patience<W: Surroundings> {
    world: Arc<W>,
    holds: Arc<Holds>,
    user: String,
    draining: watch::Receiver<bool>,
    arrival: Instant,
    latest: Instant,
    seat: Mutex<Option<Seat<W>>>,
}

#[derive(Debug)]
struct Seat<W: Surroundings> {
    world: Arc<W>,
    since: Instant,
    _hold: Hold,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The event came.
    Came,
    /// Time was up, no place was free, or this program ends.
    InVain,
}

impl<W: Surroundings> Patience<W> {
    pub(super) fn new(
        world: Arc<W>,
        holds: Arc<Holds>,
        user: String,
        draining: watch::Receiver<bool>,
        budget: Duration,
    ) -> Self {
        let arrival = Instant::now();
        // A caller's own words, such as `?timeout=`, may be beyond what a clock can tell.
        let budget = budget.min(LONGEST);
        Self { world, holds, user, draining, arrival, latest: arrival + budget, seat: Mutex::new(None) }
    }

    /// This long after the admission came, but within its budget.
    pub(super) fn within(&self, block: Duration) -> Instant {
        (self.arrival + block).min(self.latest)
    }

    /// The end of the budget.
    pub(super) fn latest(&self) -> Instant {
        self.latest
    }

    /// Waits for the event, if this admission may be held, until this time at the latest.
    pub(super) async fn wait(&self, until: Instant, event: impl Future<Output = ()>) -> Waited {
        if until <= Instant::now() || *self.draining.borrow() || !self.sit() {
            return Waited::InVain;
        }
        let mut draining = self.draining.clone();
        tokio::select! {
            came = timeout_at(until, event) => if came.is_ok() { Waited::Came } else { Waited::InVain },
            _ending = draining.wait_for(|draining| *draining) => Waited::InVain,
        }
    }

    fn sit(&self) -> bool {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        if seat.is_none() {
            *seat = self.holds.take(&self.user).map(|hold| {
                self.world.watcher().held(true);
                Seat { world: Arc::clone(&self.world), since: Instant::now(), _hold: hold }
            });
        }
        seat.is_some()
    }
}

impl<W: Surroundings> Drop for Seat<W> {
    fn drop(&mut self) {
        self.world.watcher().held(false);
        self.world.watcher().waited(self.since.elapsed());
    }
}
