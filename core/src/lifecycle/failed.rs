//! Failed: nothing of the round is left; the next one, or the end.

use super::{
    creating::{enter, impossible, wake_at},
    decide::Todo,
    effect::{Change, Effect},
    leaving::{self, Leaving, leaving},
    observed::Plan,
};
use crate::api::instance::Phase;

pub(super) fn decide(todo: &mut Todo<'_>) {
    match leaving(todo) {
        Leaving::Prove => return todo.push(Effect::ProveUnused),
        Leaving::Go => {
            todo.push(Effect::Withdraw);
            return todo.push(Effect::Remove { forgotten: None });
        }
        Leaving::Stay => {}
    }
    if let Some(status) = leaving::pruned(todo) {
        return todo.commit(status, Change::Pruned, Vec::new());
    }
    let status = todo.status();
    let asked = todo.seen.retry.is_some() && todo.seen.retry != status.retried;
    if !asked && !leaving::wanted(todo) {
        return; // It is kept for its linger only: nobody to make anything for.
    }
    let due = status.next_try.is_none_or(|at| at <= todo.seen.now);
    let changed = match (&todo.seen.plan, &status.plugin) {
        (Plan::Found(live), Some(pinned)) => live.hash() != pinned.hash,
        (Plan::Found(_), None) => true,
        _ => false,
    };
    if let Plan::Impossible(problem) = &todo.seen.plan {
        // No round is begun that cannot be pinned; the way out is the live objects.
        let failure = impossible(todo, problem);
        if status
            .last_failure
            .as_ref()
            .is_none_or(|last| (&last.code, &last.how) != (&failure.code, &failure.how))
        {
            let mut status = status.clone();
            status.last_failure = Some(failure);
            todo.commit(status, Change::Noted, Vec::new());
        }
    } else if asked || due || changed {
        next_round(todo);
    } else if let Some(at) = status.next_try {
        wake_at(todo, at);
    }
}

fn next_round(todo: &mut Todo<'_>) {
    let mut status = todo.status().clone();
    enter(&mut status, Phase::Creating, todo.seen.now);
    status.round = status.round.saturating_add(1);
    status.steps = Vec::new();
    status.plugin = None;
    status.first_failure = None;
    status.next_try = None;
    status.delete_with = None;
    status.delete_steps = None;
    if todo.seen.retry.is_some() {
        status.retried.clone_from(&todo.seen.retry);
    }
    todo.commit(status, Change::NextRound, Vec::new());
}

#[cfg(test)]
mod tests;
