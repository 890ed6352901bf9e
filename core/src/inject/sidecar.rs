//! The sidecar: a native one, of the restricted profile, without a token of the API's.

use sandbind_wire::{message::PodBindings, name};
use serde_json::{Map, Value, json};

use super::facts::Installation;

/// The program in the image.
const PROGRAM: &str = "/sandbind-binder-sidecar";
/// Where its token is mounted: where the API's would be, so that the API server adds none of its own.
const TOKEN_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The files volume in the sidecar; folder n is below it.
pub(super) const FILES_DIR: &str = "/sandbind/files";
/// Delivered Secrets in the sidecar, by resource.
pub(super) const BOUND_DIR: &str = "/sandbind/bound";
/// A probe waits this long and a second passes before the next.
const PROBE_SECONDS: u64 = 10;
/// More than all values of 32 resources, twice.
const FILES_SIZE: &str = "32Mi";

/// A delivered Secret that is mounted into the sidecar.
#[derive(Clone, Debug)]
pub(super) struct Mounted {
    pub(super) volume: String,
    pub(super) secret: String,
    pub(super) dir: String,
}

/// What the sidecar is told, as the text of its environment variable. A dollar is written as JSON allows, for the kubelet would
/// expand `$(…)`.
pub(super) fn bindings_text(bindings: &PodBindings) -> String {
    let text = serde_json::to_string(bindings).unwrap_or_default();
    if text.contains('$') { text.replace('$', "\\u0024") } else { text }
}

/// The container.
pub(super) fn container(
    bindings: &PodBindings,
    text: &str,
    mounted: &[Mounted],
    uid: i64,
    resources: Value,
    installation: &Installation,
) -> Value {
    // What `json!` is given as an expression it copies: lists of what is made here are made by hand.
    let env = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut mounts = vec![
        json!({"name": name::VOLUME_TOKEN, "mountPath": TOKEN_DIR, "readOnly": true}),
        json!({"name": name::VOLUME_FILES, "mountPath": FILES_DIR}),
    ];
    mounts.extend(
        mounted.iter().map(|one| json!({"name": one.volume, "mountPath": one.dir, "readOnly": true})),
    );
    let mut container = Map::new();
    let mut set = |key: &str, value: Value| container.insert(key.to_owned(), value);
    set("name", json!(name::CONTAINER_SIDECAR));
    set("image", json!(installation.image));
    set("imagePullPolicy", json!(installation.image_pull_policy.as_deref().unwrap_or("IfNotPresent")));
    set("command", json!([PROGRAM]));
    set("args", json!(["run"]));
    set("restartPolicy", json!("Always"));
    set(
        "env",
        Value::Array(vec![
            env(name::ENV_BINDINGS, text),
            env(name::ENV_RUNNER_URL, &installation.runner_url),
            env(name::ENV_RUNNER_NAME, &installation.runner_name),
            env(name::ENV_RUNNER_CA, &installation.runner_ca),
            env(name::ENV_RUNNER_DIR, TOKEN_DIR),
            env(name::ENV_TOKEN_PATH, &format!("{TOKEN_DIR}/{}", name::TOKEN_FILE)),
        ]),
    );
    set("resources", resources);
    set(
        "securityContext",
        json!({
            "runAsNonRoot": true,
            "runAsUser": uid,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    );
    set("terminationMessagePolicy", json!("FallbackToLogsOnError"));
    set("volumeMounts", Value::Array(mounts));
    if bindings.resources.iter().any(|resource| resource.gated) {
        // Nothing after the sidecar starts before the probe passes; it blocks, so that it passes at once when it may.
        set(
            "startupProbe",
            json!({
                "exec": {"command": [PROGRAM, "probe"]},
                "timeoutSeconds": PROBE_SECONDS,
                "periodSeconds": 1,
                "failureThreshold": bindings.ready_seconds.div_ceil(PROBE_SECONDS).max(1),
            }),
        );
    } else {
        set("lifecycle", json!({"postStart": {"exec": {"command": [PROGRAM, "started"]}}}));
    }
    Value::Object(container)
}

/// The volumes.
pub(super) fn volumes(mounted: &[Mounted]) -> Vec<Value> {
    let mut volumes = vec![
        json!({"name": name::VOLUME_TOKEN, "projected": {"defaultMode": 0o644, "sources": [
            {"serviceAccountToken": {"audience": name::AUDIENCE, "expirationSeconds": 600, "path": name::TOKEN_FILE}},
            {"configMap": {"name": name::RUNNER_CONFIG_MAP, "optional": true, "items": [
                {"key": "url", "path": "url"}, {"key": "name", "path": "name"}, {"key": "ca.crt", "path": "ca.crt"},
            ]}},
        ]}}),
        json!({"name": name::VOLUME_FILES, "emptyDir": {"medium": "Memory", "sizeLimit": FILES_SIZE}}),
    ];
    volumes.extend(mounted.iter().map(|one| {
        json!({"name": one.volume, "secret": {"secretName": one.secret, "defaultMode": 0o444, "optional": false}})
    }));
    volumes
}
