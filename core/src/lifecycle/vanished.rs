//! Pods whose object went while their processes may run on: written down before any proof, so that a program that starts anew
//! knows of them too.

use super::{clock::since, decide::Todo};
use crate::api::instance::{ResourceInstanceStatus, Vanished};

/// More nodes than these are not told apart: they share one entry, which no node that is gone takes away.
const NODES: usize = 16;

/// The status with what the hint tells and the record does not, if there is any.
pub(super) fn noted(todo: &Todo<'_>) -> Option<ResourceInstanceStatus> {
    let now = todo.seen.now;
    let known = &todo.status().vanished;
    let covered = |node: &str, age| known.iter().any(|one| one.node == node && since(now, one.at) <= age);
    let more: Vec<_> = todo
        .seen
        .hint
        .vanished
        .iter()
        .filter(|(node, age)| **age < todo.seen.timers.zombie && !covered(node, **age) && !covered("", **age))
        .collect();
    if more.is_empty() {
        return None;
    }
    let mut status = todo.status().clone();
    status.vanished.retain(|one| since(now, one.at) < todo.seen.timers.zombie);
    for (node, _) in more {
        let room = status.vanished.len() + 1 < NODES || status.vanished.iter().any(|one| one.node == *node);
        let node = if room { node.clone() } else { String::new() };
        status.vanished.retain(|one| one.node != node);
        // The time of the note, not of the event: what is noted covers all that was seen until now.
        status.vanished.push(Vanished { node, at: now });
    }
    Some(status)
}

#[cfg(test)]
mod tests;
