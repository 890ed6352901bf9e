//! What an admission finds: how a pod gets hold of a resource, and what it is told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{conditions, message, record::Record};
use crate::{
    api::instance::{
        FORMAT_VERSION, InstanceKey, MAX_OWNERS, MAX_RESERVATIONS, MAX_WANTED, Owner, Phase, Reservation,
        ResourceInstanceSpec, ResourceInstanceStatus,
    },
    problem::Problem,
};

/// Every delivered output, in `wanted`.
pub const ALL_KEYS: &str = "*";

/// What one pod asks for. Of Sandbox preparations there is none: they make a record without a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveRequest {
    /// The hold.
    pub reservation: Reservation,
    /// Output keys that the pod names, or `*`.
    pub wanted: BTreeSet<String>,
    /// The pod's top owner, if it has one.
    pub owner: Option<Owner>,
    /// Seconds the unused resource stays, by the bindings of this pod.
    pub linger_seconds: u64,
}

/// What becomes of a group of requests.
#[derive(Clone, Debug, PartialEq)]
pub enum ReserveDecision {
    /// Held, once this status is written by compare-and-swap. On a conflict: read and ask again.
    Commit {
        /// The whole new status; equal to the record's when every reservation stands already, and then nothing needs writing.
        status: Box<ResourceInstanceStatus>,
        /// Those that are not held, by reservation id, and why.
        denied: BTreeMap<String, Problem>,
    },
    /// Nobody gets hold of it: the round failed.
    Denied(Box<Problem>),
    /// This life ends: wait for the record to be absent, then begin anew.
    Going {
        /// What is being deleted, one line.
        line: String,
    },
}

/// How a resource stands towards someone who holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Usable, and every wanted output is delivered.
    Ready,
    /// Being made, or its outputs are being delivered.
    Creating {
        /// What it is doing, one line.
        line: String,
    },
    /// The round failed (or it will never have what is wanted).
    Failed(Box<Problem>),
    /// This life ends.
    Going {
        /// What is being deleted, one line.
        line: String,
    },
}

/// A new record, whole, with the reservations of everyone who waits (none for a preparation; at most
/// [`MAX_RESERVATIONS`] are taken, and [`MAX_WANTED`] different outputs; the rest reserve afterwards and are told).
pub fn begin<'a>(
    key: InstanceKey,
    incarnation: String,
    workload: Option<String>,
    requests: impl IntoIterator<Item = &'a ReserveRequest>,
    now: Timestamp,
) -> (ResourceInstanceSpec, ResourceInstanceStatus) {
    let mut status = ResourceInstanceStatus {
        phase: Phase::Creating,
        since: now,
        round: 1,
        fence: 1,
        plugin: None,
        steps: Vec::new(),
        reservations: Vec::new(),
        wanted: BTreeSet::new(),
        delivered: BTreeSet::new(),
        revision: 0,
        refreshing: false,
        refreshed_at: None,
        owners: Vec::new(),
        linger_seconds: 0,
        first_failure: None,
        last_failure: None,
        next_try: None,
        retried: None,
        delete_with: None,
        delete_steps: None,
        delete_now: None,
        vanished: Vec::new(),
        message: String::new(),
        conditions: Vec::new(),
    };
    for request in requests.into_iter().take(MAX_RESERVATIONS) {
        if status.wanted.union(&request.wanted).count() <= MAX_WANTED {
            enter(&mut status, request);
        }
    }
    conditions::update(&mut status, now);
    (ResourceInstanceSpec { key, incarnation, workload, format_version: FORMAT_VERSION }, status)
}

/// One write for everyone who waits in this process.
pub fn reserve<'a>(
    record: &Record,
    requests: impl IntoIterator<Item = &'a ReserveRequest>,
    now: Timestamp,
) -> ReserveDecision {
    match standing(record, &BTreeSet::new(), now) {
        Standing::Going { line } => return ReserveDecision::Going { line },
        Standing::Failed(problem) => return ReserveDecision::Denied(problem),
        Standing::Ready | Standing::Creating { .. } => {}
    }
    let mut status = record.status.clone();
    let mut denied = BTreeMap::new();
    for request in requests {
        let held = status.reservations.iter().any(|open| open.id == request.reservation.id);
        if let Some(problem) = lacking(record, &request.wanted) {
            denied.insert(request.reservation.id.clone(), problem);
        } else if !held && status.reservations.len() >= MAX_RESERVATIONS {
            denied.insert(request.reservation.id.clone(), crowded(record));
        } else if status.wanted.union(&request.wanted).count() > MAX_WANTED {
            denied.insert(request.reservation.id.clone(), too_many_keys(record));
        } else {
            enter(&mut status, request);
        }
    }
    ReserveDecision::Commit { status: Box::new(status), denied }
}

