//! Holds on records: one write for all admissions that wait for the same record in this process.
//!
//! A lone admission writes at once. Those that come while a write is under way share the next one; as long as they keep coming, writes
//! become rarer, for a crowd of a thousand pods is served sooner by forty writes than by a thousand that conflict.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sandbind_core::{
    api::instance::InstanceKey,
    binding::{View, Wanted},
    identity,
    lifecycle::{
        record::Record,
        reserve::{self, ReserveDecision, ReserveRequest},
    },
    problem::Problem,
};
use tokio::sync::oneshot;

use super::{
    births::{Births, Candidate},
    ids,
    ports::{Surroundings, Watcher as _},
};
use crate::{
    ports::{Clock as _, PortError, Records as _, chain},
    trace::{self, Point},
};

/// Pauses between the writes of a crowd, by how long it has been one.
const PAUSES: &[Duration] = &[
    Duration::ZERO,
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];
/// Tries of one write before the admissions are told that it failed.
const TRIES: u32 = 8;
/// Pause after a try that failed otherwise than by a conflict.
const PAUSE: Duration = Duration::from_millis(100);

/// One admission's wish to hold one resource.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The resource.
    pub key: InstanceKey,
    /// `$(workload)` of a new record; none in Sandbox scope.
    pub workload: Option<String>,
    /// The hold.
    pub request: ReserveRequest,
    /// What the bindings say of it.
    pub wanted: Arc<Wanted>,
    /// The top owner's name, for params.
    pub owner_name: String,
    /// The objects that the admission was decided by.
    pub view: Arc<View>,
}

/// What came of a [`Wish`].
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// It holds; the record as written.
    Yes(Arc<Record>),
    /// It does not, and will not within this request.
    No(Vec<Problem>),
    /// The record's life ends: wait until it is absent and ask again.
    Going {
        /// The record.
        record: Arc<Record>,
        /// What is being deleted, one line.
        line: String,
    },
}

type Waiting = Vec<(Arc<Wish>, oneshot::Sender<Held>)>;

/// The wishes of this process, by record.
#[derive(Debug)]
pub(super) struct Reservations<W> {
    world: Arc<W>,
    births: Births,
    queues: Mutex<BTreeMap<String, Waiting>>,
}

impl<W: Surroundings> Reservations<W> {
    pub(super) fn new(world: Arc<W>) -> Arc<Self> {
        Arc::new(Self { world, births: Births::default(), queues: Mutex::default() })
    }

    /// Takes hold of the wish's record, which is made if there is none.
    pub(super) async fn hold(self: &Arc<Self>, wish: Arc<Wish>) -> Held {
        let name = identity::instance_name(&wish.key);
        let place = format!("ResourceInstance {name}");
        let (sender, receiver) = oneshot::channel();
        self.queue(name, (wish, sender));
        receiver.await.unwrap_or_else(|_| Held::No(vec![unavailable(&place, "the writer ended early")]))
    }

