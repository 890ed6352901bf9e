//! Conditions as `kubectl wait` and kstatus read them: `Ready` always; the others only while they are true.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use sandbind_wire::name;

use super::{
    super::{decide::impossible, prepare::Missing},
    SeenSandbox, list,
    resources::name_of,
};
use crate::{
    api::{
        instance::Phase,
        sandbox::{SandboxPhase, SandboxStatus},
    },
    binding,
    lifecycle::{
        conditions::{OUTDATED, READY, RECONCILING, STALLED},
        record::Record,
    },
};

/// Bindings of the namespace disagree about a resource of this sandbox.
const CONFLICTED: &str = "Conflicted";
/// A pod carries the label and was not injected.
const NOT_INJECTED: &str = "NotInjected";

/// What holds, with its reason and message.
struct Said {
    name: &'static str,
    holds: bool,
    reason: String,
    message: String,
}

impl Said {
    fn new(name: &'static str, holds: bool, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name, holds, reason: reason.into(), message: message.into() }
    }
}

/// The conditions as they should stand; a time changes only with its condition.
pub(super) fn conditions(
    seen: &SeenSandbox<'_>,
    missing: &[Missing],
    status: &SandboxStatus,
    before: &[Condition],
) -> Vec<Condition> {
    let phase = status.phase.unwrap_or(SandboxPhase::Pending);
    let ready = phase == SandboxPhase::Ready;
    let reason = match impossible(missing).next() {
        Some((_, problem)) if !seen.deleting() && phase != SandboxPhase::Failed => problem.code.clone(),
        _ => reason(phase, status.resources.is_empty()).to_owned(),
    };
    let message = status.message.clone().unwrap_or_default();
    let all = [
        Some(Said::new(READY, ready, &*reason, &*message)),
        is_working(seen, missing).then(|| Said::new(RECONCILING, true, &*reason, &*message)),
        stalled(seen, missing),
        mirrored(seen, OUTDATED).next(),
        conflicted(seen),
        not_injected(seen),
    ];
    all.into_iter().flatten().map(|said| condition(said, before, status, seen.now)).collect()
}

fn condition(said: Said, before: &[Condition], status: &SandboxStatus, now: Timestamp) -> Condition {
    let Said { name, holds, reason, message } = said;
    let value = if holds { "True" } else { "False" };
    let known = before.iter().find(|known| known.type_ == name && known.status == value);
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    Condition {
        last_transition_time: known.map_or(Time(now), |known| known.last_transition_time.clone()),
        message,
        observed_generation: Some(status.observed_generation),
        reason,
        status: value.to_owned(),
        type_: name.to_owned(),
    }
}

const fn reason(phase: SandboxPhase, empty: bool) -> &'static str {
    match phase {
        SandboxPhase::Pending if empty => "NothingPromised",
        SandboxPhase::Pending => "Pending",
        SandboxPhase::Provisioning => "Provisioning",
        SandboxPhase::Ready => "Ready",
        SandboxPhase::Failed => "RoundFailed",
        SandboxPhase::Deleting => "Deleting",
    }
}

/// Whether something is being done about it.
fn is_working(seen: &SeenSandbox<'_>, missing: &[Missing]) -> bool {
    let busy =
        |record: &Record| record.deleting || !matches!(record.status.phase, Phase::Ready | Phase::Failed);
    missing.iter().any(|one| one.way.is_ok()) || seen.records.iter().any(|record| busy(record))
}

/// What does not get on by itself. The failed round of a sandbox that is being deleted stops nothing.
fn stalled(seen: &SeenSandbox<'_>, missing: &[Missing]) -> Option<Said> {
    let passing = |said: &Said| seen.deleting() && said.reason == "RoundFailed";
    let worst = mirrored(seen, STALLED).filter(|said| !passing(said));
    worst.min_by_key(|said| said.reason != "DeleteFailing").or_else(|| {
        let (name, problem) = impossible(missing).next()?;
        Some(Said::new(STALLED, true, &*problem.code, format!("{name}: {}", problem.reason)))
    })
}

/// What the records themselves say.
fn mirrored<'a>(seen: &'a SeenSandbox<'_>, name: &'static str) -> impl Iterator<Item = Said> + 'a {
    seen.records.iter().filter_map(move |record| {
        let conditions = &record.status.conditions;
        let found = conditions.iter().find(|one| one.type_ == name && one.status == "True")?;
        Some(Said::new(name, true, &*found.reason, format!("{}: {}", name_of(record), found.message)))
    })
}

fn conflicted(seen: &SeenSandbox<'_>) -> Option<Said> {
    if seen.deleting() {
        return None;
    }
    let problem = seen.records.iter().find_map(|record| {
        let planned = binding::plan_key(seen.view, &record.spec.key, record.spec.workload.as_deref());
        planned.err().filter(|problem| problem.code == "ConflictingBindings")
    })?;
    Some(Said::new(CONFLICTED, true, problem.code.clone(), format!("{}: {}", problem.place, problem.reason)))
}

/// Namespaces may let unmatched pods run; else a labelled pod without our sidecar came past the webhook.
fn not_injected(seen: &SeenSandbox<'_>) -> Option<Said> {
    let annotations = &seen.view.namespace.annotations;
    if annotations.get(name::ANNOTATION_UNMATCHED).is_some_and(|value| value == "Allow") {
        return None;
    }
    let mut names: Vec<&str> =
        seen.live().filter(|pod| !pod.injected && !pod.deleting).map(|pod| pod.name.as_str()).collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| {
        let message = format!(
            "{} carried the label past the webhook and got nothing: recreate what was made before sandbind was there",
            list("pod", &names)
        );
        Said::new(NOT_INJECTED, true, "NotInjected", message)
    })
}
