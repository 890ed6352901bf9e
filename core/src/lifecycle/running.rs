//! Attempts as they run: which are over without a result, which pods are to be made, which to be removed.

use std::time::Duration;

use super::{
    clock::until,
    conditions::Aside,
    decide::Todo,
    effect::{Change, Effect},
    message,
    observed::{StepPod, StepPodState},
    snapshot::Snapshot,
    steps::{self, Ended, Ending},
};
use crate::{
    api::{
        instance::{Phase, StepState, StepStatus, Work},
        plugin::Step,
    },
    workflow::runnable,
};

/// Whether an attempt of this kind of work is running (claimed, so it may act).
pub(super) fn acting(todo: &Todo<'_>, work: Work) -> bool {
    todo.status().steps.iter().any(|step| step.work == work && step.claim.is_some())
}

/// Remove the pods of runs that are over: whatever is not the current attempt of a step that is under way.
pub(super) fn reap(todo: &mut Todo<'_>) {
    let status = todo.status();
    for run in todo.seen.step_pods.keys() {
        let phase_suits = match run.work {
            Work::Create => status.phase == Phase::Creating,
            Work::Refresh => status.phase == Phase::Ready && status.refreshing,
            Work::Delete => matches!(status.phase, Phase::Undoing | Phase::Deleting),
        };
        let current = steps::find(status, run.work, &run.step).is_some_and(|step| {
            step.state == StepState::Pending && steps::current(todo.record, step) == *run
        });
        if !(phase_suits && current) {
            todo.push(Effect::Reap { run: run.clone() });
        }
    }
}

/// Write down attempts that are over without a result: nobody will ever act for them again. Answers whether there were any.
pub(super) fn write_off(todo: &mut Todo<'_>, work: Work, snapshot: &Snapshot) -> bool {
    let mut status = todo.status().clone();
    let mut tell = Vec::new();
    for step in
        todo.status().steps.iter().filter(|step| step.work == work && step.state == StepState::Pending)
    {
        let Some(definition) = steps::definition(snapshot, work, &step.name) else { continue };
        let pod = todo.seen.step_pods.get(&steps::current(todo.record, step));
        let Some(ended) = over(todo, step, pod) else { continue };
        steps::end(&mut status, work, definition, &ended, todo.seen.now, todo.seen.random);
        tell.extend(status.last_failure.as_ref().map(|failure| message::failed_attempt(failure, &status)));
    }
    if status == *todo.status() {
        return false;
    }
    todo.commit(status, Change::AttemptOver, tell);
    true
}

/// How the current attempt of a step is over although no result came, if it is.
fn over(todo: &mut Todo<'_>, step: &StepStatus, pod: Option<&StepPod>) -> Option<Ended> {
    let ended = |ending, code, how: &str, why: &str| {
        let how = if why.is_empty() { how.to_owned() } else { format!("{how}: {why}") };
        Some(Ended { ending, code, how, exit_code: None, last_line: String::new() })
    };
    let has_ended = pod.is_some_and(|pod| pod.state == StepPodState::Ended);
    if let Some(claim) = &step.claim {
        let age = todo.seen.ages.claims.get(&(step.work, step.name.clone())).copied().unwrap_or_default();
        let dead = Duration::from_secs(claim.dead_after_seconds).saturating_add(todo.seen.timers.margin);
        // A vanished pod may have been made anew under its name: only the holder's own end is the end of what it does.
        let holder_ended = has_ended && pod.is_some_and(|pod| pod.uid == claim.holder);
        if holder_ended || age >= dead {
            let why = pod.map_or("", |pod| pod.why.as_str());
            return ended(Ending::Lost, "StepLost", steps::LOST, why);
        }
        todo.wake(dead.saturating_sub(age));
        return None;
    }
    let pod = pod?;
    let late = pod.age >= todo.seen.timers.start;
    if has_ended || late {
        return ended(Ending::Unclaimed, "StepNeverBegan", steps::NEVER_BEGAN, &pod.why);
    }
    if pod.state == StepPodState::Starting && !pod.why.is_empty() {
        todo.aside = Some(Aside::starting(step, &pod.why));
    }
    todo.wake(todo.seen.timers.start.saturating_sub(pod.age));
    None
}

/// Make the pods of all steps that may run now.
pub(super) fn launch(todo: &mut Todo<'_>, work: Work, graph: &[&Step]) {
    let status = todo.status();
    for step in runnable(graph, work, &status.steps) {
        let Some(known) = steps::find(status, work, &step.name) else { continue };
        let run = steps::current(todo.record, known);
        if known.claim.is_some() || todo.seen.step_pods.contains_key(&run) {
            continue;
        }
        match known.not_before {
            Some(at) if at > todo.seen.now => todo.wake(until(todo.seen.now, at)),
            _ => todo.push(Effect::Launch { run }),
        }
    }
}

/// Whether all these steps are done.
pub(super) fn all_done(todo: &Todo<'_>, work: Work, graph: &[&Step]) -> bool {
    graph.iter().all(|step| {
        steps::find(todo.status(), work, &step.name).is_some_and(|known| known.state == StepState::Done)
    })
}
