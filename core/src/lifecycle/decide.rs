//! What is to be done now: one pass over one record.

use std::time::Duration;

use super::{
    conditions::{self, Aside, Outdated},
    creating,
    effect::{Change, Effect, Notice},
    failed,
    observed::Observed,
    record::Record,
    removing, running, serving,
};
use crate::api::instance::{FORMAT_VERSION, Phase, ResourceInstanceStatus};

/// What to do about a record, in order. Empty, or nothing but a [`Effect::Wake`]: all is done for now.
///
/// A fixed point: deciding again on what the effects bring about ends with nothing to write. The same arguments give the same
/// effects, and repeating any prefix of them does no harm.
pub fn decide(record: &Record, observed: &Observed) -> Vec<Effect> {
    let mut todo = Todo::new(record, observed);
    if record.spec.format_version > FORMAT_VERSION {
        return todo.effects;
    }
    if let Some(reason) = &record.orders.forget {
        for run in observed.step_pods.keys() {
            todo.push(Effect::Reap { run: run.clone() });
        }
        todo.push(Effect::Withdraw);
        todo.push(Effect::Remove { forgotten: Some(reason.clone()) });
        return todo.effects;
    }
    running::reap(&mut todo);
    match record.status.phase {
        Phase::Creating => creating::decide(&mut todo),
        Phase::Ready => serving::decide(&mut todo),
        Phase::Undoing | Phase::Deleting => removing::decide(&mut todo),
        Phase::Failed => failed::decide(&mut todo),
    }
    todo.finish()
}

/// The effects of a pass as they come together, and what the pass knows.
pub(super) struct Todo<'a> {
    pub(super) record: &'a Record,
    pub(super) seen: &'a Observed,
    effects: Vec<Effect>,
    wake: Option<Duration>,
    /// Whether an effect changes the record (or asks for another pass at once): nothing may follow.
    closed: bool,
    /// What this pass says about the live objects.
    pub(super) outdated: Outdated,
    /// Why nothing runs, if the status does not tell.
    pub(super) aside: Option<Aside>,
}

impl<'a> Todo<'a> {
    fn new(record: &'a Record, seen: &'a Observed) -> Self {
        Self {
            record,
            seen,
            effects: Vec::new(),
            wake: None,
            closed: false,
            outdated: Outdated::Unsaid,
            aside: None,
        }
    }

    /// The status as it is.
    pub(super) fn status(&self) -> &'a ResourceInstanceStatus {
        &self.record.status
    }

    pub(super) fn push(&mut self, effect: Effect) {
        if self.closed {
            return;
        }
        self.closed = matches!(
            effect,
            Effect::Pin { .. }
                | Effect::Override { .. }
                | Effect::Commit { .. }
                | Effect::Remove { .. }
                | Effect::ProveUnused
        );
        self.effects.push(effect);
    }

    /// Write a status; conditions and message are brought up to date.
    pub(super) fn commit(&mut self, mut status: ResourceInstanceStatus, change: Change, tell: Vec<Notice>) {
        conditions::update(&mut status, self.seen.now);
        conditions::outdated(&mut status, &self.outdated, self.seen.now);
        self.push(Effect::Commit { status: Box::new(status), change, tell });
    }

    /// Look again after this time at the latest.
    pub(super) fn wake(&mut self, after: Duration) {
        let after = after.max(Duration::from_millis(50));
        self.wake = Some(self.wake.map_or(after, |known| known.min(after)));
    }

    fn finish(mut self) -> Vec<Effect> {
        if !self.closed {
            let as_it_is = self.status().clone();
            let mut told = as_it_is.clone();
            conditions::update(&mut told, self.seen.now);
            conditions::outdated(&mut told, &self.outdated, self.seen.now);
            if let Some(aside) = &self.aside {
                conditions::aside(&mut told, aside, self.seen.now);
            }
            if !conditions::alike(&as_it_is, &told) {
                self.push(Effect::Commit { status: Box::new(told), change: Change::Noted, tell: Vec::new() });
            }
        }
        if !self.closed {
            self.effects.extend(self.wake.map(Effect::Wake));
        }
        self.effects
    }
}

#[cfg(test)]
mod tests;
