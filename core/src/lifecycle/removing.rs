//! Undoing and Deleting: the delete graph, tried until it succeeds. Only a person may give it up.

use std::time::Duration;

use sandbind_wire::backoff::ROUND;

use super::{
    clock::{after, since},
    conditions,
    creating::{enter, impossible},
    decide::Todo,
    effect::{Change, Effect, Notice},
    observed::Replacement,
    pinning, running,
    snapshot::Snapshot,
    steps,
};
use crate::{
    api::{
        instance::{Phase, ResourceInstanceStatus, Work},
        plugin::Step,
    },
    problem::Problem,
    workflow::applicable,
};

/// How soon a snapshot that is not there is looked for again.
const MISSING: Duration = Duration::from_secs(60);

/// Creating or Ready → Deleting.
pub(super) fn begin(todo: &mut Todo<'_>, snapshot: Option<&Snapshot>) {
    let mut status = todo.status().clone();
    enter(&mut status, Phase::Deleting, todo.seen.now);
    status.refreshing = false;
    list(&mut status, snapshot);
    let message = format!("resource {} is being deleted", todo.record.spec.key.resource);
    let notice = Notice { reason: "ResourceDeleting", warning: false, message, owners: Vec::new() };
    todo.commit(status, Change::Deleting, vec![notice]);
}

/// List the delete steps that apply.
pub(super) fn list(status: &mut ResourceInstanceStatus, snapshot: Option<&Snapshot>) {
    let Some(snapshot) = snapshot else { return };
    for step in applicable(snapshot.delete_steps(), &snapshot.plugin.create, &status.steps.clone()) {
        if steps::find(status, Work::Delete, &step.name).is_none() {
            status.steps.push(steps::fresh(Work::Delete, &step.name));
        }
    }
}

/// The record says that there is a snapshot, and there is none: nothing may be done on a guess.
pub(super) fn without_snapshot(todo: &mut Todo<'_>) {
    todo.wake(MISSING);
}

pub(super) fn decide(todo: &mut Todo<'_>) {
    let status = todo.status();
    let snapshot = match (&todo.seen.snapshot, &status.plugin) {
        (Some(snapshot), Some(_)) => snapshot,
        (None, Some(_)) => return without_snapshot(todo),
        // Nothing was ever pinned, so nothing was ever run.
        (_, None) => return done(todo),
    };
    if running::write_off(todo, Work::Delete, snapshot) {
        return;
    }
    ordered(todo, snapshot);
    if pinning::unlisted(status, snapshot) {
        // An attempt that runs may be of either kind of steps: what it did counts for none of the new ones.
        if !running::acting(todo, Work::Delete) {
            let mut status = status.clone();
            pinning::relist(&mut status, snapshot);
            todo.commit(status, Change::Ordered, Vec::new());
        }
        return;
    }
    let graph: Vec<&Step> = applicable(snapshot.delete_steps(), &snapshot.plugin.create, &status.steps);
    if graph.iter().any(|step| steps::find(status, Work::Delete, &step.name).is_none()) {
        let mut status = status.clone();
        list(&mut status, Some(snapshot));
        return todo.commit(status, Change::Ordered, Vec::new());
    }
    if running::all_done(todo, Work::Delete, &graph) {
        return done(todo);
    }
    running::launch(todo, Work::Delete, &graph);
    if conditions::troubled(status) {
        let left = conditions::STALLED_AFTER.saturating_sub(since(todo.seen.now, status.since));
        if !left.is_zero() {
            todo.wake(left);
        }
    }
}

/// What a person asked for, and what a draft has by now.
fn ordered(todo: &mut Todo<'_>, snapshot: &Snapshot) {
    let status = todo.status();
    let order = todo.record.orders.delete_with.as_ref();
    match &todo.seen.replacement {
        // Nothing to run would be taken for done. The resource is there: somebody has to say how it goes.
        Replacement::Found { identity, steps } if steps.is_empty() && !snapshot.delete_steps().is_empty() => {
            if order == Some(identity) {
                note(todo, &no_delete_steps(todo, identity));
            }
        }
        Replacement::Found { identity, steps } if !running::acting(todo, Work::Delete) => {
            let new_order = order == Some(identity) && status.delete_with.as_ref() != order;
            // What a person ordered stays; only else does a draft's newer content count.
            let newer = order.is_none() && status.delete_with.is_none() && steps != snapshot.delete_steps();
            if new_order || newer {
                todo.push(Effect::Override { identity: identity.clone(), steps: steps.clone() });
            }
        }
        Replacement::Impossible(problem) => note(todo, problem),
        Replacement::Found { .. } | Replacement::None => {}
    }
    if todo.record.orders.delete_now != status.delete_now && todo.record.orders.delete_now.is_some() {
        let mut status = status.clone();
        status.delete_now.clone_from(&todo.record.orders.delete_now);
        for step in status.steps.iter_mut().filter(|step| step.work == Work::Delete) {
            step.not_before = None;
        }
        todo.commit(status, Change::Ordered, Vec::new());
    }
}

/// Says why an order cannot be followed, once.
fn note(todo: &mut Todo<'_>, problem: &Problem) {
    let failure = impossible(todo, problem);
    let status = todo.status();
    let known = status.last_failure.as_ref();
    if known.is_none_or(|known| (&known.code, &known.how) != (&failure.code, &failure.how)) {
        let status = ResourceInstanceStatus { last_failure: Some(failure), ..status.clone() };
        todo.commit(status, Change::Noted, Vec::new());
    }
}

fn no_delete_steps(todo: &Todo<'_>, identity: &str) -> Problem {
    Problem::error(
        "NoDeleteSteps",
        format!("ResourceInstance {}", todo.record.name),
        format!("plugin `{identity}` has no delete steps, so it cannot remove this resource"),
        "name a version that removes it, or remove it by hand and say so with `sandbind orphans forget`",
    )
}

/// The delete graph is done.
fn done(todo: &mut Todo<'_>) {
    if todo.status().phase == Phase::Deleting {
        todo.push(Effect::Withdraw);
        todo.push(Effect::Remove { forgotten: None });
        return;
    }
    let mut status = todo.status().clone();
    enter(&mut status, Phase::Failed, todo.seen.now);
    status.next_try = Some(after(todo.seen.now, ROUND.jittered(status.round, todo.seen.random)));
    todo.commit(status, Change::Failed, Vec::new());
}

#[cfg(test)]
mod tests;
