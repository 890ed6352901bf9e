//! The sidecar's conversation with the runner, as a state machine without I/O.
//!
//! Its driver performs each [`Action`] and tells what came of it by an [`Event`]; time is an argument, measured from any fixed
//! moment. Laws (tested below): after [`Event::End`] nothing happens but one goodbye and the exit; every wake is in the
//! future; the same answer twice writes nothing twice; the gate opens once, and never before every resource is served.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Bytes64,
    backoff::LINK,
    message::{BindingsAnswer, BoundResource, PodBindings, PodResource},
};

/// From SIGTERM to the exit at most this, goodbye or not.
pub const GOODBYE: Duration = Duration::from_millis(1500);
/// Between two polls whose answers brought nothing new: the runner holds a poll longer than this, unless it is broken.
const IDLE: Duration = Duration::from_secs(1);
/// Between two polls in any case.
const LEAST: Duration = Duration::from_millis(100);
/// Between two tries to copy mounted files.
const COPY_AGAIN: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The poll was answered.
    Answered(Box<BindingsAnswer>),
    /// The poll brought no answer.
    PollFailed {
        /// Why, in one line without secrets.
        line: String,
        /// Uniform over all of `u32`, for jitter.
        random: u32,
    },
    /// The files of a resource are as its action asked.
    Written {
        /// The resource.
        resource: String,
        /// The revision of [`Action::Write`]; `None` after [`Action::CopyMounted`].
        revision: Option<u64>,
        /// Whether any file's content differs from before.
        changed: bool,
    },
    /// They are not; what was there before still is.
    WriteFailed {
        /// The resource.
        resource: String,
        /// As in [`Event::Written`].
        revision: Option<u64>,
        /// Why, in one line without secrets.
        line: String,
        /// Uniform over all of `u32`, for jitter.
        random: u32,
    },
    /// Time passed.
    Tick,
    /// The pod ends (SIGTERM).
    End,
    /// The goodbye was said, or could not be.
    Released,
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy the files of a resource from its mounted Secret.
    CopyMounted {
        /// The resource.
        resource: String,
    },
    /// Ask the runner; answered by [`Event::Answered`] or [`Event::PollFailed`]. Never two at a time.
    Poll {
        /// Revision that is known; `None`: answer at once.
        after: Option<String>,
    },
    /// Write the files of a resource from these values.
    Write {
        /// The resource.
        resource: String,
        /// Counts the refreshes.
        revision: u64,
        /// Outputs by key.
        values: BTreeMap<String, Bytes64>,
    },
    /// Tell the app that its files changed.
    Notify,
    /// Every resource is served: let the app start.
    Open,
    /// What the probe shows until then.
    Tell {
        /// One line, such as `db: step provision, attempt 2, 14 s`.
        line: String,
    },
    /// The time to wait is over: exit with 1 (and be restarted).
    Fail {
        /// As in [`Action::Tell`].
        line: String,
    },
    /// Say goodbye to the runner; answered by [`Event::Released`].
    Release,
    /// Exit with 0.
    Exit,
}

/// The conversation of one sidecar process.
#[derive(Clone, Debug)]
pub struct Conversation {
    needs: BTreeMap<String, Need>,
    state: State,
    /// When waiting gated ends.
    ready_until: Option<Duration>,
    poll: Poll,
    /// Revision of the last answer that is written whole.
    known: Option<String>,
    failures: u32,
    /// Writes that were asked for and not answered yet.
    writing: usize,
    /// The app is to be told once they are.
    changed: bool,
    told: String,
    /// Why there is no answer, while there is none.
    trouble: Option<String>,
}

#[derive(Clone, Debug)]
struct Need {
    gated: bool,
    files: bool,
    served: bool,
    revision: Option<u64>,
    copy_at: Option<Duration>,
    line: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Leaving { until: Duration },
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    Out { since: Duration },
    At(Duration),
    AfterWrites { since: Duration },
}

impl Conversation {
    /// The conversation of a sidecar that starts now; its first actions come with the first [`Event::Tick`].
    pub fn new(bindings: &PodBindings, now: Duration) -> Self {
        let limit = (bindings.ready_seconds > 0).then(|| Duration::from_secs(bindings.ready_seconds));
        Self {
            needs: bindings.resources.iter().map(|r| (r.name.clone(), Need::new(r, now))).collect(),
            state: State::Waiting,
            ready_until: limit.map(|limit| now.saturating_add(limit)),
            poll: Poll::At(now),
            known: None,
            failures: 0,
            writing: 0,
            changed: false,
            told: String::new(),
            trouble: None,
        }
    }

    /// The same for a sidecar that was restarted after its gate had opened in the same pod: the files are there, the app runs,
    /// and neither waits for the runner again.
    pub fn resume(bindings: &PodBindings, now: Duration) -> Self {
        let mut resumed = Self::new(bindings, now);
        resumed.state = State::Open;
        for need in resumed.needs.values_mut() {
            need.served = true;
            // The files that are there may be newer than the kubelet's copy.
            need.copy_at = None;
        }
        resumed
    }

