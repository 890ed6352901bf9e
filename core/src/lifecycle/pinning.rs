//! What a round is bound to: its snapshot, and other delete steps when those of the snapshot do not do.

use jiff::Timestamp;

use super::{
    conditions::{self, Outdated},
    record::Record,
    snapshot::Snapshot,
    steps,
};
use crate::{
    api::instance::{PinnedPlugin, ResourceInstanceStatus, StepState, Work},
    workflow::applicable,
};

/// The status once the round's snapshot is stored: what it is pinned to, and its create steps.
pub fn pinned(record: &Record, snapshot: &Snapshot, now: Timestamp) -> ResourceInstanceStatus {
    let mut status = record.status.clone();
    status.plugin = Some(PinnedPlugin {
        identity: snapshot.identity.clone(),
        uid: snapshot.uid.clone(),
        hash: snapshot.hash(),
        output_keys: snapshot.deliverable(),
        refresh_seconds: snapshot.plugin.refresh.as_ref().map(|refresh| refresh.every.as_secs()),
    });
    for step in &snapshot.plugin.create {
        if steps::find(&status, Work::Create, &step.name).is_none() {
            status.steps.push(steps::fresh(Work::Create, &step.name));
        }
    }
    conditions::outdated(&mut status, &Outdated::No, now);
    conditions::update(&mut status, now);
    status
}

/// The status once other delete steps, those of `identity`, are in the snapshot: all that apply run (again), at once.
pub fn replaced(
    record: &Record,
    snapshot: &Snapshot,
    identity: &str,
    now: Timestamp,
) -> ResourceInstanceStatus {
    let mut status = record.status.clone();
    status.delete_with =
        record.orders.delete_with.clone().filter(|order| order == identity).or(status.delete_with);
    relist(&mut status, snapshot);
    conditions::update(&mut status, now);
    status
}

/// Whether the snapshot got other delete steps and the record was not written after: it tells of the ones before.
pub(super) fn unlisted(status: &ResourceInstanceStatus, snapshot: &Snapshot) -> bool {
    status.delete_steps != snapshot.override_hash()
}

/// The delete steps in force, all of them to be run.
pub(super) fn relist(status: &mut ResourceInstanceStatus, snapshot: &Snapshot) {
    let steps = applicable(snapshot.delete_steps(), &snapshot.plugin.create, &status.steps.clone());
    for step in steps {
        match steps::find_mut(status, Work::Delete, &step.name) {
            Some(known) => {
                // An attempt that was never begun can be used as it is; a new one for everything else.
                if known.state != StepState::Pending || known.claim.is_some() {
                    known.attempt = known.attempt.saturating_add(1);
                }
                *known = crate::api::instance::StepStatus {
                    attempt: known.attempt,
                    claimed: known.claimed,
                    last: known.last.clone(),
                    ..steps::fresh(Work::Delete, &step.name)
                };
            }
            None => status.steps.push(steps::fresh(Work::Delete, &step.name)),
        }
    }
    status.delete_steps = snapshot.override_hash();
    status.fence += 1;
}
