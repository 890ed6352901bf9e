//! What is kept of a step pod.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use sandbind_core::lifecycle::{observed::StepPodState, record::StepRun};
use sandbind_wire::name::{ANNOTATION_RUN, CONTAINER_STEP};

use crate::mirror::Key;

/// What is kept of a step pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFacts {
    /// Namespace and name.
    pub key: Key,
    /// UID.
    pub uid: String,
    /// The run it was made for.
    pub run: StepRun,
    /// Where it stands.
    pub state: StepPodState,
    /// Why it does not start or how it ended, for people.
    pub why: String,
}

impl StepFacts {
    /// What is to be kept of `pod`; none for a pod that we did not make.
    pub fn of(pod: Pod) -> Option<Self> {
        let Pod { metadata, status, .. } = pod;
        let run: StepRun = serde_json::from_str(metadata.annotations?.get(ANNOTATION_RUN)?).ok()?;
        let name = metadata.name?;
        if run.pod_name() != name {
            return None;
        }
        let status = status.unwrap_or_default();
        Some(Self {
            key: Key::new(metadata.namespace?, name),
            uid: metadata.uid?,
            run,
            state: state(&status),
            why: why(&status),
        })
    }
}

fn state(status: &PodStatus) -> StepPodState {
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return StepPodState::Ended;
    }
    let main = status.container_statuses.iter().flatten().find(|one| one.name == CONTAINER_STEP);
    let state = main.and_then(|main| main.state.as_ref());
    match state {
        // It is never restarted.
        Some(state) if state.terminated.is_some() => StepPodState::Ended,
        Some(state) if state.running.is_some() => StepPodState::Running,
        _ => StepPodState::Starting,
    }
}

/// Never a termination message: a script may have written it.
fn why(status: &PodStatus) -> String {
    let mut containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    if let Some(why) = containers.find_map(container) {
        return why;
    }
    if let Some(reason) = &status.reason {
        return joined(reason, status.message.as_deref());
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    unscheduled.map_or_else(String::new, |condition| {
        joined(condition.reason.as_deref().unwrap_or("Unscheduled"), condition.message.as_deref())
    })
}

fn container(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let usual = matches!(reason, "" | "PodInitializing" | "ContainerCreating");
        return (!usual).then(|| joined(reason, waiting.message.as_deref()));
    }
    let ended = state.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    Some(format!("container `{}`: {reason}, exit {}", status.name, ended.exit_code))
}

/// `Reason: message`, at most 300 characters.
fn joined(reason: &str, message: Option<&str>) -> String {
    let text = match message {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.to_owned(),
    };
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    fn main_in(state: &Value) -> PodStatus {
        status(json!({"phase": "Pending", "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]}))
    }

    #[test]
    fn a_step_pod_starts_runs_and_ends() {
        let cases = [
            (status(json!({"phase": "Pending"})), StepPodState::Starting),
            (main_in(&json!({"waiting": {"reason": "PodInitializing"}})), StepPodState::Starting),
            (main_in(&json!({"running": {}})), StepPodState::Running),
            (main_in(&json!({"terminated": {"exitCode": 0}})), StepPodState::Ended),
            (status(json!({"phase": "Failed", "reason": "Evicted"})), StepPodState::Ended),
        ];
        for (status, expected) in cases {
            assert_eq!(state(&status), expected, "{status:?}");
        }
    }

    #[test]
    fn a_pod_that_does_not_start_says_why() {
        let cases = [
            (main_in(&json!({"waiting": {"reason": "ContainerCreating"}})), ""),
            (
                main_in(&json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}})),
                "ErrImagePull: not found",
            ),
            (
                main_in(
                    &json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "pw=s3cret"}}),
                ),
                "container `main`: OOMKilled, exit 137",
            ),
            (
                status(json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": "0/1 nodes are available"}]})),
                "Unschedulable: 0/1 nodes are available",
            ),
            (
                status(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})),
                "Evicted: low on memory",
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(why(&status), expected, "{status:?}");
        }
    }
}