/// How the resource stands towards someone who holds it and wants these outputs.
pub fn standing(record: &Record, wanted: &BTreeSet<String>, now: Timestamp) -> Standing {
    let status = &record.status;
    let line = || message::describe(record, now);
    match status.phase {
        Phase::Deleting => Standing::Going { line: line() },
        _ if record.deleting => Standing::Going { line: line() },
        Phase::Undoing | Phase::Failed => Standing::Failed(Box::new(failed(record, now))),
        Phase::Creating | Phase::Ready => match lacking(record, wanted) {
            Some(problem) => Standing::Failed(Box::new(problem)),
            None if status.phase == Phase::Creating => Standing::Creating { line: line() },
            None if expand(record, wanted).is_subset(&status.delivered) => Standing::Ready,
            None => Standing::Creating { line: "delivering outputs".to_owned() },
        },
    }
}

/// The keys themselves: `*` stands for all that pods may get.
fn expand(record: &Record, wanted: &BTreeSet<String>) -> BTreeSet<String> {
    if !wanted.contains(ALL_KEYS) {
        return wanted.clone();
    }
    record.status.plugin.as_ref().map(|plugin| plugin.output_keys.clone()).unwrap_or_default()
}

/// What a pod names and this round's own plugin does not deliver.
fn lacking(record: &Record, wanted: &BTreeSet<String>) -> Option<Problem> {
    let plugin = record.status.plugin.as_ref()?;
    let key = wanted.iter().find(|key| *key != ALL_KEYS && !plugin.output_keys.contains(*key))?;
    let known: Vec<&str> = plugin.output_keys.iter().map(String::as_str).collect();
    let known = if known.is_empty() { "no outputs".to_owned() } else { format!("`{}`", known.join("`, `")) };
    Some(Problem::error(
        "UnknownOutput",
        message::place(record),
        format!(
            "`{}`, which this resource was made from, has no output `{key}`: it delivers {known}",
            plugin.identity
        ),
        "name one of those, or let the resource go (delete its sandbox or scale its pods to zero) so that the next one is made from \
         the newer plugin",
    ))
}

fn too_many_keys(record: &Record) -> Problem {
    Problem::error(
        "TooManyOutputs",
        message::place(record),
        format!("its pods name more than {MAX_WANTED} different outputs"),
        "name fewer in `env` and `files` of the bindings",
    )
}

fn crowded(record: &Record) -> Problem {
    Problem::error(
        "TooManyReservations",
        message::place(record),
        format!("{MAX_RESERVATIONS} admitted pods have not been seen yet"),
        "wait until they have appeared, or look for what refuses them after admission",
    )
}

fn failed(record: &Record, now: Timestamp) -> Problem {
    let status = &record.status;
    let first = status.first_failure.as_ref();
    let last = status.last_failure.as_ref();
    let code = last.or(first).map_or("RoundFailed", |failure| failure.code.as_str());
    let mut reason = first.or(last).map_or_else(|| "the round failed".to_owned(), message::failure);
    if let (Some(first), Some(last)) = (first, last)
        && (first.attempt, &first.step, &first.how) != (last.attempt, &last.step, &last.how)
    {
        reason = format!("{reason}; at last: {}", message::failure(last));
    }
    Problem::error(code, message::place(record), reason, message::next_try(record, now))
}

fn enter(status: &mut ResourceInstanceStatus, request: &ReserveRequest) {
    if !status.reservations.iter().any(|open| open.id == request.reservation.id) {
        status.reservations.push(request.reservation.clone());
    }
    status.wanted.extend(request.wanted.iter().cloned());
    status.linger_seconds = status.linger_seconds.max(request.linger_seconds);
    if let Some(owner) = &request.owner
        && status.owners.last() != Some(owner)
    {
        status.owners.retain(|known| known.uid != owner.uid);
        status.owners.push(owner.clone());
        let over = status.owners.len().saturating_sub(MAX_OWNERS);
        status.owners.drain(..over);
    }
}

#[cfg(test)]
mod tests;
