//! Step agents ask for the right to run their attempt.

use std::time::Duration;

use sandbind_core::{
    api::instance::Work,
    lifecycle::{
        ClaimDecision, claim, definition,
        record::{Record, StepRun},
        refreshed,
        snapshot::Snapshot,
    },
    workflow::assignment::{Attempt, Given, assignment},
};
use sandbind_wire::message::{Assignment, ClaimAnswer, ClaimRequest};
use tokio::time::{Instant, timeout_at};

use super::{Desk, DeskError};
use crate::{
    ports::{Answer, Caller, Clock, PortError, Records, Values, World},
    trace::Point,
    wait::Changes,
};

impl<W: World> Desk<W> {
    /// A step agent asks for its attempt. The same process gets the same answer again.
    pub async fn claim(&self, caller: &Caller, request: &ClaimRequest) -> Result<ClaimAnswer, DeskError> {
        let run = self.run(caller).await?;
        let deadline = Instant::now() + self.patience.claim;
        let records = self.world.records();
        let mut changes = Changes::default();
        loop {
            let Some(record) = records.read(&run.instance).await? else {
                return Ok(refused("the resource is gone"));
            };
            if record.spec.incarnation != run.incarnation || record.status.round != run.round {
                return Ok(refused("the pod belongs to another life or round of the resource"));
            }
            let snapshot = self.snapshot(&record).await?;
            let now = self.world.clock().now();
            match claim(&record, &run, &snapshot, &caller.pod_uid, &request.nonce, now) {
                ClaimDecision::Won(status) => {
                    if let Some(written) = self.commit(Point::Claim, &record, *status, &[]).await? {
                        return self.assign(&written, &run, &snapshot, Duration::ZERO).await;
                    }
                }
                ClaimDecision::Again { late } => return self.assign(&record, &run, &snapshot, late).await,
                ClaimDecision::Refused(reason) => return Ok(ClaimAnswer::Refused { reason }),
                ClaimDecision::Wait => {
                    if timeout_at(deadline, changes.since(records, &[(&*run.instance, Some(&record))]))
                        .await
                        .is_err()
                    {
                        return Ok(ClaimAnswer::Wait);
                    }
                }
            }
            if Instant::now() >= deadline {
                return Ok(ClaimAnswer::Wait);
            }
        }
    }

    /// The snapshot of the record's round, which is there as long as a step of it may run.
    pub(super) async fn snapshot(&self, record: &Record) -> Answer<Snapshot> {
        let round = record.status.round;
        let found = self.world.values().snapshot(record, round).await?;
        found.ok_or_else(|| PortError::refused(format!("snapshot of round {round}"), "it is not there"))
    }

    async fn assign(
        &self,
        record: &Record,
        run: &StepRun,
        snapshot: &Snapshot,
        late: Duration,
    ) -> Result<ClaimAnswer, DeskError> {
        let mut outputs = self.world.values().outputs(record, run.round).await?;
        if run.work == Work::Refresh {
            outputs.extend(self.world.values().refreshed(record, &refreshed(record)).await?);
        }
        let told = |step| -> Assignment {
            let attempt =
                Attempt { spec: &record.spec, round: run.round, work: run.work, step, attempt: run.attempt };
            let given = Given {
                plugin: &snapshot.plugin,
                params: &snapshot.params.0,
                outputs: &outputs,
                routing_key: &snapshot.routing_key,
            };
            assignment(&attempt, &given, late)
        };
        Ok(match definition(snapshot, run.work, &run.step) {
            Some(step) => ClaimAnswer::Run(Box::new(told(step))),
            None => refused("no such step"),
        })
    }
}

fn refused(reason: &str) -> ClaimAnswer {
    ClaimAnswer::Refused { reason: reason.to_owned() }
}
