//! From a wish to a hold: reserve, wait until the resource is usable, begin anew when its life ends.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sandbind_core::{
    api::binding::WaitMode,
    lifecycle::{
        record::Record,
        reserve::{self, Standing},
    },
    problem::Problem,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    patience::{Patience, Waited},
    ports::Surroundings,
    reserve::{Held, Reservations, Wish},
};
use crate::ports::{Clock as _, Records as _};

/// No wait is looped over faster than this, whatever the records' adapter says.
const BREATH: Duration = Duration::from_millis(20);
/// Lives remembered for which an admission waited in vain.
const REMEMBERED: usize = 1_024;

/// A resource that the pod holds.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// The record.
    pub record: Arc<Record>,
    /// Whether the pod's sidecar must wait for the runner's word.
    pub gated: bool,
}

/// Waits on behalf of admissions.
#[derive(Debug)]
pub(super) struct Waiting<W> {
    world: Arc<W>,
    reservations: Arc<Reservations<W>>,
    vain: Mutex<Vain>,
}

#[derive(Debug, Default)]
struct Vain {
    lives: BTreeSet<String>,
    order: VecDeque<String>,
}

enum Seen {
    Ready(Arc<Record>),
    Unready(Arc<Record>, String),
    Failed(Box<Problem>),
    Gone,
}

impl<W: Surroundings> Waiting<W> {
    pub(super) fn new(world: Arc<W>) -> Self {
        let reservations = Reservations::new(Arc::clone(&world));
        Self { world, reservations, vain: Mutex::default() }
    }

    /// Holds the wish's resource, waiting as its binding says.
    pub(super) async fn settle(
        &self,
        wish: &Arc<Wish>,
        patience: &Patience<W>,
    ) -> Result<Holding, Vec<Problem>> {
        loop {
            match self.reservations.hold(Arc::clone(wish)).await {
                Held::No(problems) => return Err(problems),
                Held::Going { record, line } => self.outlive(&record, &line, wish, patience).await?,
                Held::Yes(record) => match self.watch(record, wish, patience).await {
                    Seen::Ready(record) => return Ok(Holding { record, gated: false }),
                    Seen::Unready(_, line) if wish.wanted.mode == WaitMode::Block => {
                        return Err(vec![unready(wish, &line)]);
                    }
                    Seen::Unready(record, _) => return Ok(Holding { record, gated: true }),
                    Seen::Failed(problem) => return Err(vec![*problem]),
                    Seen::Gone if Instant::now() < patience.latest() => {}
                    Seen::Gone => return Err(vec![vanished(wish)]),
                },
            }
        }
    }

    /// Waits until this life is over.
    async fn outlive(
        &self,
        record: &Arc<Record>,
        line: &str,
        wish: &Wish,
        patience: &Patience<W>,
    ) -> Result<(), Vec<Problem>> {
        let life = &record.spec.incarnation;
        let denied = || Err(vec![still_deleting(record, wish, line)]);
        if wish.wanted.mode == WaitMode::Gate || self.vain().lives.contains(life) {
            return denied();
        }
        let absent = async {
            sleep(BREATH).await;
            while let Some(seen) = self.world.records().hint(&record.name) {
                if seen.spec.incarnation != *life {
                    break;
                }
                self.world.records().changed(&record.name, &seen.version).await;
                sleep(BREATH).await;
            }
        };
        let until = patience.within(wish.wanted.block);
        match patience.wait(until, absent).await {
            Waited::Came => Ok(()),
            Waited::InVain => {
                if Instant::now() >= until {
                    self.vain().remember(life);
                }
                denied()
            }
        }
    }

    /// Waits until the held resource is usable, has failed, or the binding's patience is at its end.
    async fn watch(&self, mut record: Arc<Record>, wish: &Wish, patience: &Patience<W>) -> Seen {
        let until = patience.within(wish.wanted.block);
        loop {
            let now = self.world.clock().now();
            let line = match reserve::standing(&record, &wish.request.wanted, now) {
                Standing::Ready => return Seen::Ready(record),
                Standing::Failed(problem) => return Seen::Failed(problem),
                Standing::Going { .. } => return Seen::Gone,
                Standing::Creating { line } => line,
            };
            if wish.wanted.mode == WaitMode::Gate {
                return Seen::Unready(record, line);
            }
            let changed = self.world.records().changed(&record.name, &record.version);
            if patience.wait(until, changed).await == Waited::InVain {
                return Seen::Unready(record, line);
            }
            match timeout_at(until, self.newer(&record, &wish.request.reservation.id)).await {
                Ok(Some(newer)) => record = newer,
                Ok(None) => return Seen::Gone,
                Err(_) => return Seen::Unready(record, line),
            }
        }
    }

    /// The same life of the record, at least as new; `None` when that life is over.
    async fn newer(&self, record: &Arc<Record>, reservation: &str) -> Option<Arc<Record>> {
        let same_life = |seen: &Record| seen.spec.incarnation == record.spec.incarnation;
        if let Some(seen) = self.world.records().hint(&record.name) {
            if same_life(&seen) && seen.version == record.version {
                sleep(BREATH).await;
                return Some(seen);
            }
            // A copy that has our own reservation is not from before it.
            let ours = |seen: &Record| seen.status.reservations.iter().any(|open| open.id == reservation);
            if same_life(&seen) && ours(&seen) {
                return Some(seen);
            }
        }
        sleep(BREATH).await;
        match self.world.records().read(&record.name).await {
            Ok(seen) => seen.filter(same_life).map(Arc::new),
            Err(_) => Some(Arc::clone(record)),
        }
    }

    fn vain(&self) -> std::sync::MutexGuard<'_, Vain> {
        self.vain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vain {
    fn remember(&mut self, life: &str) {
        if self.lives.insert(life.to_owned()) {
            self.order.push_back(life.to_owned());
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.lives.remove(&oldest);
            }
        }
    }
}

fn place(wish: &Wish) -> String {
    let key = &wish.key;
    format!("Sandbox {}/{}: {}", key.namespace, key.sandbox, key.resource)
}

fn unready(wish: &Wish, line: &str) -> Problem {
    let key = &wish.key;
    Problem::error(
        "NotReady",
        place(wish),
        format!("`{}` is not ready yet: {line}", key.resource),
        format!(
            "the pod is admitted once it is (`sandbind sandbox wait {} --for ready -n {}`); `wait.mode: Auto` would admit it gated",
            key.sandbox, key.namespace
        ),
    )
}

fn still_deleting(record: &Record, wish: &Wish, line: &str) -> Problem {
    let key = &wish.key;
    Problem::error(
        "StillDeleting",
        place(wish),
        format!("the previous `{}` is still being deleted: {line}", key.resource),
        format!(
            "the pod is admitted once it is gone (`sandbind sandbox why {} -n {}`); when its delete script is broken, a cluster admin runs \
             `sandbind orphans retry {} --plugin NAME@VERSION`",
            key.sandbox, key.namespace, record.name
        ),
    )
}

fn vanished(wish: &Wish) -> Problem {
    Problem::error(
        "Vanished",
        place(wish),
        format!("`{}` was removed while the pod waited for it", wish.key.resource),
        "try again; a controller does so by itself",
    )
}
