//! The pod of one attempt: the default pod, the plugin's overlay laid over it, and what sandbind puts on top. It carries no
//! value of a param or an output: the agent asks the runner for those.

use std::{collections::BTreeSet, time::Duration};

use sandbind_wire::name::{
    AGENT_DIR, ANNOTATION_RUN, AUDIENCE, CONTAINER_AGENT, CONTAINER_STEP, ENV_REDACT_ENV, ENV_REDACT_FILES,
    ENV_RUNNER_CA, ENV_RUNNER_NAME, ENV_RUNNER_URL, ENV_TOKEN_PATH, LABEL_INCARNATION, LABEL_INSTANCE,
    LABEL_PHASE, LABEL_STEP, MANAGED_BY, TOKEN_DIR, TOKEN_FILE, VOLUME_AGENT, VOLUME_TOKEN,
};
use serde_json::{Value, json};

use super::StepRun;
use crate::{
    api::plugin::{DEFAULT_TIMEOUT, ResourcePluginSpec, Runner, Step},
    plugin::{overlay, references::account},
    problem::Problem,
    workflow::grace_seconds,
};

/// The user of our image.
const AGENT_UID: u32 = 65_532;
/// How long the agent's token holds; the kubelet renews it.
const TOKEN_SECONDS: u32 = 3600;

/// What the installation says about step pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSettings {
    /// Our own image, which carries the agent.
    pub image: String,
    /// `https://IP:7443` of the runner.
    pub runner_url: String,
    /// The name that the runner's certificate is verified against.
    pub runner_name: String,
    /// PEM bundle of the CAs. Public.
    pub runner_ca: String,
    /// Namespaces that step pods may run in; the first is the default.
    pub namespaces: Vec<String>,
    /// Names of Secrets with which our own image is pulled.
    pub image_pull_secrets: Vec<String>,
    /// How long a step pod may take to start.
    pub start: Duration,
    /// Added to a claim's own end before its attempt counts as dead.
    pub margin: Duration,
}

/// The namespace in which a plugin's steps run.
pub fn namespace<'a>(plugin: &'a ResourcePluginSpec, settings: &'a StepSettings) -> Result<&'a str, Problem> {
    let place = "spec.runner.namespace";
    match plugin.runner.namespace.as_deref() {
        Some(namespace) if settings.namespaces.iter().any(|allowed| allowed == namespace) => Ok(namespace),
        Some(namespace) => Err(Problem::error(
            "StepNamespaceNotAllowed",
            place,
            format!(
                "step pods may not run in `{namespace}`: the installation allows `{}`",
                settings.namespaces.join("`, `")
            ),
            "use `plugin apply --step-namespace NS`, or `install --step-namespace NS`",
        )),
        None => settings.namespaces.first().map(String::as_str).ok_or_else(|| {
            let way_out = "`install --step-namespace NS`";
            Problem::error(
                "StepNamespaceNotAllowed",
                place,
                "the installation allows no step namespace",
                way_out,
            )
        }),
    }
}

/// The pod of an attempt, as JSON of `v1` `Pod`, or everything that is wrong with the plugin's runner.
pub fn pod(
    plugin: &ResourcePluginSpec,
    step: &Step,
    run: &StepRun,
    settings: &StepSettings,
) -> Result<Value, Vec<Problem>> {
    let namespace = namespace(plugin, settings).map_err(|problem| vec![problem])?;
    let overlay = overlay::read(&plugin.runner)?;
    let ours = ours(plugin, run, settings, namespace);
    // Ours lies below the overlay, so that it can add to it, and above, so that it cannot take anything away.
    let below = overlay::merge(&defaults(&plugin.runner, step, settings, &overlay), &ours);
    let pod = overlay::merge(&below, &overlay);
    let secrets = secrets(&pod);
    let top = overlay::merge(&ours, &latest_end(&plugin.runner, &pod, step, settings));
    Ok(overlay::merge(&overlay::merge(&pod, &top), &secrets))
}

