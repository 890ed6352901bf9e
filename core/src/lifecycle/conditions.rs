//! Conditions as `kubectl wait` and kstatus read them: `Ready` always; `Reconciling`, `Stalled`, `Outdated`, `RefreshFailing`
//! only while they are true.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{clock::since, message, steps::clip};
use crate::api::instance::{Phase, ResourceInstanceStatus, StepState, StepStatus, Work};

/// Usable.
pub const READY: &str = "Ready";
/// Something is being done about it.
pub const RECONCILING: &str = "Reconciling";
/// It does not get on by itself, or has not for long.
pub const STALLED: &str = "Stalled";
/// The live plugin or binding differs from what it was made from.
pub const OUTDATED: &str = "Outdated";
/// The last refresh failed; what it would have replaced stays valid.
pub const REFRESH_FAILING: &str = "RefreshFailing";

/// Failures of a delete step that make it `Stalled`.
const STALLED_FAILURES: u32 = 3;
/// After this long a delete that has failed at all is `Stalled`.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(15 * 60);

/// What a pass sees that does not follow from the status: why nothing runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Aside {
    /// The plugin has its `limits.concurrency` of resources in creation already.
    pub(super) fn queued() -> Self {
        let message = "waiting for its turn: as many as the plugin's `limits.concurrency` are being created";
        Self { reason: "Queued", message: message.to_owned() }
    }

    /// A step pod does not start, for a reason that its kubelet tells.
    pub(super) fn starting(step: &StepStatus, why: &str) -> Self {
        let message = format!("step {}, attempt {}: {}", step.name, step.attempt, clip(why, 400));
        Self { reason: "StepStarting", message }
    }
}

/// Say why nothing runs.
pub(super) fn aside(status: &mut ResourceInstanceStatus, aside: &Aside, now: Timestamp) {
    status.message.clone_from(&aside.message);
    if status.phase != Phase::Ready {
        set(status, READY, false, aside.reason, &aside.message, now);
        set(status, RECONCILING, true, aside.reason, &aside.message, now);
    }
}

/// Conditions and message as they follow from the rest of the status. `Outdated` is left as it is.
pub(super) fn update(status: &mut ResourceInstanceStatus, now: Timestamp) {
    status.message = message::line(status);
    let message = status.message.clone();
    let ready = status.phase == Phase::Ready;
    let reason = match status.phase {
        Phase::Creating => "Creating",
        Phase::Ready => "Ready",
        Phase::Undoing => "Undoing",
        Phase::Failed => "RoundFailed",
        Phase::Deleting => "Deleting",
    };
    set(status, READY, ready, reason, if ready { "" } else { &message }, now);
    let working = matches!(status.phase, Phase::Creating | Phase::Undoing | Phase::Deleting);
    only_if(status, RECONCILING, working, reason, &message, now);

    let stalled = stalled(status, now);
    // Whoever is to help wants to know what the script said.
    let said =
        status.last_failure.as_ref().filter(|_| stalled == Some("DeleteFailing")).map(message::failure);
    let told = said.as_deref().unwrap_or(&message);
    only_if(status, STALLED, stalled.is_some(), stalled.unwrap_or("Stalled"), told, now);

    let failing = status.phase == Phase::Ready
        && status.refreshing
        && of(status, Work::Refresh).any(|step| step.failures > 0 && step.state == StepState::Pending);
    let why = status.last_failure.as_ref().map(message::failure).unwrap_or_default();
    only_if(status, REFRESH_FAILING, failing, "RefreshFailed", &why, now);
}

/// Whether the live objects have moved on, as far as a pass knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outdated {
    /// It does not know: the condition stays as it is.
    Unsaid,
    /// They have not.
    No,
    /// They have.
    Yes { reason: String, message: String },
}

/// Say whether the live objects have moved on.
pub(super) fn outdated(status: &mut ResourceInstanceStatus, outdated: &Outdated, now: Timestamp) {
    match outdated {
        Outdated::Unsaid => {}
        Outdated::No => only_if(status, OUTDATED, false, "", "", now),
        Outdated::Yes { reason, message } => only_if(status, OUTDATED, true, reason, message, now),
    }
}

/// Whether two statuses say the same to people.
pub(super) fn alike(a: &ResourceInstanceStatus, b: &ResourceInstanceStatus) -> bool {
    let says = |status: &ResourceInstanceStatus| -> Vec<[String; 4]> {
        let parts = |c: &Condition| [c.type_.clone(), c.status.clone(), c.reason.clone(), c.message.clone()];
        status.conditions.iter().map(parts).collect()
    };
    a.message == b.message && says(a) == says(b)
}

/// Whether a delete that has failed will be `Stalled` once [`STALLED_AFTER`] is over.
pub(super) fn troubled(status: &ResourceInstanceStatus) -> bool {
    matches!(status.phase, Phase::Undoing | Phase::Deleting)
        && of(status, Work::Delete)
            .any(|step| step.state != StepState::Done && (step.failures > 0 || step.unstarted > 0))
}

fn stalled(status: &ResourceInstanceStatus, now: Timestamp) -> Option<&'static str> {
    match status.phase {
        Phase::Failed => Some("RoundFailed"),
        Phase::Undoing | Phase::Deleting => {
            let often = of(status, Work::Delete)
                .any(|step| step.state != StepState::Done && step.failures >= STALLED_FAILURES);
            let long = troubled(status) && since(now, status.since) >= STALLED_AFTER;
            (often || long).then_some("DeleteFailing")
        }
        Phase::Creating | Phase::Ready => None,
    }
}

fn of(status: &ResourceInstanceStatus, work: Work) -> impl Iterator<Item = &StepStatus> {
    status.steps.iter().filter(move |step| step.work == work)
}

fn only_if(
    status: &mut ResourceInstanceStatus,
    name: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    if holds {
        set(status, name, true, reason, message, now);
    } else {
        status.conditions.retain(|condition| condition.type_ != name);
    }
}

fn set(
    status: &mut ResourceInstanceStatus,
    name: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let value = if holds { "True" } else { "False" };
    let known = status.conditions.iter_mut().find(|condition| condition.type_ == name);
    let Some(known) = known else {
        status.conditions.push(Condition {
            last_transition_time: Time(now),
            message: message.to_owned(),
            observed_generation: None,
            reason: reason.to_owned(),
            status: value.to_owned(),
            type_: name.to_owned(),
        });
        return;
    };
    if known.status != value {
        known.last_transition_time = Time(now);
        value.clone_into(&mut known.status);
    }
    reason.clone_into(&mut known.reason);
    message.clone_into(&mut known.message);
}

#[cfg(test)]
mod tests;
