//! The resources of one run: made, used, removed, with progress.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use sandbind_core::{
    api::instance::{StepState, StepStatus, Work},
    lifecycle::{
        message,
        observed::Timers,
        record::Record,
        reserve::{Standing, standing},
    },
    problem::Problem,
};
use sandbind_engine::ports::{Clock as _, Records as _, World as _};
use sandbind_local::{
    Attempt,
    enclosure::Scripts,
    runs::Run,
    session::{Options, Session},
    users::User,
};
use sandbind_wire::Bytes64;

use super::{Holding, enclose::enclose, store_failure};
use crate::{
    exit::{Failure, Outcome},
    progress::Progress,
};

/// The one user of a run.
const USER: &str = "run";
/// Failed attempts of a delete step after which this process gives up; `local gc` may try again.
const PATIENCE: usize = 3;
/// Between two looks at what ages.
const TICK: Duration = Duration::from_secs(1);

/// A run at work.
pub(crate) struct Bench<'s> {
    /// Its ports and agents.
    pub(crate) session: Session,
    /// Attempts that ended, in order.
    pub(crate) attempts: Vec<Attempt>,
    run: Run,
    progress: Progress<'s>,
    hurried: bool,
}

impl<'s> Bench<'s> {
    /// Drives what the run's file holds.
    pub(crate) async fn begin(run: Run, keep: bool, progress: Progress<'s>) -> Outcome<Self> {
        Self::begin_as(run, Options { keep, ..Options::default() }, progress).await
    }

    /// The same, otherwise than usual. The timers are its own; where scripts run, the run's file says.
    pub(crate) async fn begin_as(run: Run, options: Options, progress: Progress<'s>) -> Outcome<Self> {
        // Whoever is promised something here is seen before the promise.
        let timers = Timers { bind: Duration::ZERO, ..Timers::default() };
        let scripts = match &run.meta.enclosure {
            None => Scripts::Here,
            Some(enclosure) => match enclose(enclosure, run.home(), &run.id).await {
                Ok(scripts) => scripts,
                Err(failure) => {
                    // What has made nothing leaves nothing.
                    if run.records().is_ok_and(|records| records.is_empty()) {
                        run.finish().map_err(anyhow::Error::from)?;
                    }
                    return Err(failure);
                }
            },
        };
        let options = Options { timers, scripts, ..options };
        let session = Session::begin(&run, options).map_err(|error| store_failure(&error))?;
        Ok(Self { session, attempts: Vec::new(), run, progress, hurried: false })
    }

    /// From now on no step waits longer than a second for its next try.
    pub(crate) const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// The run.
    pub(crate) const fn run(&mut self) -> &mut Run {
        &mut self.run
    }

    /// Begins to make what the user holds.
    pub(crate) async fn hold(&mut self, holding: &Holding) -> Outcome {
        let user = User { name: USER.to_owned(), token: None, bindings: holding.bindings.clone() };
        self.session.world.users().enter(USER, user);
        for (name, spec, status) in &holding.records {
            let made = self.session.world.records().create(name, spec.clone(), status.clone()).await;
            made.map_err(|error| Failure::from(anyhow::Error::from(error)))?;
        }
        Ok(())
    }

    /// Resolves when everything that is held is ready, or something of it failed.
    pub(crate) async fn ready(&mut self, holding: &Holding) -> Result<(), Vec<Problem>> {
        let mut changes = self.session.changes();
        loop {
            changes.mark_unchanged();
            let records = self.look();
            let now = self.session.world.clock().now();
            let mut ready = 0;
            let mut problems = Vec::new();
            for record in &records {
                let wanted = holding.wanted.get(&record.spec.key.resource).cloned().unwrap_or_default();
                match standing(record, &wanted, now) {
                    Standing::Ready => ready += 1,
                    Standing::Failed(problem) => problems.push(failed(record, &problem)),
                    Standing::Creating { .. } | Standing::Going { .. } => {}
                }
            }
            if !problems.is_empty() {
                return Err(problems);
            }
            if ready == holding.records.len() {
                return Ok(());
            }
            self.pause(&mut changes).await;
        }
    }

    /// Resolves when a refresh that is due has been adopted, or an attempt of it failed: then with false. `before` are the
    /// attempts there were.
    pub(crate) async fn refreshed(&mut self, revision: u64, before: usize) -> bool {
        let mut changes = self.session.changes();
        loop {
            changes.mark_unchanged();
            let records = self.look();
            if records.iter().all(|record| record.status.revision > revision) {
                return true;
            }
            let given_up = records
                .iter()
                .flat_map(|record| &record.status.steps)
                .any(|step| step.work == Work::Refresh && step.state == StepState::Failed);
            let failed = self.attempts.iter().skip(before).any(Attempt::failed);
            let waits =
                records.iter().all(|record| record.status.steps.iter().all(|step| step.claim.is_none()));
            if given_up || (failed && waits) {
                return false;
            }
            self.pause(&mut changes).await;
        }
    }

    /// The user is gone, and nothing new is made any more.
    pub(crate) fn leave(&self) {
        self.session.world.users().leave(USER);
        self.session.world.steps().stop(Work::Create);
        self.session.wake();
    }

