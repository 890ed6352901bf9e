//! Effects become calls of ports, in order, up to the first that changes the record.

use std::{collections::BTreeSet, time::Duration};

use sandbind_core::lifecycle::{
    effect::{Change, Effect, Notice},
    observed::Observed,
    pinned,
    record::{Record, StepRun},
    replaced,
    snapshot::Snapshot,
};

use crate::{
    observe::Memory,
    ports::{Answer, Clock, Delivery, Notices, PortError, Records, Steps, Values, World},
    trace::{Point, at},
};

/// The same delivery is not made again sooner, unless the record is to change with it.
const AGAIN: Duration = Duration::from_secs(1);

/// What became of the effects of one decision.
#[derive(Debug)]
pub(crate) enum Performed {
    /// The record changed: this is it now.
    Changed(Box<Record>),
    /// The record was removed.
    Removed,
    /// Nothing changed the record; look again after this time at the latest.
    Settled(Option<Duration>),
    /// It is to be decided again, with a proof.
    ProofNeeded,
}

/// What a performance needs besides the effects.
pub(crate) struct Stage<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) record: &'a Record,
    pub(crate) observed: &'a Observed,
}

impl<W: World> Stage<'_, W> {
    /// Performs the effects in order. Step pods that cannot be made do not stop the others; their error comes at the end.
    pub(crate) async fn perform(&self, effects: Vec<Effect>, memory: &mut Memory) -> Answer<Performed> {
        let mut wake: Option<Duration> = None;
        let mut failed = None;
        let changes = effects.iter().any(|effect| matches!(effect, Effect::Commit { .. }));
        for effect in effects {
            match effect {
                Effect::Wake(after) => wake = Some(wake.map_or(after, |wake| wake.min(after))),
                Effect::ProveUnused => return Ok(Performed::ProofNeeded),
                Effect::Launch { run } => {
                    if let Err(error) = self.launch(&run, memory).await {
                        failed.get_or_insert(error);
                    }
                }
                Effect::Reap { run } => self.reap(&run).await?,
                Effect::Adopt { runs } => self.adopt(&runs).await?,
                // A crowd of pods that come at once wants its Secret written again now and then, not at every pass.
                Effect::Deliver { revision, keys }
                    if !changes && memory.has_delivered(revision, &keys, AGAIN, self.now()) =>
                {
                    wake = Some(wake.map_or(AGAIN, |wake| wake.min(AGAIN)));
                }
                Effect::Deliver { revision, keys } => {
                    deliver(self.world, self.record, revision, &keys, memory).await?;
                }
                Effect::Withdraw => withdraw(self.world, self.record).await?,
                Effect::Pin { snapshot } => return self.pin(&snapshot).await,
                Effect::Override { identity, steps } => return self.replace(&identity, steps).await,
                Effect::Commit { status, change, tell } => {
                    let point = Point::Commit(change);
                    let write = self.world.records().commit(self.record, *status);
                    let written = self.at(point, write).await?;
                    self.announce(&written, &tell).await;
                    return Ok(Performed::Changed(Box::new(written)));
                }
                Effect::Remove { forgotten } => return self.remove(forgotten.as_deref()).await,
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Performed::Settled(wake)),
        }
    }

    async fn launch(&self, run: &StepRun, memory: &mut Memory) -> Answer<()> {
        let Some(snapshot) = &self.observed.snapshot else { return Err(no_snapshot()) };
        let made = self.at(Point::Launch, self.world.steps().launch(self.record, snapshot, run)).await;
        if let Err(PortError::Refused { reason, .. }) = &made {
            let news = memory.refuse(run, reason.clone(), self.now());
            if news {
                let notice = Notice {
                    reason: "StepPodRefused",
                    warning: true,
                    message: format!(
                        "the pod of step {}, attempt {}, is refused: {reason}",
                        run.step, run.attempt
                    ),
                    owners: Vec::new(),
                };
                self.announce(self.record, &[notice]).await;
            }
        }
        made
    }

    async fn reap(&self, run: &StepRun) -> Answer<()> {
        self.at(Point::Reap, self.world.steps().reap(run)).await
    }

    async fn adopt(&self, runs: &[StepRun]) -> Answer<()> {
        self.at(Point::AdoptRefresh, self.world.values().adopt_refresh(self.record, runs)).await
    }

    async fn pin(&self, snapshot: &Snapshot) -> Answer<Performed> {
        let (records, values) = (self.world.records(), self.world.values());
        let round = self.record.status.round;
        let stored =
            self.at(Point::StoreSnapshot, values.store_snapshot(self.record, round, snapshot)).await?;
        let status = pinned(self.record, &stored, self.world.clock().now());
        let written = self.at(Point::Commit(Change::Pinned), records.commit(self.record, status)).await?;
        Ok(Performed::Changed(Box::new(written)))
    }

    async fn replace(
        &self,
        identity: &str,
        steps: Vec<sandbind_core::api::plugin::Step>,
    ) -> Answer<Performed> {
        let (records, values) = (self.world.records(), self.world.values());
        let round = self.record.status.round;
        let Some(mut snapshot) = self.observed.snapshot.clone() else { return Err(no_snapshot()) };
        snapshot.delete_override = Some(steps);
        self.at(Point::OverrideDelete, values.override_delete(self.record, round, &snapshot)).await?;
        let status = replaced(self.record, &snapshot, identity, self.world.clock().now());
        let written = self.at(Point::Commit(Change::Ordered), records.commit(self.record, status)).await?;
        Ok(Performed::Changed(Box::new(written)))
    }

    async fn remove(&self, forgotten: Option<&str>) -> Answer<Performed> {
        let records = self.world.records();
        if let Some(reason) = forgotten {
            self.at(Point::Ledger, records.ledger(self.record, reason)).await?;
        }
        self.at(Point::Remove, records.remove(self.record)).await?;
        Ok(Performed::Removed)
    }

    fn now(&self) -> Duration {
        self.world.clock().monotonic()
    }

    async fn announce(&self, record: &Record, notices: &[Notice]) {
        for notice in notices {
            self.world.notices().announce(record, notice).await;
        }
    }

    async fn at<T: Send>(&self, point: Point, write: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        at(self.world.tracer(), point, &self.record.name, write).await
    }
}

/// Writes the tenant's Secret. The values are read now, never remembered: a later attempt may have replaced them.
pub(crate) async fn deliver<W: World>(
    world: &W,
    record: &Record,
    revision: u64,
    keys: &BTreeSet<String>,
    memory: &mut Memory,
) -> Answer<()> {
    let mut values = world.values().outputs(record, record.status.round).await?;
    values.retain(|key, _| keys.contains(key));
    memory.delivery = Some((Box::new(record.clone()), revision, keys.clone()));
    at(world.tracer(), Point::Deliver, &record.name, world.delivery().deliver(record, revision, &values))
        .await?;
    memory.delivered = Some((world.clock().monotonic(), revision, keys.clone()));
    Ok(())
}

/// Removes the tenant's Secret of the record's incarnation.
pub(crate) async fn withdraw<W: World>(world: &W, record: &Record) -> Answer<()> {
    at(world.tracer(), Point::Withdraw, &record.name, world.delivery().withdraw(record)).await
}

fn no_snapshot() -> PortError {
    PortError::refused("snapshot of the round", "it is not there")
}
