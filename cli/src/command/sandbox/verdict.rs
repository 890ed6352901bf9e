//! What a look at a sandbox means for `wait`: pure, so that every exit code has a test.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use sandbind_core::{
    api::{Sandbox, sandbox::SandboxPhase},
    problem::Problem,
};

/// What a look says.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// What was awaited is there.
    Done,
    /// Not yet; what it does meanwhile.
    Wait(String),
    /// Not yet, and nothing was promised: after a while that is a failure.
    Empty,
    /// It will not come by waiting.
    Failed(Problem),
}

/// Follows one sandbox until it is ready.
#[derive(Debug)]
pub(crate) struct Readiness {
    place: String,
    name: String,
    through_failures: bool,
    allow_empty: bool,
    /// The round of each resource when it was first seen: a higher one means that a round failed meanwhile.
    rounds: BTreeMap<String, i64>,
}

impl Readiness {
    /// For the sandbox of this name.
    pub(crate) fn new(place: &str, name: &str, through_failures: bool, allow_empty: bool) -> Self {
        Self {
            place: place.to_owned(),
            name: name.to_owned(),
            through_failures,
            allow_empty,
            rounds: BTreeMap::new(),
        }
    }

    /// What this look means. None: it does not exist.
    pub(crate) fn look(&mut self, sandbox: Option<&Sandbox>) -> Verdict {
        let Some(sandbox) = sandbox else {
            return Verdict::Wait("does not exist yet".to_owned());
        };
        if sandbox.metadata.deletion_timestamp.is_some() {
            return self.failed(
                "Deleting",
                "the sandbox is being deleted",
                "wait with `--for deleted`, then start anew",
            );
        }
        let Some(status) = &sandbox.status else {
            return Verdict::Wait("waits for the plugin runner".to_owned());
        };
        if let Some(condition) = condition(&status.conditions, "NotInjected") {
            let reason = if condition.message.is_empty() {
                "a pod with the label was not injected"
            } else {
                &condition.message
            };
            return self.failed(
                "NotInjected",
                reason,
                "recreate the pod; if that does not help, ask for `sandbind doctor`",
            );
        }
        if let Some(verdict) = self.failed_round(sandbox) {
            return verdict;
        }
        if status.observed_generation < sandbox.metadata.generation.unwrap_or(0) {
            return Verdict::Wait("waits for the plugin runner".to_owned());
        }
        if status.resources.is_empty() {
            return if self.allow_empty { Verdict::Done } else { Verdict::Empty };
        }
        let all_ready = status.resources.iter().all(|resource| resource.phase == "Ready");
        if all_ready && status.phase == Some(SandboxPhase::Ready) {
            return Verdict::Done;
        }
        let line = status.message.clone().filter(|line| !line.is_empty());
        Verdict::Wait(line.unwrap_or_else(|| format!("{:?}", status.phase.unwrap_or(SandboxPhase::Pending))))
    }

    /// Whether a round has failed since the first look, or stands failed.
    fn failed_round(&mut self, sandbox: &Sandbox) -> Option<Verdict> {
        let status = sandbox.status.as_ref()?;
        let mut failed = None;
        for resource in &status.resources {
            let first = *self.rounds.entry(resource.name.clone()).or_insert_with(|| resource.round.max(1));
            let down = resource.phase == "Failed" || resource.phase == "Undoing";
            if down || resource.round > first {
                failed = failed.or(Some(resource));
            }
        }
        if self.through_failures {
            return None;
        }
        let resource = failed?;
        let said = resource.message.clone().filter(|message| !message.is_empty());
        let reason = said.unwrap_or_else(|| "a round of creating it failed".to_owned());
        Some(self.failed(
            "RoundFailed",
            &format!("resource `{}`: {reason}", resource.name),
            &format!(
                "`sandbind sandbox why {}` tells more, `sandbind sandbox retry {}` starts the next round",
                self.name, self.name
            ),
        ))
    }

    fn failed(&self, code: &str, reason: &str, way_out: &str) -> Verdict {
        Verdict::Failed(Problem::error(code, &self.place, reason, way_out))
    }
}

/// Follows one sandbox until it is gone.
#[derive(Debug, Default)]
pub(super) struct Removal {
    uid: Option<String>,
}

impl Removal {
    /// What this look means. None: it does not exist. One of the same name made anew is another.
    pub(super) fn look(&mut self, sandbox: Option<&Sandbox>, place: &str) -> Verdict {
        let Some(sandbox) = sandbox else { return Verdict::Done };
        let first = self.uid.get_or_insert_with(|| sandbox.metadata.uid.clone().unwrap_or_default());
        if sandbox.metadata.uid.as_ref() != Some(first) {
            return Verdict::Done;
        }
        let status = sandbox.status.clone().unwrap_or_default();
        // A round that failed before the deletion holds nothing up.
        let stalled = condition(&status.conditions, "Stalled").filter(|one| one.reason != "RoundFailed");
        if let Some(stalled) = stalled {
            return Verdict::Failed(Problem::error(
                "Stalled",
                place,
                if stalled.message.is_empty() { "a delete step keeps failing" } else { &stalled.message },
                "a cluster admin finds it with `sandbind orphans list` and runs `sandbind orphans retry ID --plugin NAME@VERSION`",
            ));
        }
        let line = status.message.filter(|line| !line.is_empty());
        Verdict::Wait(line.unwrap_or_else(|| match sandbox.metadata.deletion_timestamp {
            Some(_) => "is being deleted".to_owned(),
            None => "exists".to_owned(),
        }))
    }
}

/// The condition of this type, if it is true.
pub(super) fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
}

#[cfg(test)]
mod tests;