    /// Resolves when everything is removed, or when what is left does not want to go: with a problem for each of that.
    pub(crate) async fn gone(&mut self) -> Vec<Problem> {
        let mut changes = self.session.changes();
        loop {
            changes.mark_unchanged();
            let records = self.look();
            let stuck = |record: &Arc<Record>| {
                let failed = self.attempts.iter().filter(|attempt| {
                    let run = &attempt.run;
                    (&run.instance, run.work) == (&record.name, Work::Delete) && attempt.failed()
                });
                failed.count() >= PATIENCE
            };
            if records.iter().all(stuck) {
                return records.iter().map(|record| left(record)).collect();
            }
            self.pause(&mut changes).await;
        }
    }

    /// Delete steps that wait for their next try are tried at once.
    pub(crate) fn retry(&self) -> Outcome {
        let token = sandbind_local::clock::id()?;
        self.session.world.records().delete_now(&token);
        Ok(())
    }

    /// Asks every running script to end.
    pub(crate) fn stop(&self) {
        for work in [Work::Create, Work::Refresh, Work::Delete] {
            self.session.world.steps().stop(work);
        }
    }

    /// Leaves the terminal to the command, or takes it back.
    pub(crate) const fn mute(&mut self, muted: bool) {
        self.progress.mute(muted);
    }

    /// Shows problems beside the progress.
    pub(crate) fn problems(&mut self, problems: &[Problem]) {
        self.progress.problems(problems);
    }

    /// The delivered outputs of an incarnation.
    pub(crate) fn values(&self, incarnation: &str) -> Outcome<BTreeMap<String, Bytes64>> {
        Ok(self.session.world.delivery().values(incarnation)?)
    }

    /// Ends the run; what is left of it stays in its file.
    pub(crate) async fn end(mut self) -> Outcome {
        let nothing_left = self.look().is_empty();
        self.progress.close();
        self.session.end().await;
        if nothing_left {
            self.run.finish()?;
        }
        Ok(())
    }

    /// The records as they stand, shown.
    pub(crate) fn look(&mut self) -> Vec<Arc<Record>> {
        while let Ok(attempt) = self.session.attempts.try_recv() {
            self.attempts.push(attempt);
        }
        while let Ok((resource, notice)) = self.session.notices.try_recv() {
            self.progress.notice(&resource, &notice);
        }
        let records = self.session.records();
        let now = self.session.world.clock().now();
        if let Some(ahead) = self.needless(&records, now) {
            self.session.world.clock_ahead(ahead);
            self.session.wake();
        }
        self.progress.show(&records, now);
        records
    }

    /// How far the clock may be moved on: to the next try of a step that was killed, for nobody needs to wait for that; and when
    /// it is hurried, of one that has waited for a second.
    fn needless(&self, records: &[Arc<Record>], now: Timestamp) -> Option<Duration> {
        let killed = |step: &StepStatus| {
            self.attempts.iter().filter(|attempt| attempt.killed).any(|attempt| {
                let run = &attempt.run;
                (run.work, run.step.as_str(), run.attempt + 1)
                    == (step.work, step.name.as_str(), step.attempt)
            })
        };
        let waited = |step: &StepStatus| {
            let ended = step.last.as_ref().map(|last| last.at);
            self.hurried && ended.is_some_and(|ended| now.duration_since(ended).as_secs() >= 1)
        };
        let steps = records.iter().flat_map(|record| &record.status.steps);
        let steps = steps.filter(|step| killed(step) || waited(step));
        let next = steps.filter_map(|step| step.not_before).filter(|at| *at > now).min()?;
        Duration::try_from(next.duration_since(now)).ok()
    }

    async fn pause(&mut self, changes: &mut tokio::sync::watch::Receiver<u64>) {
        tokio::select! {
            _ = changes.changed() => {}
            Some(attempt) = self.session.attempts.recv() => self.attempts.push(attempt),
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Why the resource is not made, with what helps here.
fn failed(record: &Record, problem: &Problem) -> Problem {
    let status = &record.status;
    let first = status.first_failure.as_ref().or(status.last_failure.as_ref());
    let reason = first.map_or_else(|| problem.reason.clone(), message::failure);
    let way_out = match first.and_then(|failure| failure.step.as_ref()) {
        Some(_) => {
            "put the plugin or its params right; `sandbind plugin test` runs its steps one by one".to_owned()
        }
        None => "put the stack right".to_owned(),
    };
    Problem::error(&problem.code, place(record), reason, way_out)
}

/// What is left of a resource that does not want to go.
fn left(record: &Record) -> Problem {
    let failure = record.status.last_failure.as_ref();
    let reason = failure.map_or_else(|| record.status.message.clone(), message::failure);
    Problem::error(
        "NotRemoved",
        place(record),
        reason,
        "see to what stands in the way, then run `sandbind local gc`",
    )
}

fn place(record: &Record) -> String {
    format!("resource {} of sandbox {}", record.spec.key.resource, record.spec.key.sandbox)
}
