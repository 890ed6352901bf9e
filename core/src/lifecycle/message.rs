//! One line for people. The durable one never ticks; ages are put in when it is read.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    clock::{since, until},
    effect::Notice,
    record::Record,
};
use crate::api::instance::{Failure, Phase, ResourceInstanceStatus, StepState, StepStatus, Work};

/// What the resource is doing, with ages as of `now`: `step provision, attempt 2, 14 s`.
pub fn describe(record: &Record, now: Timestamp) -> String {
    let status = &record.status;
    let line = if status.message.is_empty() { line(status) } else { status.message.clone() };
    let age = |text: String, from: Timestamp| {
        if text.is_empty() { text } else { format!("{text}, {}", ago(since(now, from))) }
    };
    match (status.phase, doing(status)) {
        (Phase::Failed, _) => match status.next_try {
            Some(at) if at > now => format!("{line}; next try in {}", ago(until(now, at))),
            _ => line,
        },
        (_, Some(step)) => match (&step.claim, step.not_before) {
            (Some(claim), _) => age(line, claim.at),
            (None, Some(at)) if at > now => format!("{line}, next try in {}", ago(until(now, at))),
            (None, at) => age(line, at.unwrap_or(status.since).max(status.since)),
        },
        (Phase::Ready, None) => line,
        (_, None) => age(line, status.since),
    }
}

/// The durable line.
pub(super) fn line(status: &ResourceInstanceStatus) -> String {
    let step = doing(status).map(|step| {
        let failed = match &step.last {
            Some(last) if step.failures > 0 => format!(" (last: {})", last.how),
            _ => String::new(),
        };
        format!("step {}, attempt {}{failed}", step.name, step.attempt)
    });
    match status.phase {
        Phase::Creating if status.plugin.is_none() => "reading plugin and bindings".to_owned(),
        Phase::Creating => step.unwrap_or_else(|| "delivering outputs".to_owned()),
        Phase::Ready => step.map(|step| format!("refresh: {step}")).unwrap_or_default(),
        Phase::Undoing => step.map_or_else(|| "undone".to_owned(), |step| format!("undoing: {step}")),
        Phase::Deleting => {
            step.map_or_else(|| "removing what is left".to_owned(), |step| format!("deleting: {step}"))
        }
        Phase::Failed => status
            .first_failure
            .as_ref()
            .or(status.last_failure.as_ref())
            .map_or_else(|| "the round failed".to_owned(), failure),
    }
}

/// The step that people hear of: one that runs, else one that waits for its next attempt, else the first that is not done.
pub fn doing(status: &ResourceInstanceStatus) -> Option<&StepStatus> {
    let work = match status.phase {
        Phase::Creating => Work::Create,
        Phase::Ready => Work::Refresh,
        Phase::Undoing | Phase::Deleting => Work::Delete,
        Phase::Failed => return None,
    };
    let open =
        || status.steps.iter().filter(move |step| step.work == work && step.state == StepState::Pending);
    open()
        .find(|step| step.claim.is_some())
        .or_else(|| open().find(|step| step.not_before.is_some()))
        .or_else(|| open().next())
}

/// A failure: plugin, step, attempt, how, last line.
pub fn failure(failure: &Failure) -> String {
    let plugin = failure.plugin.as_ref().map(|plugin| format!("plugin {plugin}"));
    let step = failure.step.as_ref().map(|step| match failure.work {
        Some(Work::Create) | None => format!("step {step}"),
        Some(work) => format!("{} step {step}", work.as_str()),
    });
    let attempt = failure.attempt.map(|attempt| format!("attempt {attempt}"));
    let place: Vec<String> = [plugin, step, attempt].into_iter().flatten().collect();
    let mut text =
        if place.is_empty() { failure.how.clone() } else { format!("{}: {}", place.join(", "), failure.how) };
    if !failure.last_line.is_empty() {
        text = format!("{text}: {}", failure.last_line);
    }
    text
}

/// What a person can do about a failed round, with the time of the next try.
pub(super) fn next_try(record: &Record, now: Timestamp) -> String {
    let when = match (record.status.phase, record.status.next_try) {
        (Phase::Undoing, _) => "it is being undone, then tried again".to_owned(),
        (_, Some(at)) if at > now => format!("the next try is in {}", ago(until(now, at))),
        _ => "the next try is as soon as it can be".to_owned(),
    };
    let sandbox = &record.spec.key.sandbox;
    let namespace = &record.spec.key.namespace;
    format!(
        "{when}; put it right and run `sandbind sandbox retry {sandbox} -n {namespace}`, then `kubectl rollout restart` what made the pod"
    )
}

/// Where a problem of the resource is.
pub(super) fn place(record: &Record) -> String {
    let key = &record.spec.key;
    format!("Sandbox {}/{}: resource {}", key.namespace, key.sandbox, key.resource)
}

/// What people are told of a failed attempt.
pub(super) fn failed_attempt(failed: &Failure, status: &ResourceInstanceStatus) -> Notice {
    let reason = match failed.work {
        Some(Work::Delete) => "DeleteStepFailed",
        Some(Work::Refresh) => "RefreshStepFailed",
        Some(Work::Create) | None => "StepFailed",
    };
    Notice { reason, warning: true, message: failure(failed), owners: status.owners.clone() }
}

/// A duration as people say it: `14 s`, `3 min`, `2 h`, `5 d`.
fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
