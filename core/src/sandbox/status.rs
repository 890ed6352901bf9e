//! The mirror: what the records and pods of a sandbox say, for people and for `kubectl wait`.

mod conditions;
mod resources;

use jiff::Timestamp;

pub(super) use self::resources::is_ready;
use super::{SeenPod, SeenSandbox, prepare::Missing, ttl, unreachable};
use crate::api::{
    instance::Phase,
    sandbox::{PodState, SandboxPhase, SandboxPod, SandboxStatus},
};

/// Pods that a status names.
pub const MAX_PODS: usize = 100;
/// Resources that a status names.
pub const MAX_RESOURCES: usize = 200;
/// Pods that a line names.
const NAMED: usize = 5;

/// The status as it should stand. Equal to the present one when nothing has changed.
pub(super) fn status(seen: &SeenSandbox<'_>, missing: &[Missing]) -> SandboxStatus {
    let before = seen.sandbox().and_then(|sandbox| sandbox.status.clone()).unwrap_or_default();
    let phase = phase(seen, missing);
    let all = seen.records.len() + missing.len();
    let ready = seen.records.iter().filter(|record| resources::is_ready(record)).count();
    let live: Vec<&SeenPod> = seen.live().collect();
    let last_used_at = last_used(&before, live.len(), seen.now);
    let used_at: Option<Timestamp> = last_used_at.as_deref().and_then(|text| text.parse().ok());
    let end =
        seen.sandbox().and_then(|sandbox| ttl::end(sandbox, seen.default_ttl, !live.is_empty(), used_at));
    let message = message(seen, missing, phase);
    let mut status = SandboxStatus {
        phase: Some(phase),
        summary: (all > 0).then(|| format!("{ready}/{all} ready")),
        message: Some(message).filter(|message| !message.is_empty()),
        observed_generation: seen.sandbox().and_then(|one| one.metadata.generation).unwrap_or_default(),
        resources: resources::resources(seen, missing),
        pods: pods(&live),
        pod_count: i64::try_from(live.len()).unwrap_or(i64::MAX),
        last_used_at,
        expires_at: end.map(|end| end.at.to_string()),
        conditions: Vec::new(),
    };
    status.conditions = conditions::conditions(seen, missing, &status, &before.conditions);
    status
}

fn phase(seen: &SeenSandbox<'_>, missing: &[Missing]) -> SandboxPhase {
    let going = |phase: Phase, deleting: bool| deleting || phase == Phase::Deleting;
    let records = || seen.records.iter().map(|record| (record.status.phase, record.deleting));
    let none = seen.records.is_empty();
    if seen.deleting()
        || (!none && missing.is_empty() && records().all(|(phase, deleting)| going(phase, deleting)))
    {
        SandboxPhase::Deleting
    } else if records().any(|(phase, _)| matches!(phase, Phase::Failed | Phase::Undoing)) {
        SandboxPhase::Failed
    } else if none {
        SandboxPhase::Pending
    } else if missing.is_empty() && seen.records.iter().all(|record| resources::is_ready(record)) {
        SandboxPhase::Ready
    } else {
        SandboxPhase::Provisioning
    }
}

/// The time moves when use begins and when it ends, not in between: a status that ticks would be written for ever.
fn last_used(before: &SandboxStatus, pods: usize, now: Timestamp) -> Option<String> {
    let turned = (pods > 0) != (before.pod_count > 0);
    if turned { Some(seconds(now)) } else { before.last_used_at.clone() }
}

fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// What it is doing or what stops it.
fn message(seen: &SeenSandbox<'_>, missing: &[Missing], phase: SandboxPhase) -> String {
    if seen.deleting() {
        let users: Vec<&str> = seen.live().filter(|pod| pod.injected).map(|pod| pod.name.as_str()).collect();
        if !users.is_empty() {
            return format!("waits for {} that still {} it", list("pod", &users), verb(users.len()));
        }
    }
    let telling = resources::most_telling(seen);
    if let Some(line) = telling {
        return line;
    }
    if let Some((name, problem)) = super::decide::impossible(missing).next() {
        return format!("{name}: {}", problem.reason);
    }
    let late: Vec<&str> =
        unreachable::waiting(seen).unreachable.iter().map(|pod| pod.name.as_str()).collect();
    if !late.is_empty() {
        let (waits, its) =
            if late.len() == 1 { ("waits", "its sidecar") } else { ("wait", "their sidecars") };
        return format!(
            "{} {waits} for what is ready: {its} may not reach the plugin runner",
            list("pod", &late)
        );
    }
    match (phase, seen.records.is_empty(), missing.is_empty()) {
        (SandboxPhase::Pending, true, true) => "no pod of it was bound, and it prepares nothing".to_owned(),
        (SandboxPhase::Pending | SandboxPhase::Provisioning, _, false) => {
            let names: Vec<&str> = missing.iter().map(|one| one.name.as_str()).collect();
            format!("{} to be made", list("resource", &names))
        }
        (SandboxPhase::Deleting, ..) => "removing what is left".to_owned(),
        _ => String::new(),
    }
}

const fn verb(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

/// `pod a`, `pods a, b`, `pods a, b, c, d, e and 3 more`.
fn list(noun: &str, names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let plural = if names.len() == 1 { "" } else { "s" };
    match names.len().saturating_sub(NAMED) {
        0 => format!("{noun}{plural} {shown}"),
        more => format!("{noun}{plural} {shown} and {more} more"),
    }
}

/// Those that need a look first, so that the bound cuts off the others; then by name.
fn pods(live: &[&SeenPod]) -> Vec<SandboxPod> {
    let mut pods: Vec<SandboxPod> =
        live.iter().map(|pod| SandboxPod { name: pod.name.clone(), state: state(pod) }).collect();
    let rank = |state: PodState| match state {
        PodState::Unbound => 0,
        PodState::Gated => 1,
        PodState::Bound => 2,
    };
    pods.sort_by(|one, other| (rank(one.state), &one.name).cmp(&(rank(other.state), &other.name)));
    pods.truncate(MAX_PODS);
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    pods
}

const fn state(pod: &SeenPod) -> PodState {
    match (pod.injected, pod.gated && !pod.open) {
        (false, _) => PodState::Unbound,
        (true, true) => PodState::Gated,
        (true, false) => PodState::Bound,
    }
}

#[cfg(test)]
mod tests;
