//! Step agents say how their attempt ended.

use std::collections::BTreeMap;

use sandbind_core::{
    api::instance::Work,
    lifecycle::{
        Arrival, Settlement, definition,
        record::{Record, StepRun},
        settle,
    },
};
use sandbind_wire::{
    Bytes64,
    message::{ResultAnswer, StepResult},
    name::output_key,
};

use super::{Desk, DeskError, TRIES};
use crate::{
    ports::{Answer, Caller, Clock, Records, Values, World},
    trace::{Point, at},
};

impl<W: World> Desk<W> {
    /// A step agent says how its attempt ended. The values are stored first, then the record learns of the end; said again, it
    /// is accepted again.
    pub async fn result(&self, caller: &Caller, result: &StepResult) -> Result<ResultAnswer, DeskError> {
        let run = self.run(caller).await?;
        let mut stored = None;
        for _ in 0..TRIES {
            let Some(record) = self.world.records().read(&run.instance).await? else {
                return Ok(ResultAnswer::Stale);
            };
            if record.spec.incarnation != run.incarnation || record.status.round != run.round {
                return Ok(ResultAnswer::Stale);
            }
            let snapshot = self.snapshot(&record).await?;
            let arrival = Arrival {
                holder: &caller.pod_uid,
                result,
                stored_bytes: self.stored_besides(&record, &run).await?,
                now: self.world.clock().now(),
                random: self.world.clock().random(),
            };
            match settle(&record, &run, &snapshot, &arrival) {
                Settlement::Commit { status, outputs, tell } => {
                    if stored.as_ref() != Some(&outputs) {
                        self.store(&record, &run, &outputs, &result.log).await?;
                        stored = Some(outputs);
                    }
                    if self.commit(Point::Settle, &record, *status, &tell).await?.is_some() {
                        return Ok(ResultAnswer::Accepted);
                    }
                }
                Settlement::AlreadySettled => return Ok(ResultAnswer::Accepted),
                Settlement::Stale => {
                    // The attempt was written off, but it did act: what it wrote helps to remove what it made.
                    if stored.is_none() && run.work == Work::Create && was_claimed(&record, &run) {
                        let step = definition(&snapshot, run.work, &run.step);
                        let declared = |name: &str| {
                            step.is_some_and(|step| step.outputs.iter().any(|output| output.name == name))
                        };
                        let mut outputs = result.outputs.clone();
                        outputs.retain(|name, _| declared(name));
                        self.store_late(&record, &run, outputs, &result.log, arrival.stored_bytes).await?;
                    }
                    return Ok(ResultAnswer::Stale);
                }
            }
        }
        Err(DeskError::Busy)
    }

    /// Bytes of the round's stored outputs, without those of this step.
    async fn stored_besides(&self, record: &Record, run: &StepRun) -> Answer<usize> {
        let own = output_key(&run.step, "");
        let stored = self.world.values().outputs(record, run.round).await?;
        Ok(stored.iter().filter(|(key, _)| !key.starts_with(&own)).map(|(_, value)| value.len()).sum())
    }

    async fn store(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> Answer<()> {
        let world = &*self.world;
        let write = world.values().store_attempt(record, run, outputs, log);
        at(world.tracer(), Point::StoreAttempt, &record.name, write).await
    }

    async fn store_late(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: BTreeMap<String, Bytes64>,
        log: &str,
        stored_bytes: usize,
    ) -> Answer<()> {
        use sandbind_core::workflow::{MAX_INSTANCE_BYTES, MAX_STEP_BYTES};
        let bytes: usize = outputs.values().map(Bytes64::len).sum();
        if bytes > MAX_STEP_BYTES || bytes + stored_bytes > MAX_INSTANCE_BYTES {
            return Ok(());
        }
        self.store(record, run, &outputs, log).await
    }
}

/// Whether this attempt, or a later one of its step, was claimed in this round.
fn was_claimed(record: &Record, run: &StepRun) -> bool {
    record.status.steps.iter().any(|step| {
        step.work == run.work && step.name == run.step && step.claimed && step.attempt >= run.attempt
    })
}
