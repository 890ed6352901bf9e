//! Processes of steps, as the engine sees pods. Each is written down before it starts, so that whoever comes after a crash finds
//! and ends it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sandbind_core::{
    api::instance::Work,
    lifecycle::{
        observed::{StepPod, StepPodState},
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_engine::{
    drive::Hints,
    ports::{Answer, PortError, Steps},
};
use sandbind_step_agent::script::Stop;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    clock,
    store::{Store, StoreError},
};

const PREFIX: &str = "step/";

/// What is known of a step's process.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    run: StepRun,
    uid: String,
    nonce: String,
    ended: bool,
}

/// A step that is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Launched {
    /// What.
    pub(crate) run: StepRun,
    /// Who holds its claim.
    pub(crate) uid: String,
    /// The nonce of the claim, and the mark of its processes.
    pub(crate) nonce: String,
}

/// The steps of one run.
#[derive(Debug)]
pub struct LocalSteps {
    store: Store,
    hints: Hints,
    launched: UnboundedSender<Launched>,
    known: Mutex<BTreeMap<String, (Stored, StepPodState, Instant)>>,
    stops: Mutex<BTreeMap<StepRun, Stop>>,
}

impl LocalSteps {
    /// Those of the file. What an earlier process left running is ended: nothing of it acts any more when this returns.
    pub(crate) fn load(
        store: Store,
        hints: Hints,
        launched: UnboundedSender<Launched>,
    ) -> Result<Self, StoreError> {
        let broken = |source| StoreError::Broken { path: "steps".to_owned(), source };
        let stored: Vec<(String, Stored)> = store.all(PREFIX).map_err(broken)?;
        for (_, step) in stored.iter().filter(|(_, step)| !step.ended) {
            sandbind_step_agent::processes::end_marked(&step.nonce);
        }
        let now = Instant::now();
        let known = stored.into_iter().map(|(name, step)| (name, (step, StepPodState::Ended, now)));
        Ok(Self { store, hints, launched, known: Mutex::new(known.collect()), stops: Mutex::default() })
    }

    /// The run that the holder of this uid was made for.
    pub(crate) fn run_of(&self, uid: &str) -> Option<StepRun> {
        let known = self.known();
        known.values().find(|(step, ..)| step.uid == uid).map(|(step, ..)| step.run.clone())
    }

    /// How the process of a run stands now.
    pub(crate) async fn stands(&self, run: &StepRun, state: StepPodState) -> Answer<()> {
        let name = run.pod_name();
        let step = {
            let mut known = self.known();
            let Some((step, standing, _)) = known.get_mut(&name) else { return Ok(()) };
            *standing = state;
            step.ended = state == StepPodState::Ended;
            step.clone()
        };
        if step.ended {
            self.put(&name, step).await?;
        }
        self.hints.wake(&run.instance);
        Ok(())
    }

    /// What ends the process of this run before its time.
    pub(crate) fn stop_of(&self, run: &StepRun) -> Stop {
        self.stops().entry(run.clone()).or_default().clone()
    }

    /// Asks what runs of a kind of work to end, as at its deadline.
    pub fn stop(&self, work: Work) {
        for (_, stop) in self.stops().iter().filter(|(run, _)| run.work == work) {
            stop.stop();
        }
    }

    fn stops(&self) -> MutexGuard<'_, BTreeMap<StepRun, Stop>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, name: &str, step: Stored) -> Answer<()> {
        let key = format!("{PREFIX}{name}");
        self.store.write("writing down a step's process", move |batch| batch.put(&key, &step)).await
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, (Stored, StepPodState, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steps for LocalSteps {
    async fn pods(&self, record: &Record) -> Answer<BTreeMap<StepRun, StepPod>> {
        let known = self.known();
        let own = known.values().filter(|(step, ..)| step.run.instance == record.name);
        let pod = |(step, state, since): &(Stored, StepPodState, Instant)| {
            let age: Duration = since.elapsed();
            (step.run.clone(), StepPod { uid: step.uid.clone(), state: *state, why: String::new(), age })
        };
        Ok(own.map(pod).collect())
    }

    fn hint_all(&self) -> Vec<StepRun> {
        self.known().values().map(|(step, ..)| step.run.clone()).collect()
    }

    async fn launch(&self, _record: &Record, _snapshot: &Snapshot, run: &StepRun) -> Answer<()> {
        let name = run.pod_name();
        if self.known().contains_key(&name) {
            return Ok(());
        }
        let id = || clock::id().map_err(|error| PortError::failed("starting a step", error));
        let (uid, nonce) = (id()?, id()?);
        let step = Stored { run: run.clone(), uid: uid.clone(), nonce: nonce.clone(), ended: false };
        self.put(&name, step.clone()).await?;
        self.known().insert(name, (step, StepPodState::Starting, Instant::now()));
        let launched = Launched { run: run.clone(), uid, nonce };
        self.launched.send(launched).map_err(|error| PortError::failed("starting a step", error.to_string()))
    }

    async fn reap(&self, run: &StepRun) -> Answer<()> {
        let name = run.pod_name();
        let key = format!("{PREFIX}{name}");
        self.store.write("forgetting a step's process", move |batch| batch.remove(&key)).await?;
        self.known().remove(&name);
        if let Some(stop) = self.stops().remove(run) {
            stop.stop();
        }
        Ok(())
    }
}
