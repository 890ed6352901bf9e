//! Snapshots, outputs and logs in the run's file, which only its owner may read.

use std::collections::BTreeMap;

use sandbind_core::{
    api::instance::Work,
    lifecycle::{
        KeptState,
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_engine::ports::{Answer, PortError, Values};
use sandbind_wire::{Bytes64, name::output_key};
use serde::{Deserialize, Serialize};

use crate::store::{Batch, Store};

/// Work and attempt of the run that wrote an output; refresh above create.
type Rank = (Work, u32);
/// The current outputs of a round.
type Current = BTreeMap<String, (Rank, Bytes64)>;

/// What one attempt left.
#[derive(Serialize, Deserialize)]
struct Left {
    outputs: BTreeMap<String, Bytes64>,
    log: String,
}

/// The values of one run.
#[derive(Debug)]
pub struct LocalValues(Store);

impl LocalValues {
    pub(crate) const fn new(store: Store) -> Self {
        Self(store)
    }
}

/// Beginning of the keys of everything that belongs to a record.
pub(crate) fn prefix(record: &Record) -> String {
    format!("values/{}/", record.uid)
}

fn snapshot_key(record: &Record, round: u32) -> String {
    format!("{}snapshot/{round}", prefix(record))
}

fn outputs_key(record: &Record, round: u32) -> String {
    format!("{}outputs/{round}", prefix(record))
}

fn states_key(record: &Record) -> String {
    format!("{}states", prefix(record))
}

fn attempt_key(record: &Record, run: &StepRun) -> String {
    format!("{}attempt/{}", prefix(record), run.pod_name())
}

impl Values for LocalValues {
    async fn snapshot(&self, record: &Record, round: u32) -> Answer<Option<Snapshot>> {
        let key = snapshot_key(record, round);
        self.0.read("reading a snapshot", move |store| store.get(&key)).await
    }

    async fn store_snapshot(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<Snapshot> {
        let (key, snapshot) = (snapshot_key(record, round), snapshot.clone());
        let store = move |batch: &mut Batch<'_>| {
            if let Some(known) = batch.get(&key)? {
                return Ok(known);
            }
            batch.put(&key, &snapshot)?;
            Ok(snapshot)
        };
        self.0.write("storing a snapshot", store).await
    }

    async fn override_delete(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<()> {
        let (key, snapshot) = (snapshot_key(record, round), snapshot.clone());
        self.0.write("replacing delete steps", move |batch| batch.put(&key, &snapshot)).await
    }

    async fn outputs(&self, record: &Record, round: u32) -> Answer<BTreeMap<String, Bytes64>> {
        let key = outputs_key(record, round);
        let read = move |store: &Store| {
            let current: Current = store.get(&key)?.unwrap_or_default();
            Ok(current.into_iter().map(|(key, (_, value))| (key, value)).collect())
        };
        self.0.read("reading outputs", read).await
    }

    async fn store_attempt(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> Answer<()> {
        let (attempt, current) = (attempt_key(record, run), outputs_key(record, run.round));
        let (run, left) = (run.clone(), Left { outputs: outputs.clone(), log: log.to_owned() });
        let store = move |batch: &mut Batch<'_>| {
            if run.work == Work::Create {
                raise(batch, &current, &[(&run, &left.outputs)])?;
            }
            batch.put(&attempt, &left)
        };
        self.0.write("storing an attempt", store).await
    }

    async fn adopt_refresh(&self, record: &Record, runs: &[StepRun]) -> Answer<()> {
        let current = runs.first().map(|run| outputs_key(record, run.round)).unwrap_or_default();
        let runs: Vec<_> = runs.iter().map(|run| (attempt_key(record, run), run.clone())).collect();
        let adopt = move |batch: &mut Batch<'_>| {
            let mut lefts = Vec::with_capacity(runs.len());
            for (key, run) in &runs {
                match batch.get::<Left>(key)? {
                    Some(left) => lefts.push((run, left)),
                    None => return Ok(Err(run.pod_name())),
                }
            }
            let lefts: Vec<_> = lefts.iter().map(|(run, left)| (*run, &left.outputs)).collect();
            Ok(Ok(raise(batch, &current, &lefts)?))
        };
        let adopted = self.0.write("adopting a refresh", adopt).await?;
        adopted.map_err(|pod| PortError::refused("adopting a refresh", format!("no attempt {pod}")))
    }

    async fn states(&self, record: &Record) -> Answer<BTreeMap<String, KeptState>> {
        let key = states_key(record);
        self.0.read("reading states", move |store| Ok(store.get(&key)?.unwrap_or_default())).await
    }

    async fn store_state(&self, record: &Record, name: &str, next: &KeptState) -> Answer<()> {
        let (key, name, next) = (states_key(record), name.to_owned(), next.clone());
        let store = move |batch: &mut Batch<'_>| {
            let mut states: BTreeMap<String, KeptState> = batch.get(&key)?.unwrap_or_default();
            if states.get(&name).map_or(0, |kept| kept.writes) + 1 != next.writes {
                return Ok(false);
            }
            states.insert(name, next);
            batch.put(&key, &states)?;
            Ok(true)
        };
        if self.0.write("storing a state", store).await? {
            Ok(())
        } else {
            Err(PortError::Conflict { what: "storing a state".to_owned() })
        }
    }

    async fn refreshed(&self, record: &Record, runs: &[StepRun]) -> Answer<BTreeMap<String, Bytes64>> {
        let runs: Vec<_> = runs.iter().map(|run| (attempt_key(record, run), run.clone())).collect();
        let read = move |store: &Store| {
            let mut all = BTreeMap::new();
            for (key, run) in &runs {
                let Some(left) = store.get::<Left>(key)? else { return Ok(Err(run.pod_name())) };
                let named = left.outputs.into_iter();
                all.extend(named.map(|(name, value)| (output_key(&run.step, &name), value)));
            }
            Ok(Ok(all))
        };
        let found = self.0.read("reading refreshed outputs", read).await?;
        found.map_err(|pod| PortError::refused("reading refreshed outputs", format!("no attempt {pod}")))
    }
}

/// Makes outputs the current ones, each unless one of higher rank is stored.
fn raise(
    batch: &mut Batch<'_>,
    key: &str,
    attempts: &[(&StepRun, &BTreeMap<String, Bytes64>)],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut current: Current = batch.get(key)?.unwrap_or_default();
    for (run, outputs) in attempts {
        let rank = (run.work, run.attempt);
        for (name, value) in *outputs {
            let name = output_key(&run.step, name);
            if current.get(&name).is_none_or(|(known, _)| *known <= rank) {
                current.insert(name, (rank, value.clone()));
            }
        }
    }
    batch.put(key, &current)
}
