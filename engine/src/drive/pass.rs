//! One pass over one record: read, observe, decide, perform, and again until nothing changes the record any more.

use std::time::Duration;

use sandbind_core::{
    api::instance::{FORMAT_VERSION, Phase},
    lifecycle::{decide, effect::Effect, observed::Timers, record::Record},
};

use super::turns::Turns;
use crate::{
    observe::{Memory, observe},
    perform::{Performed, Stage, deliver, withdraw},
    ports::{Answer, Clock, Records, Usage, World},
};

/// Changes of one record in one pass; after that others get their turn.
const CHANGES: usize = 32;
/// Conflicts in one pass; after that there is a pause.
const CONFLICTS: u32 = 8;

/// What a pass leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There is no such record.
    Gone,
    /// Look again after this time at the latest; `None`: when something happens.
    Wake(Option<Duration>),
}

/// A pass and what it stands on.
pub(super) struct Pass<'a, W> {
    pub(super) world: &'a W,
    pub(super) timers: Timers,
    pub(super) turns: &'a Turns,
    pub(super) name: &'a str,
}

impl<W: World> Pass<'_, W> {
    pub(super) async fn run(&self, memory: &mut Memory) -> Answer<Next> {
        let mut conflicts = 0;
        let mut known: Option<Record> = None;
        for _ in 0..CHANGES {
            let read = match known.take() {
                Some(record) => Some(record),
                None => self.world.records().read(self.name).await?,
            };
            self.turns.stands(self.name, read.as_ref());
            self.confirm_delivery(read.as_ref(), memory).await?;
            let Some(record) = read else { return Ok(Next::Gone) };
            if record.spec.format_version > FORMAT_VERSION {
                tracing::warn!(
                    record = self.name,
                    format = record.spec.format_version,
                    "left to a newer program"
                );
                return Ok(Next::Wake(None));
            }
            match self.round(&record, memory).await {
                Ok(Performed::Changed(record)) => known = Some(*record),
                Ok(Performed::Removed) => {}
                Ok(Performed::Settled(wake)) => {
                    if memory.delivery.is_some() {
                        // What was delivered without a change of the record holds only if the record is still the same.
                        let read = self.world.records().read(self.name).await?;
                        self.confirm_delivery(read.as_ref(), memory).await?;
                        if read.is_none_or(|read| read.version != record.version) {
                            continue;
                        }
                    }
                    return Ok(Next::Wake(wake));
                }
                Ok(Performed::ProofNeeded) => return Ok(Next::Wake(Some(Duration::from_secs(1)))),
                Err(error) if error.is_conflict() && conflicts < CONFLICTS => {
                    conflicts += 1;
                    let jitter = self.world.clock().random() % (10 << conflicts);
                    tokio::time::sleep(Duration::from_millis(u64::from(jitter))).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Wake(Some(Duration::ZERO)))
    }

    /// Observe, decide, perform; with a proof, if the decision asks for one, on the same revision.
    async fn round(&self, record: &Record, memory: &mut Memory) -> Answer<Performed> {
        let may_start = record.status.phase == Phase::Creating && self.turns.may_start(self.world, record);
        let mut observed = observe(self.world, self.timers, record, memory, may_start).await?;
        let mut effects = decide(record, &observed);
        if effects.contains(&Effect::ProveUnused) {
            // What comes before it is done first: it holds whatever the proof says.
            let at = effects.iter().position(|effect| *effect == Effect::ProveUnused).unwrap_or_default();
            effects.truncate(at);
            let stage = Stage { world: self.world, record, observed: &observed };
            let before = stage.perform(effects, memory).await?;
            if !matches!(before, Performed::Settled(_)) {
                return Ok(before);
            }
            observed.proof = Some(self.world.usage().prove(record).await?);
            effects = decide(record, &observed);
        }
        let stage = Stage { world: self.world, record, observed: &observed };
        stage.perform(effects, memory).await
    }

    /// A delivery counts once the record, read or written after it, says the same. A writer that slept may have delivered what
    /// is old by now, or to nobody: that is put right here.
    async fn confirm_delivery(&self, record: Option<&Record>, memory: &mut Memory) -> Answer<()> {
        let Some((made_for, revision, keys)) = memory.delivery.clone() else { return Ok(()) };
        match record {
            Some(record) if record.spec.incarnation == made_for.spec.incarnation => match record.status.phase
            {
                _ if record.deleting || record.status.phase == Phase::Deleting => {
                    withdraw(self.world, &made_for).await?;
                }
                Phase::Ready if (record.status.revision, &record.status.delivered) != (revision, &keys) => {
                    let (revision, keys) = (record.status.revision, record.status.delivered.clone());
                    return deliver(self.world, record, revision, &keys, memory).await;
                }
                _ => {}
            },
            _ => withdraw(self.world, &made_for).await?,
        }
        memory.delivery = None;
        Ok(())
    }
}
