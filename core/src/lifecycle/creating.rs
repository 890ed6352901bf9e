//! Creating: pin, run the create graph, deliver, be Ready; or undo.

use std::{collections::BTreeSet, time::Duration};

use super::{
    clock::until,
    conditions::Aside,
    decide::Todo,
    effect::{Change, Effect, Notice},
    leaving::{Leaving, leaving},
    message,
    observed::Plan,
    removing, reserve, running,
    snapshot::Snapshot,
    steps,
};
use crate::{
    api::{
        instance::{Failure, Phase, ResourceInstanceStatus, StepState, Work},
        plugin::Step,
    },
    problem::Problem,
};

/// How soon the plan is asked for again, and a turn looked for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn decide(todo: &mut Todo<'_>) {
    let leaving = leaving(todo);
    match (&todo.seen.snapshot, &todo.status().plugin) {
        (Some(snapshot), Some(_)) => pinned(todo, snapshot, leaving),
        _ if leaving == Leaving::Prove => todo.push(Effect::ProveUnused),
        _ if leaving == Leaving::Go => removing::begin(todo, None),
        // Stored by a pass that did not get to write the record: that one holds.
        (Some(snapshot), None) => todo.push(Effect::Pin { snapshot: Box::new(snapshot.clone()) }),
        (None, Some(_)) => removing::without_snapshot(todo),
        (None, None) => match &todo.seen.plan {
            Plan::Found(snapshot) => todo.push(Effect::Pin { snapshot: snapshot.clone() }),
            Plan::Impossible(problem) => undo(todo, None, Some(impossible(todo, problem))),
            Plan::Unknown => todo.wake(PATIENCE),
        },
    }
}

fn pinned(todo: &mut Todo<'_>, snapshot: &Snapshot, leaving: Leaving) {
    if running::write_off(todo, Work::Create, snapshot) {
        return;
    }
    let status = todo.status();
    let given_up = |step: &&crate::api::instance::StepStatus| {
        step.work == Work::Create && step.state == StepState::Failed
    };
    let failed = status.steps.iter().any(|step| given_up(&step));
    let lacking = lacking(todo, snapshot);
    let ends = failed || lacking.is_some() || leaving != Leaving::Stay;
    if ends && running::acting(todo, Work::Create) {
        return; // No new step starts; those that run end by themselves or are written off.
    }
    match leaving {
        Leaving::Prove => return todo.push(Effect::ProveUnused),
        Leaving::Go => return removing::begin(todo, Some(snapshot)),
        Leaving::Stay => {}
    }
    if failed {
        return undo(todo, Some(snapshot), None);
    }
    if let Some(failure) = lacking {
        return undo(todo, Some(snapshot), Some(failure));
    }
    let graph: Vec<&Step> = snapshot.plugin.create.iter().collect();
    if running::all_done(todo, Work::Create, &graph) {
        return ready(todo, snapshot);
    }
    let begun = status.steps.iter().any(|step| step.work == Work::Create && step.claimed)
        || todo.seen.step_pods.keys().any(|run| run.work == Work::Create && run.round == status.round);
    if begun || todo.seen.may_start {
        running::launch(todo, Work::Create, &graph);
    } else {
        todo.aside = Some(Aside::queued());
        todo.wake(PATIENCE);
    }
}

fn ready(todo: &mut Todo<'_>, snapshot: &Snapshot) {
    let now = todo.seen.now;
    let keys = keys(todo, snapshot);
    let revision = todo.status().revision + 1;
    todo.push(Effect::Deliver { revision, keys: keys.clone() });
    let mut status = todo.status().clone();
    enter(&mut status, Phase::Ready, now);
    status.delivered = keys;
    status.wanted.extend(todo.seen.promised.iter().cloned());
    status.revision = revision;
    status.refreshed_at = Some(now);
    status.first_failure = None;
    status.last_failure = None;
    let message = format!("resource {} is ready", todo.record.spec.key.resource);
    let notice = Notice { reason: "ResourceReady", warning: false, message, owners: Vec::new() };
    todo.commit(status, Change::Ready, vec![notice]);
}

/// Creating → Undoing.
fn undo(todo: &mut Todo<'_>, snapshot: Option<&Snapshot>, failure: Option<Failure>) {
    let mut status = todo.status().clone();
    enter(&mut status, Phase::Undoing, todo.seen.now);
    if let Some(failure) = failure {
        status.first_failure.get_or_insert_with(|| failure.clone());
        status.last_failure = Some(failure);
    }
    removing::list(&mut status, snapshot);
    // A retry that was asked for before the failure is none of it.
    status.retried.clone_from(&todo.seen.retry);
    let why = status.first_failure.as_ref().map(message::failure).unwrap_or_default();
    let resource = &todo.record.spec.key.resource;
    let message = format!("resource {resource}: round {} failed and is being undone: {why}", status.round);
    let notice = Notice { reason: "RoundFailed", warning: true, message, owners: status.owners.clone() };
    todo.commit(status, Change::Undoing, vec![notice]);
}

/// Another phase begins.
pub(super) fn enter(status: &mut ResourceInstanceStatus, phase: Phase, now: jiff::Timestamp) {
    status.phase = phase;
    status.since = now;
    status.fence += 1;
}

/// The output keys that the tenant's Secret is to hold.
pub(super) fn keys(todo: &Todo<'_>, snapshot: &Snapshot) -> BTreeSet<String> {
    let can = snapshot.deliverable();
    let status = todo.status();
    let named = || status.wanted.iter().chain(&todo.seen.promised);
    if named().any(|key| key == reserve::ALL_KEYS) {
        return can;
    }
    named().chain(&status.delivered).filter(|key| can.contains(*key)).cloned().collect()
}

/// What pods were promised and this round will never have.
fn lacking(todo: &Todo<'_>, snapshot: &Snapshot) -> Option<Failure> {
    let can = snapshot.deliverable();
    let named = todo.status().wanted.iter().chain(&todo.seen.promised);
    let missing = named.into_iter().find(|key| *key != reserve::ALL_KEYS && !can.contains(*key))?;
    Some(Failure {
        code: "UnknownOutput".to_owned(),
        plugin: Some(snapshot.identity.clone()),
        work: None,
        step: None,
        attempt: None,
        how: format!("it has no output `{missing}`, which an admitted pod names"),
        last_line: String::new(),
        at: todo.seen.now,
    })
}

/// Nothing can be pinned, as a failure.
pub(super) fn impossible(todo: &Todo<'_>, problem: &Problem) -> Failure {
    let Problem { place, reason, way_out, .. } = problem;
    let how = if place.is_empty() {
        format!("{reason} ({way_out})")
    } else {
        format!("{place}: {reason} ({way_out})")
    };
    Failure {
        code: problem.code.clone(),
        plugin: None,
        work: None,
        step: None,
        attempt: None,
        how: steps::clip(&how, 1000),
        last_line: String::new(),
        at: todo.seen.now,
    }
}

/// Wait for a moment by the wall clock.
pub(super) fn wake_at(todo: &mut Todo<'_>, at: jiff::Timestamp) {
    todo.wake(until(todo.seen.now, at));
}
