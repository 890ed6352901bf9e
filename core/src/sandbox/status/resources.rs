//! The resources of a sandbox, one line each.

use sandbind_wire::name;

use super::{super::prepare::Missing, MAX_RESOURCES, SeenSandbox};
use crate::{
    api::{
        instance::{Phase, StepStatus},
        sandbox::SandboxResource,
    },
    lifecycle::{message, record::Record},
};

/// The phase of a prepared resource that has no record yet.
const PENDING: &str = "Pending";

/// Whether pods may use it.
pub(in crate::sandbox) fn is_ready(record: &Record) -> bool {
    record.status.phase == Phase::Ready && !record.deleting
}

/// All of them by name; beyond the bound the ones that are well are left out first.
pub(super) fn resources(seen: &SeenSandbox<'_>, missing: &[Missing]) -> Vec<SandboxResource> {
    let mut ranked: Vec<(u8, SandboxResource)> =
        seen.records.iter().map(|record| (rank(record), of_record(record))).collect();
    ranked.extend(missing.iter().map(|one| (1, of_missing(one))));
    ranked.sort_by(|(one, a), (other, b)| (one, &a.name).cmp(&(other, &b.name)));
    ranked.truncate(MAX_RESOURCES);
    let mut resources: Vec<_> = ranked.into_iter().map(|(_, resource)| resource).collect();
    resources.sort_by(|one, other| one.name.cmp(&other.name));
    resources
}

/// The line of the resource that is worst off, if one is not well.
pub(super) fn most_telling(seen: &SeenSandbox<'_>) -> Option<String> {
    let unwell = seen.records.iter().filter(|record| !is_ready(record));
    let worst = unwell.min_by_key(|record| (rank(record), name_of(record)))?;
    Some(format!("{}: {}", name_of(worst), line(worst)?))
}

/// `db`, or `db/<scope id>`.
pub(super) fn name_of(record: &Record) -> String {
    let key = &record.spec.key;
    match &key.scope {
        Some(scope) => format!("{}/{scope}", key.resource),
        None => key.resource.clone(),
    }
}

fn rank(record: &Record) -> u8 {
    match record.status.phase {
        Phase::Failed | Phase::Undoing => 0,
        Phase::Creating => 1,
        Phase::Deleting => 2,
        Phase::Ready if record.deleting => 2,
        Phase::Ready => 3,
    }
}

fn of_record(record: &Record) -> SandboxResource {
    let status = &record.status;
    let (step, attempt) = step(record);
    let failed = matches!(status.phase, Phase::Failed | Phase::Undoing);
    let delivered = !failed && !status.delivered.is_empty();
    SandboxResource {
        name: name_of(record),
        plugin: status.plugin.as_ref().map(|plugin| plugin.identity.clone()),
        phase: format!("{:?}", if record.deleting && !failed { Phase::Deleting } else { status.phase }),
        round: i64::from(status.round),
        step,
        attempt: attempt.map(i64::from),
        message: line(record),
        since: Some(status.since.to_string()),
        output_keys: if delivered { status.delivered.iter().cloned().collect() } else { Vec::new() },
        secret_name: delivered.then(|| name::delivered_secret(&record.spec.incarnation)),
    }
}

/// The step that runs; of a failed round the one that failed.
fn step(record: &Record) -> (Option<String>, Option<u32>) {
    let status = &record.status;
    if let (Phase::Failed | Phase::Undoing, Some(failure)) = (status.phase, &status.first_failure) {
        return (failure.step.clone(), failure.attempt);
    }
    let doing: Option<&StepStatus> = message::doing(status);
    (doing.map(|step| step.name.clone()), doing.map(|step| step.attempt))
}

/// What a failed round failed of, else what it is doing. It never ticks.
fn line(record: &Record) -> Option<String> {
    let status = &record.status;
    let failure = status.first_failure.as_ref().or(status.last_failure.as_ref());
    let line = match (status.phase, failure) {
        (Phase::Undoing, Some(failure)) => format!("{}; {}", message::failure(failure), status.message),
        (Phase::Failed, Some(failure)) => match status.next_try {
            Some(at) => format!("{}; next try at {at:.0}", message::failure(failure)),
            None => message::failure(failure),
        },
        _ => status.message.clone(),
    };
    Some(line).filter(|line| !line.is_empty())
}

fn of_missing(missing: &Missing) -> SandboxResource {
    let message = match &missing.way {
        Ok(_) => "about to be made".to_owned(),
        Err(problem) => problem.to_string(),
    };
    SandboxResource {
        name: missing.name.clone(),
        phase: PENDING.to_owned(),
        message: Some(message),
        ..SandboxResource::default()
    }
}
