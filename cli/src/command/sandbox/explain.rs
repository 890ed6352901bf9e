//! What the facts about a sandbox mean, and the way out: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;
use sandbind_core::{
    api::{Sandbox, sandbox::SandboxResource},
    problem::Problem,
};
use sandbind_wire::name::CONTAINER_SIDECAR;

/// What a tenant can see of a sandbox.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Its name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// The object.
    pub(super) sandbox: Option<Sandbox>,
    /// Its pods that have not ended.
    pub(super) pods: Vec<Pod>,
    /// The latest message of an event, by pod name and reason.
    pub(super) said: BTreeMap<(String, String), String>,
    /// Pods that were refused.
    pub(super) denials: Vec<Denial>,
    /// Who keeps it from going; empty unless it is being deleted.
    pub(super) holders: String,
}

/// A refused pod, in the words of its controller.
#[derive(Clone, Debug)]
pub(super) struct Denial {
    /// `ReplicaSet orders-1`.
    pub(super) owner: String,
    /// The event's message.
    pub(super) message: String,
    /// When.
    pub(super) at: Option<Timestamp>,
}

/// What stops it, most telling first. Empty: nothing does.
pub(super) fn explain(facts: &Facts) -> Vec<Problem> {
    let mut findings = Vec::new();
    findings.extend(facts.denials.iter().map(|denial| denied(denial, &facts.namespace)));
    if let Some(sandbox) = &facts.sandbox {
        findings.extend(of_sandbox(sandbox, facts));
    } else if !facts.pods.is_empty() {
        findings.push(Problem::error(
            "NoSandbox",
            place(facts),
            "pods carry the label, but the plugin runner has made no Sandbox for them",
            "pods made before sandbind was installed, or while it was not, are not bound: recreate them; else ask for `sandbind doctor`",
        ));
    }
    findings.extend(facts.pods.iter().filter_map(|pod| of_pod(pod, facts)));
    findings
}

fn place(facts: &Facts) -> String {
    format!("Sandbox {}/{}", facts.namespace, facts.name)
}

/// The webhook's words already hold code, place, reason and way out; what the API server puts before them does not help.
fn denied(denial: &Denial, namespace: &str) -> Problem {
    let message = &denial.message;
    let words = message.split_once("denied the request: ").map_or(message.as_str(), |(_, words)| words);
    let (code, way_out) = if message.contains("failed calling webhook") {
        (
            "WebhookUnreachable",
            "a cluster admin runs `sandbind doctor`; pods come up by themselves when the webhook answers",
        )
    } else {
        ("PodRefused", "its controller tries again; `kubectl rollout restart` makes it try at once")
    };
    Problem::error(code, format!("{} in {namespace}", denial.owner), words, way_out)
}

fn of_sandbox(sandbox: &Sandbox, facts: &Facts) -> Vec<Problem> {
    let mut findings = Vec::new();
    let Some(status) = &sandbox.status else {
        findings.push(Problem::warning(
            "NotSeenYet",
            place(facts),
            "the plugin runner has not looked at it yet",
            "if that lasts, a cluster admin runs `sandbind doctor`",
        ));
        return findings;
    };
    if !facts.holders.is_empty() {
        findings.push(Problem::warning(
            "InUse",
            place(facts),
            format!("it is being deleted and still used by {}", facts.holders),
            "scale those down or delete them; it goes when the last pod is gone",
        ));
    }
    let told: Vec<Problem> =
        status.resources.iter().filter_map(|resource| of_resource(resource, facts)).collect();
    for (type_, way_out) in [
        (
            "Stalled",
            "a cluster admin finds it with `sandbind orphans list` and runs `sandbind orphans retry ID --plugin NAME@VERSION`",
        ),
        ("NotInjected", "recreate the pods named there"),
        ("Conflicted", "let the bindings agree, or give the resources different names"),
        (
            "Outdated",
            "it keeps what it has; scale to zero, or delete the sandbox, to get what the plugin and binding say now",
        ),
    ] {
        let Some(condition) = super::verdict::condition(&status.conditions, type_) else { continue };
        let reason = if condition.message.is_empty() { &condition.reason } else { &condition.message };
        let problem = if type_ == "Outdated" { Problem::warning } else { Problem::error };
        // Only a removal is a cluster admin's matter.
        let way_out = match (type_, condition.reason.as_str()) {
            ("Stalled", reason) if reason != "DeleteFailing" => {
                "what is said of its resources here says more"
            }
            _ => way_out,
        };
        findings.push(problem(type_, place(facts), reason, way_out));
    }
    findings.extend(told);
    if status.resources.is_empty() && facts.denials.is_empty() {
        findings.push(Problem::warning(
            "NothingPromised",
            place(facts),
            "no pod of it was bound and it prepares nothing, so it has no resource",
            format!("give pods the label `sandbind.dev/sandbox: {}` and look at `kubectl -n {} get resourcebindings`", facts.name, facts.namespace),
        ));
    }
    findings
}

