//! Ready: outputs delivered, refreshed while in use, until nobody uses them.

use std::time::Duration;

use super::{
    clock::after,
    conditions::Outdated,
    creating::{keys, wake_at},
    decide::Todo,
    effect::{Change, Effect, Notice},
    leaving::{self, Leaving, leaving},
    observed::Plan,
    record::StepRun,
    removing, reserve, running,
    snapshot::Snapshot,
    steps, vanished,
};
use crate::api::{
    instance::{StepStatus, Work},
    plugin::Step,
};

/// For this long after a reservation was first seen, each pass writes the tenant's Secret again: what was taken away comes back
/// before the pod needs it.
const REAPPLY: Duration = Duration::from_secs(5);

pub(super) fn decide(todo: &mut Todo<'_>) {
    outdated(todo);
    if let Some(status) = vanished::noted(todo) {
        return todo.commit(status, Change::Noted, Vec::new());
    }
    let leaving = leaving(todo);
    let Some(snapshot) = &todo.seen.snapshot else { return removing::without_snapshot(todo) };
    if running::write_off(todo, Work::Refresh, snapshot) {
        return;
    }
    if leaving != Leaving::Stay {
        if running::acting(todo, Work::Refresh) {
            return; // A refresh that may act comes before any delete step.
        }
        return match leaving {
            Leaving::Prove => todo.push(Effect::ProveUnused),
            Leaving::Go | Leaving::Stay => {
                let runs = steps::refreshed(todo.record);
                if !runs.is_empty() {
                    // What a refresh has made must reach the delete steps, although it was never delivered.
                    todo.push(Effect::Adopt { runs });
                }
                removing::begin(todo, Some(snapshot));
            }
        };
    }
    deliver(todo, snapshot);
    refresh(todo, snapshot);
    if let Some(status) = leaving::pruned(todo) {
        todo.commit(status, Change::Pruned, Vec::new());
    }
}

/// More pods may want more outputs; new pods find the Secret, whoever took it away.
fn deliver(todo: &mut Todo<'_>, snapshot: &Snapshot) {
    let keys = keys(todo, snapshot);
    let status = todo.status();
    let more = !keys.is_subset(&status.delivered);
    let fresh = status.reservations.iter().any(|reservation| leaving::age(todo, reservation) < REAPPLY);
    if !more && !fresh {
        return;
    }
    todo.push(Effect::Deliver { revision: status.revision, keys: keys.clone() });
    if more {
        let mut status = status.clone();
        status.delivered = keys;
        let promised = todo.seen.promised.iter();
        let known = |key: &&String| *key == reserve::ALL_KEYS || snapshot.deliverable().contains(*key);
        status.wanted.extend(promised.filter(known).cloned());
        todo.commit(status, Change::Delivered, Vec::new());
    }
}

fn refresh(todo: &mut Todo<'_>, snapshot: &Snapshot) {
    let Some(refresh) = &snapshot.plugin.refresh else { return };
    let graph: Vec<&Step> = refresh.steps.iter().collect();
    let status = todo.status();
    if status.refreshing {
        if running::all_done(todo, Work::Refresh, &graph) {
            refreshed(todo, snapshot, &graph);
        } else {
            running::launch(todo, Work::Refresh, &graph);
        }
        return;
    }
    let last = status.refreshed_at.unwrap_or(status.since);
    let due = after(last, refresh.every.duration());
    if graph.is_empty() {
        return;
    }
    if due > todo.seen.now {
        return wake_at(todo, due);
    }
    let mut status = status.clone();
    for step in graph {
        match steps::find_mut(&mut status, Work::Refresh, &step.name) {
            Some(known) => {
                *known = StepStatus {
                    attempt: known.attempt.saturating_add(1),
                    claimed: known.claimed,
                    last: known.last.clone(),
                    ..steps::fresh(Work::Refresh, &step.name)
                };
            }
            None => status.steps.push(steps::fresh(Work::Refresh, &step.name)),
        }
    }
    status.refreshing = true;
    status.fence += 1;
    todo.commit(status, Change::RefreshStarted, Vec::new());
}

/// All refresh steps are done: their outputs become the current ones, then the tenant's Secret, then the record.
fn refreshed(todo: &mut Todo<'_>, snapshot: &Snapshot, graph: &[&Step]) {
    let runs: Vec<StepRun> = graph
        .iter()
        .filter_map(|step| steps::find(todo.status(), Work::Refresh, &step.name))
        .map(|step| steps::current(todo.record, step))
        .collect();
    let keys = keys(todo, snapshot);
    let mut status = todo.status().clone();
    status.revision += 1;
    status.refreshing = false;
    status.refreshed_at = Some(todo.seen.now);
    status.delivered.clone_from(&keys);
    status.first_failure = None;
    status.last_failure = None;
    todo.push(Effect::Adopt { runs });
    todo.push(Effect::Deliver { revision: status.revision, keys });
    let message =
        format!("resource {}: outputs of revision {}", todo.record.spec.key.resource, status.revision);
    let notice = Notice { reason: "Refreshed", warning: false, message, owners: Vec::new() };
    todo.commit(status, Change::Refreshed, vec![notice]);
}

/// A Ready resource never changes under its users; that the live objects have moved on is said.
fn outdated(todo: &mut Todo<'_>) {
    let pinned = todo.status().plugin.as_ref();
    todo.outdated = match &todo.seen.plan {
        Plan::Unknown => Outdated::Unsaid,
        Plan::Found(live) if pinned.is_some_and(|pinned| pinned.hash == live.hash()) => Outdated::No,
        Plan::Found(live) => Outdated::Yes {
            reason: "NewerPlan".to_owned(),
            message: format!(
                "made from {}; the next one will be made from {}",
                pinned.map_or("nothing", |pinned| &pinned.identity),
                live.identity
            ),
        },
        Plan::Impossible(problem) => {
            Outdated::Yes { reason: problem.code.clone(), message: problem.reason.clone() }
        }
    };
}

#[cfg(test)]
mod tests;