    /// What to do about an event.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.state {
            State::Over => return actions,
            State::Leaving { until } => {
                if event == Event::Released || now >= until {
                    self.state = State::Over;
                    actions.push(Action::Exit);
                }
                return actions;
            }
            State::Waiting | State::Open => {}
        }
        match event {
            Event::End => {
                self.state = State::Leaving { until: now.saturating_add(GOODBYE) };
                return vec![Action::Release];
            }
            Event::Answered(answer) => self.answered(*answer, now, &mut actions),
            Event::PollFailed { line, random } => {
                self.trouble = Some(line);
                self.again(now, random);
            }
            Event::Written { resource, revision, changed } => self.written(&resource, revision, changed, now),
            Event::WriteFailed { resource, revision, line, random } => {
                self.write_failed(&resource, revision, line, now, random);
            }
            Event::Tick | Event::Released => {}
        }
        self.go_on(now, &mut actions);
        actions
    }

    /// When the next [`Event::Tick`] is due, if nothing happens before. Later than the last event's time.
    pub fn wake(&self) -> Option<Duration> {
        match self.state {
            State::Over => None,
            State::Leaving { until } => Some(until),
            State::Waiting | State::Open => {
                let poll = match self.poll {
                    Poll::At(at) => Some(at),
                    Poll::Out { .. } | Poll::AfterWrites { .. } => None,
                };
                let limit = self.ready_until.filter(|_| self.state == State::Waiting);
                self.needs.values().filter_map(|need| need.copy_at).chain(poll).chain(limit).min()
            }
        }
    }

    /// Whether the app may start.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    fn answered(&mut self, answer: BindingsAnswer, now: Duration, actions: &mut Vec<Action>) {
        let Poll::Out { since } = self.poll else { return };
        let news = self.known.as_ref() != Some(&answer.revision);
        (self.failures, self.trouble) = (0, None);
        self.known = Some(answer.revision);
        for (name, need) in &mut self.needs {
            if !answer.resources.contains_key(name) {
                "not known to the runner".clone_into(&mut need.line);
            }
        }
        for (name, bound) in answer.resources {
            let Some(need) = self.needs.get_mut(&name) else { continue };
            match bound {
                BoundResource::Waiting { line }
                | BoundResource::Failed { line }
                | BoundResource::Gone { line } => {
                    need.line = line;
                }
                // An answer of a replica that lags behind: what is there is newer.
                BoundResource::Ready { revision, .. } if need.revision >= Some(revision) => {}
                BoundResource::Ready { revision, .. } if !need.files => {
                    (need.revision, need.served) = (Some(revision), true);
                }
                BoundResource::Ready { revision, values } => {
                    "writing files".clone_into(&mut need.line);
                    self.writing += 1;
                    actions.push(Action::Write { resource: name, revision, values });
                }
            }
        }
        self.poll = if self.writing > 0 {
            Poll::AfterWrites { since }
        } else {
            Poll::At(since.saturating_add(if news { LEAST } else { IDLE }))
        };
        if let Poll::At(at) = self.poll {
            self.poll = Poll::At(at.max(now));
        }
    }

    fn written(&mut self, resource: &str, revision: Option<u64>, changed: bool, now: Duration) {
        if revision.is_some() {
            self.write_done(now);
        }
        if let Some(need) = self.needs.get_mut(resource) {
            need.copy_at = None;
            need.revision = need.revision.max(revision);
            need.served = true;
            self.changed |= changed && self.state == State::Open;
        }
    }

    fn write_failed(
        &mut self,
        resource: &str,
        revision: Option<u64>,
        line: String,
        now: Duration,
        random: u32,
    ) {
        if let Some(need) = self.needs.get_mut(resource) {
            need.line = line;
            if revision.is_none() {
                need.copy_at = Some(now.saturating_add(COPY_AGAIN));
            }
        }
        if revision.is_some() {
            self.write_done(now);
            // The next answer must bring the values again.
            self.known = None;
            if !matches!(self.poll, Poll::Out { .. }) {
                self.again(now, random);
            }
        }
    }

    fn write_done(&mut self, now: Duration) {
        self.writing = self.writing.saturating_sub(1);
        if let Poll::AfterWrites { since } = self.poll
            && self.writing == 0
        {
            self.poll = Poll::At(since.saturating_add(LEAST).max(now));
        }
    }

    fn again(&mut self, now: Duration, random: u32) {
        self.failures = self.failures.saturating_add(1);
        self.poll = Poll::At(now.saturating_add(LINK.jittered(self.failures, random)));
    }

    /// Everything that is due.
    fn go_on(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (name, need) in &mut self.needs {
            if need.copy_at.is_some_and(|at| at <= now) {
                need.copy_at = None;
                actions.push(Action::CopyMounted { resource: name.clone() });
            }
        }
        if self.changed && self.writing == 0 {
            self.changed = false;
            actions.push(Action::Notify);
        }
        if self.state == State::Waiting && self.needs.values().all(|need| need.served) {
            self.state = State::Open;
            actions.push(Action::Open);
        }
        if self.state == State::Waiting {
            let line = self.line();
            if self.ready_until.is_some_and(|until| until <= now) {
                self.state = State::Over;
                actions.push(Action::Fail { line });
                return;
            }
            if line != self.told {
                self.told.clone_from(&line);
                actions.push(Action::Tell { line });
            }
        }
        if let Poll::At(at) = self.poll
            && at <= now
        {
            self.poll = Poll::Out { since: now };
            actions.push(Action::Poll { after: self.known.clone() });
        }
    }

    /// What is waited for, of the first resource that is not served.
    fn line(&self) -> String {
        let Some((name, need)) = self.needs.iter().find(|(_, need)| !need.served) else {
            return String::new();
        };
        match &self.trouble {
            Some(trouble) if need.gated => format!("{name}: {}; {trouble}", need.line),
            _ => format!("{name}: {}", need.line),
        }
    }
}

impl Need {
    fn new(resource: &PodResource, now: Duration) -> Self {
        let files = !resource.folders.is_empty();
        let mounted = resource.mounted.is_some() && !resource.gated;
        Self {
            gated: resource.gated,
            files,

            served: !resource.gated && !files,
            revision: None,
            copy_at: (mounted && files).then_some(now),
            line: if mounted { "copying files" } else { "waiting for the runner" }.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