fn of_resource(resource: &SandboxResource, facts: &Facts) -> Option<Problem> {
    let SandboxResource { name, plugin, phase, round, step, attempt, message, .. } = resource;
    let said = message.clone().filter(|message| !message.is_empty());
    let step = step.as_ref().map(|step| match attempt {
        Some(attempt) => format!("step `{step}`, attempt {attempt}"),
        None => format!("step `{step}`"),
    });
    let place = match plugin {
        Some(plugin) => format!("{}: resource `{name}` by {plugin}", place(facts)),
        None => format!("{}: resource `{name}`", place(facts)),
    };
    let reason = |default: &str| match (&said, &step) {
        (Some(said), _) => said.clone(),
        (None, Some(step)) => format!("{default}: {step}"),
        (None, None) => default.to_owned(),
    };
    let logs = format!("`sandbind sandbox logs {} --resource {name}`", facts.name);
    match phase.as_str() {
        "Ready" => None,
        "Creating" => Some(Problem::warning(
            "BeingMade",
            place,
            reason(&format!("round {round} of making it runs")),
            format!("wait; {logs} shows what the steps write"),
        )),
        "Undoing" | "Failed" => Some(Problem::error(
            "RoundFailed",
            place,
            reason(&format!("round {round} of making it failed")),
            format!(
                "read {logs}, correct the plugin or the params; `sandbind sandbox retry {}` starts the next round at once",
                facts.name
            ),
        )),
        "Deleting" => Some(Problem::warning(
            "BeingRemoved",
            place,
            reason("its delete steps run"),
            "new pods wait until it is gone, then get a new one",
        )),
        "Pending" => Some(Problem::warning(
            "NotPrepared",
            place,
            reason("it is about to be made"),
            "it is made by itself as soon as nothing stands against it",
        )),
        other => Some(Problem::warning(
            "Unknown",
            place,
            reason(other),
            "ask a command of the same version as the installation",
        )),
    }
}

/// What keeps a pod from running, as far as it can be told from outside.
fn of_pod(pod: &Pod, facts: &Facts) -> Option<Problem> {
    let name = pod.name_any();
    let place = format!("Pod {}/{name}", facts.namespace);
    let status = pod.status.as_ref()?;
    let event = |reason: &str| facts.said.get(&(name.clone(), reason.to_owned())).cloned();
    let statuses = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
    let init = statuses(&status.init_container_statuses);
    let unschedulable = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unschedulable {
        let reason = condition.message.clone().unwrap_or_else(|| "it is not scheduled".to_owned());
        return Some(Problem::error("NotScheduled", place, reason, "make room on a node, or ask for less"));
    }
    for container in init.iter().chain(&statuses(&status.container_statuses)) {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.clone()).unwrap_or_default();
        if !matches!(reason.as_str(), "" | "PodInitializing" | "ContainerCreating") {
            let message = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
            return Some(Problem::error(
                &reason,
                format!("{place}: container `{}`", container.name),
                if message.is_empty() { "it does not start".to_owned() } else { message },
                format!("look at `kubectl -n {} describe pod {name}`", facts.namespace),
            ));
        }
    }
    let sidecar = init.iter().find(|container| container.name == CONTAINER_SIDECAR);
    match sidecar {
        Some(sidecar) if sidecar.started != Some(true) => {
            let line = event("Unhealthy").map(|message| {
                message.strip_prefix("Startup probe failed: ").unwrap_or(&message).trim().to_owned()
            });
            Some(Problem::warning(
                "Gated",
                place,
                line.unwrap_or_else(|| "its sidecar waits for the resources".to_owned()),
                event("SidecarUnreachable").unwrap_or_else(|| "it starts by itself as soon as they are ready".to_owned()),
            ))
        }
        _ => event("SidecarUnreachable").map(|message| {
            Problem::warning(
                "SidecarUnreachable",
                place,
                message,
                "let the pod reach the plugin runner at port 7443; manifests/examples/network-policies.yaml shows a rule for it",
            )
        }),
    }
}

#[cfg(test)]
mod tests;