/// What an overlay may say otherwise.
fn defaults(runner: &Runner, step: &Step, settings: &StepSettings, overlay: &Value) -> Value {
    let grace = grace_seconds(runner, step);
    let pull: Vec<Value> = settings.image_pull_secrets.iter().map(|name| json!({"name": name})).collect();
    let mut spec = json!({"enableServiceLinks": false, "terminationGracePeriodSeconds": grace + 5});
    if let Some(spec) = spec.as_object_mut() {
        // A plugin that names an identity wants its token; `default` has nothing to say.
        if account(overlay).is_none() {
            spec.insert("automountServiceAccountToken".to_owned(), json!(false));
        }
        if !pull.is_empty() {
            spec.insert("imagePullSecrets".to_owned(), json!(pull));
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec})
}

/// What an overlay cannot change.
fn ours(plugin: &ResourcePluginSpec, run: &StepRun, settings: &StepSettings, namespace: &str) -> Value {
    let agent = format!("{AGENT_DIR}/agent");
    let mut main = json!({
        "name": CONTAINER_STEP,
        "command": [agent],
        "env": [
            {"name": ENV_RUNNER_URL, "value": settings.runner_url},
            {"name": ENV_RUNNER_NAME, "value": settings.runner_name},
            {"name": ENV_RUNNER_CA, "value": settings.runner_ca},
            {"name": ENV_TOKEN_PATH, "value": format!("{TOKEN_DIR}/{TOKEN_FILE}")},
        ],
        "volumeMounts": [
            {"name": VOLUME_AGENT, "mountPath": AGENT_DIR, "readOnly": true},
            {"name": VOLUME_TOKEN, "mountPath": TOKEN_DIR, "readOnly": true},
        ],
    });
    if let (Some(main), false) = (main.as_object_mut(), plugin.runner.image.is_empty()) {
        main.insert("image".to_owned(), json!(plugin.runner.image));
    }
    json!({
        "metadata": {
            "name": run.pod_name(),
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/managed-by": MANAGED_BY,
                LABEL_INSTANCE: run.instance,
                LABEL_INCARNATION: run.incarnation,
                LABEL_STEP: run.step,
                LABEL_PHASE: run.work.as_str(),
            },
            "annotations": {
                ANNOTATION_RUN: serde_json::to_string(run).unwrap_or_default(),
                "kubectl.kubernetes.io/default-container": CONTAINER_STEP,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [{
                "name": CONTAINER_AGENT,
                "image": settings.image,
                "command": ["/sandbind-step-agent", "install", agent],
                "volumeMounts": [{"name": VOLUME_AGENT, "mountPath": AGENT_DIR}],
                "resources": {
                    "requests": {"cpu": "5m", "memory": "16Mi"},
                    "limits": {"cpu": "500m", "memory": "32Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "runAsNonRoot": true,
                    "runAsUser": AGENT_UID,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }],
            "containers": [main],
            "volumes": [
                {"name": VOLUME_AGENT, "emptyDir": {"sizeLimit": "64Mi"}},
                {"name": VOLUME_TOKEN, "projected": {"sources": [
                    {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_FILE}},
                ]}},
            ],
        },
    })
}

/// Names and paths of what the agent has to keep inside the pod.
fn secrets(pod: &Value) -> Value {
    let redact = overlay::redact(pod);
    let mut files = redact.files;
    if account(pod).is_some() {
        files.insert("/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned());
    }
    let join = |names: BTreeSet<String>, with: &str| names.into_iter().collect::<Vec<_>>().join(with);
    json!({"spec": {"containers": [{"name": CONTAINER_STEP, "env": [
        {"name": ENV_REDACT_ENV, "value": join(redact.env, ",")},
        {"name": ENV_REDACT_FILES, "value": join(files, ":")},
    ]}]}})
}

/// A backstop only, for the agent keeps the deadline itself; an overlay may set an earlier one.
fn latest_end(runner: &Runner, pod: &Value, step: &Step, settings: &StepSettings) -> Value {
    let timeout = step.timeout.unwrap_or(DEFAULT_TIMEOUT).duration();
    let grace = Duration::from_secs(grace_seconds(runner, step));
    let backstop = settings
        .start
        .saturating_add(timeout)
        .saturating_add(grace)
        .saturating_add(settings.margin)
        .as_secs();
    let overlay = pod.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_u64);
    json!({"spec": {"activeDeadlineSeconds": overlay.unwrap_or(backstop).min(backstop)}})
}

#[cfg(test)]
mod tests;
