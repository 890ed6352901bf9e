//! Whether anyone uses the resource. Errors and doubts count as use; only a proof made after the record was read ends it.

use std::time::Duration;

use super::{
    clock::since,
    creating::wake_at,
    decide::Todo,
    observed::{Evidence, Use},
};
use crate::api::instance::{Reservation, ResourceInstanceStatus};

/// Added to the reservation window when it is measured by the wall clock: for programs that restart more often than it lasts.
const WALL_CLOCK_ESCAPE: Duration = Duration::from_secs(600);
/// How soon a doubt is looked at again.
const DOUBT: Duration = Duration::from_secs(15);

/// What follows from who uses the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It is used, or has not been unused for long enough.
    Stay,
    /// It looks unused: prove it.
    Prove,
    /// Nobody uses it, proven on this revision.
    Go,
}

/// Whether the resource may go.
pub(super) fn leaving(todo: &mut Todo<'_>) -> Leaving {
    let seen = todo.seen;
    if todo.record.deleting {
        return Leaving::Go;
    }
    if !seen.hint.evidence.is_empty() {
        for evidence in &seen.hint.evidence {
            if let Evidence::Hold { until } = evidence {
                // Nothing else tells that a hold is over.
                wake_at(todo, *until);
            }
        }
        return Leaving::Stay;
    }
    if let Some(rest) = longest_open(todo, &[&seen.hint]) {
        todo.wake(rest);
        return Leaving::Stay;
    }
    let linger = if seen.sandbox_deleted { 0 } else { todo.status().linger_seconds };
    let linger = Duration::from_secs(linger);
    let unused = seen.ages.unused.unwrap_or_default();
    if unused < linger {
        todo.wake(linger.saturating_sub(unused));
        return Leaving::Stay;
    }
    match &seen.proof {
        None => Leaving::Prove,
        Some(proof) if proof.evidence.is_empty() && longest_open(todo, &[&seen.hint, proof]).is_none() => {
            Leaving::Go
        }
        Some(_) => {
            todo.wake(DOUBT);
            Leaving::Stay
        }
    }
}

/// Whether anyone is there for whom a new round would be made.
pub(super) fn wanted(todo: &Todo<'_>) -> bool {
    !todo.seen.hint.evidence.is_empty() || longest_open(todo, &[&todo.seen.hint]).is_some()
}

/// The status without the reservations that are over, if that is worth a write: it is when one has been over for a quarter of
/// the window, or there are many.
pub(super) fn pruned(todo: &mut Todo<'_>) -> Option<ResourceInstanceStatus> {
    const MANY: usize = 100;
    let (open, over): (Vec<Reservation>, Vec<Reservation>) = todo
        .status()
        .reservations
        .iter()
        .cloned()
        .partition(|reservation| rest(todo, reservation, &[&todo.seen.hint]).is_some());
    let patience = todo.seen.timers.bind / 4;
    let oldest = over.iter().map(|reservation| age(todo, reservation)).max()?;
    if over.len() < MANY && oldest < patience {
        todo.wake(patience.saturating_sub(oldest));
        return None;
    }
    Some(ResourceInstanceStatus { reservations: open, ..todo.status().clone() })
}

/// How long the last open reservation holds at most.
fn longest_open(todo: &Todo<'_>, uses: &[&Use]) -> Option<Duration> {
    todo.status().reservations.iter().filter_map(|reservation| rest(todo, reservation, uses)).max()
}

/// How long a reservation still holds; none when its pod was seen or its time is over.
fn rest(todo: &Todo<'_>, reservation: &Reservation, uses: &[&Use]) -> Option<Duration> {
    if uses.iter().any(|seen| seen.seen.contains(&reservation.id)) {
        return None;
    }
    let bind = todo.seen.timers.bind;
    let local = bind.checked_sub(age(todo, reservation)).filter(|rest| !rest.is_zero())?;
    let wall = bind
        .saturating_add(WALL_CLOCK_ESCAPE)
        .checked_sub(since(todo.seen.now, reservation.at))
        .filter(|rest| !rest.is_zero())?;
    Some(local.min(wall))
}

/// Age of a reservation on this program's own clock.
pub(super) fn age(todo: &Todo<'_>, reservation: &Reservation) -> Duration {
    todo.seen.ages.reservations.get(&reservation.id).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