    fn queue(self: &Arc<Self>, name: String, wish: (Arc<Wish>, oneshot::Sender<Held>)) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = queues.get_mut(&name) {
            waiting.push(wish);
            return;
        }
        queues.insert(name.clone(), Vec::new());
        tokio::spawn(Arc::clone(self).serve(name, vec![wish]));
    }

    /// Serves one record until nobody waits for it.
    async fn serve(self: Arc<Self>, name: String, mut group: Waiting) {
        let mut crowded = 0usize;
        loop {
            self.write(&name, group).await;
            if self.waiting(&name) {
                crowded += 1;
            }
            if let Some(pause) = crowded.checked_sub(1).and_then(|nth| PAUSES.get(nth.min(PAUSES.len() - 1)))
            {
                tokio::time::sleep(*pause).await;
            }
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            group = queues.get_mut(&name).map(std::mem::take).unwrap_or_default();
            if group.is_empty() {
                queues.remove(&name);
                return;
            }
        }
    }

    fn waiting(&self, name: &str) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.get(name).is_some_and(|waiting| !waiting.is_empty())
    }

    /// One write for the whole group, tried until it is done or hopeless.
    async fn write(&self, name: &str, mut group: Waiting) {
        group.retain(|(_, answer)| !answer.is_closed());
        // A cached record is good enough to try with: the write proves that it was current.
        let mut known = self.world.records().hint(name);
        let mut cached = known.is_some();
        let mut last = None;
        for _ in 0..TRIES {
            if group.is_empty() {
                return;
            }
            if !cached {
                known = match self.world.records().read(name).await {
                    Ok(record) => record.map(Arc::new),
                    Err(error) => {
                        last = Some(error);
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
            }
            let tried = match known.take() {
                Some(record) => self.join(record, cached, &mut group).await,
                None => self.begin(name, &mut group).await,
            };
            cached = false;
            match tried {
                Ok(()) | Err(PortError::Conflict { .. } | PortError::Exists { .. }) => {}
                Err(error) => {
                    last = Some(error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        let reason = last.map_or_else(|| "it changes all the time".to_owned(), |error| chain(&error));
        let problem = unavailable(&format!("ResourceInstance {name}"), &reason);
        answer(group.drain(..), &Held::No(vec![problem]));
    }

    /// Reserves in a record that is there. What is not answered afterwards is to be tried again.
    async fn join(&self, record: Arc<Record>, cached: bool, group: &mut Waiting) -> Result<(), PortError> {
        let requests: Vec<_> = group.iter().map(|(wish, _)| &wish.request).collect();
        match reserve::reserve(&record, requests, self.world.clock().now()) {
            // Bad news is worth a look at the record itself.
            ReserveDecision::Denied(_) | ReserveDecision::Going { .. } if cached => {}
            ReserveDecision::Denied(problem) => answer(group.drain(..), &Held::No(vec![*problem])),
            ReserveDecision::Going { line } => answer(group.drain(..), &Held::Going { record, line }),
            ReserveDecision::Commit { status, denied } => {
                if cached && (*status == record.status || !denied.is_empty()) {
                    return Ok(());
                }
                let written = if *status == record.status {
                    record
                } else {
                    let commit = self.world.records().commit(&record, *status);
                    let written =
                        trace::at(self.world.tracer(), Point::Reserve, &record.name, commit).await?;
                    self.world.watcher().reserved(group.len() - denied.len());
                    Arc::new(written)
                };
                for (wish, sender) in group.drain(..) {
                    let held = match denied.get(&wish.request.reservation.id) {
                        Some(problem) => Held::No(vec![problem.clone()]),
                        None => Held::Yes(Arc::clone(&written)),
                    };
                    let _gone = sender.send(held);
                }
            }
        }
        Ok(())
    }

    /// Makes the record with the reservations of the first whose view allows it, and of all others like it.
    async fn begin(&self, name: &str, group: &mut Waiting) -> Result<(), PortError> {
        let records = self.world.records().hint_all();
        let at = self.world.clock().monotonic();
        let mut makers: Waiting = Vec::new();
        for (wish, sender) in group.drain(..) {
            if makers.is_empty() {
                let identity = wish.wanted.plugin.spec.identity();
                let candidate = Candidate { name, identity: &identity, at };
                let refuse = |view: &View| wish.wanted.refuse_new(view, &wish.key.sandbox, &wish.owner_name);
                if let Err(problems) = self.births.begin(candidate, &wish.view, &records, refuse) {
                    let _gone = sender.send(Held::No(problems));
                    continue;
                }
            }
            makers.push((wish, sender));
        }
        let Some((first, _)) = makers.first() else { return Ok(()) };
        let requests: Vec<_> = makers.iter().map(|(wish, _)| &wish.request).collect();
        let (spec, status) = reserve::begin(
            first.key.clone(),
            identity::incarnation(ids::draw(self.world.clock())),
            first.workload.clone(),
            requests,
            self.world.clock().now(),
        );
        let taken: BTreeSet<String> = status.reservations.iter().map(|one| one.id.clone()).collect();
        let create = self.world.records().create(name, spec, status);
        let made = trace::at(self.world.tracer(), Point::CreateRecord, name, create).await;
        if made.is_err() {
            self.births.failed(name);
        }
        *group = makers;
        let record = Arc::new(made?);
        self.world.watcher().reserved(taken.len());
        // Who found no room in the record has no hold on it, and asks again with those that are left.
        let held = group.extract_if(.., |(wish, _)| taken.contains(&wish.request.reservation.id));
        answer(held, &Held::Yes(record));
        Ok(())
    }
}

fn answer(group: impl Iterator<Item = (Arc<Wish>, oneshot::Sender<Held>)>, held: &Held) {
    for (_, sender) in group {
        let _gone = sender.send(held.clone());
    }
}

/// The records cannot be written.
pub(super) fn unavailable(place: &str, reason: &str) -> Problem {
    Problem::error(
        "StoreUnavailable",
        place,
        format!("the reservation could not be written: {reason}"),
        "try again; a controller does so by itself",
    )
}

#[cfg(test)]
mod tests;
