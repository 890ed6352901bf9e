//! Drives every record to where it belongs: level-triggered, one pass per record at a time.
//!
//! Hints make it quick; a look at all records at the start and every few minutes makes it right. Two drivers at once are safe,
//! only wasteful: every decision ends in a compare-and-swap.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use sandbind_core::lifecycle::observed::Timers;
use sandbind_wire::backoff::Backoff;
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    observe::Memory,
    ports::{Clock, PortError, Records, World},
};

mod agenda;
mod hints;
mod pass;
mod strays;
mod turns;

use agenda::Agenda;
pub use hints::{Hinted, Hints, hints};
use pass::{Next, Pass};
use turns::Turns;

/// Between passes over a record whose last pass failed.
const TROUBLE: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(60) };
/// Hints that come within this time make one pass.
const GATHER: Duration = Duration::from_millis(10);
/// Passes that run get this long to end when the driver is told to.
const GRACE: Duration = Duration::from_secs(5);

/// How a driver works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The timers of the installation.
    pub timers: Timers,
    /// Records in a pass at the same time, at most.
    pub workers: usize,
    /// All records are looked at this often.
    pub resync: Duration,
    /// A pass that takes longer is given up; any prefix of a pass is safe.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            workers: 16,
            resync: Duration::from_secs(300),
            patience: Duration::from_secs(120),
        }
    }
}

/// What a pass leaves: its memory, and what comes next.
type Passed = (Memory, Result<Next, Trouble>);

/// Drives every record of a world while it leads.
#[derive(Debug)]
pub struct Driver<W> {
    world: Arc<W>,
    settings: Settings,
    hinted: Hinted,
    turns: Arc<Turns>,
    agenda: Agenda,
    memories: BTreeMap<String, Memory>,
    failures: BTreeMap<String, u32>,
    passes: JoinSet<Passed>,
    running: BTreeMap<Id, String>,
    sweep: JoinSet<()>,
    resync: Instant,
}

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("a port did not do what it was asked")]
    Port(#[from] PortError),
    #[error("the pass took longer than {0:?}")]
    Slow(Duration),
}

impl<W: World> Driver<W> {
    /// A driver of a world, woken by the other end of `hinted` ([`hints`]).
    pub fn new(world: Arc<W>, settings: Settings, hinted: Hinted) -> Self {
        Self {
            world,
            settings,
            hinted,
            turns: Arc::default(),
            agenda: Agenda::default(),
            memories: BTreeMap::new(),
            failures: BTreeMap::new(),
            passes: JoinSet::new(),
            running: BTreeMap::new(),
            sweep: JoinSet::new(),
            resync: Instant::now(),
        }
    }

    /// Drives while `lead` says so, until `shutdown` resolves; then passes under way get a few seconds to end. Correctness does
    /// not rest on `lead`: it only spares work.
    pub async fn run(mut self, mut lead: watch::Receiver<bool>, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = std::pin::pin!(shutdown);
        let (mut leading, mut lead_open, mut hints_open) = (false, true, true);
        loop {
            let leads = *lead.borrow_and_update();
            if leads != leading {
                leading = leads;
                self.turn(leads);
            }
            self.gather(leading);
            let due = if leading { self.due() } else { None };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                changed = lead.changed(), if lead_open => lead_open = changed.is_ok(),
                Some(ended) = self.passes.join_next_with_id(), if !self.passes.is_empty() => self.end(ended),
                Some(_) = self.sweep.join_next(), if !self.sweep.is_empty() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.start(),
                hint = self.hinted.0.recv(), if hints_open => match hint {
                    Some(name) => self.hint(&name, leading),
                    None => hints_open = false,
                },
            }
        }
        let all = async { while self.passes.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!("passes are cut short; whoever drives next goes on");
        }
    }

    fn turn(&mut self, leads: bool) {
        if leads {
            self.resync = Instant::now();
        } else {
            self.agenda.clear();
            self.turns.forget();
            self.memories.values_mut().for_each(Memory::look_away);
        }
    }

    /// Takes the hints there are, and those that wait for a place if one is free.
    fn gather(&mut self, leading: bool) {
        while let Ok(name) = self.hinted.0.try_recv() {
            self.hint(&name, leading);
        }
        for name in self.turns.called() {
            self.hint(&name, leading);
        }
    }

    fn hint(&mut self, name: &str, leading: bool) {
        if leading {
            // A hint does not cut short the pause of a record in trouble by much.
            let pause = if self.failures.contains_key(name) { TROUBLE.first } else { GATHER };
            self.agenda.add(name, Instant::now() + pause);
        }
    }

    fn due(&self) -> Option<Instant> {
        if self.running.len() >= self.settings.workers {
            return None;
        }
        Some(self.agenda.next().map_or(self.resync, |next| next.min(self.resync)))
    }

    fn start(&mut self) {
        let now = Instant::now();
        if self.resync <= now {
            self.look_at_all(now);
        }
        let Some(name) = self.agenda.take(now) else { return };
        let mut memory = self.memories.remove(&name).unwrap_or_default();
        let (world, turns) = (Arc::clone(&self.world), Arc::clone(&self.turns));
        let Settings { timers, patience, .. } = self.settings;
        let task = {
            let name = name.clone();
            async move {
                let pass = Pass { world: &*world, timers, turns: &turns, name: &name };
                let ended = timeout(patience, Box::pin(pass.run(&mut memory))).await;
                let ended = ended.map_err(|_| Trouble::Slow(patience)).and_then(|ended| Ok(ended?));
                (memory, ended)
            }
        };
        self.running.insert(self.passes.spawn(task).id(), name);
    }

    /// All records the cache knows, and all that this driver remembers, so that those that are gone are forgotten.
    fn look_at_all(&mut self, now: Instant) {
        self.resync = now + self.settings.resync;
        let known = self.world.records().hint_all();
        let known = known.iter().map(|record| &record.name);
        for name in known.chain(self.memories.keys()) {
            self.agenda.add(name, now);
        }
        if self.sweep.is_empty() {
            let world = Arc::clone(&self.world);
            self.sweep.spawn(async move {
                if let Err(error) = strays::sweep(&*world).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "looking for stray step pods");
                }
            });
        }
    }

    fn end(&mut self, ended: Result<(Id, Passed), JoinError>) {
        let now = Instant::now();
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(name) = self.running.remove(&id) else { return };
        self.agenda.end(&name);
        let next = match ended {
            Ok((_, (memory, next))) => {
                if !matches!(next, Ok(Next::Gone)) {
                    self.memories.insert(name.clone(), memory);
                }
                next
            }
            // One record that brings the program to panic does not stop the others. Its memory is lost, which only delays.
            Err(error) => {
                tracing::error!(record = name, error = &error as &dyn std::error::Error, "a pass panicked");
                return self.trouble(&name, now);
            }
        };
        match next {
            Ok(Next::Gone | Next::Wake(None)) => {
                self.failures.remove(&name);
            }
            Ok(Next::Wake(Some(after))) => {
                self.failures.remove(&name);
                self.agenda.add(&name, now + after);
            }
            Err(error) => {
                tracing::warn!(record = name, error = &error as &dyn std::error::Error, "a pass failed");
                self.trouble(&name, now);
            }
        }
    }

    fn trouble(&mut self, name: &str, now: Instant) {
        let failures = self.failures.entry(name.to_owned()).or_default();
        *failures = failures.saturating_add(1);
        let pause = TROUBLE.jittered(*failures, self.world.clock().random());
        self.agenda.add(name, now + pause);
    }
}
