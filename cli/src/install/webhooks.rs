//! The two webhook configurations. They never hold a `caBundle`: the webhook writes its own.

use sandbind_wire::name::{GROUP, LABEL_HUB, LABEL_SANDBOX, VERSION};
use serde_json::{Value, json};

use super::{CONFIGURATION, Options, RUNNER, WEBHOOK, cluster_metadata};

/// Name of the webhook that binds pods.
pub(super) const MUTATE: &str = "pods.sandbind.dev";
/// Name of the webhook that keeps the copies of a hub's plugins from being deleted.
const KEEP: &str = "copies.sandbind.dev";
/// Name of the webhook that looks at our own kinds.
const VALIDATE: &str = "objects.sandbind.dev";

/// The mutating and the validating configuration.
pub(super) fn all(options: &Options) -> Vec<Value> {
    vec![mutating(options), validating(options)]
}

fn client(path: &str, options: &Options) -> Value {
    json!({"service": {"name": WEBHOOK, "namespace": options.namespace, "path": path, "port": 443}})
}

/// Static pods are the kubelet's: their mirror cannot be changed.
pub(super) fn no_mirror_pod() -> Value {
    json!({
        "name": "no-mirror-pod",
        "expression": "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)",
    })
}

/// Pods with the label, when they are created. A pod without it never reaches us.
fn mutating(options: &Options) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": cluster_metadata(CONFIGURATION, "webhook"),
        "webhooks": [{
            "name": MUTATE,
            "admissionReviewVersions": ["v1"],
            "clientConfig": client("/mutate", options),
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                "scope": "Namespaced",
            }],
            "objectSelector": {"matchExpressions": [{"key": LABEL_SANDBOX, "operator": "Exists"}]},
            "namespaceSelector": options.namespace_selector(),
            "matchConditions": [no_mirror_pod()],
            "matchPolicy": "Equivalent",
            "failurePolicy": "Fail",
            "sideEffects": "NoneOnDryRun",
            "reinvocationPolicy": "IfNeeded",
            "timeoutSeconds": 15,
        }],
    })
}

/// What people write. Objects on their way out pass, and so does the runner: a dead webhook must not hold a namespace. Of deletions only
/// those of copies come.
fn validating(options: &Options) -> Value {
    let not_the_runner = json!({
        "name": "not-the-runner",
        "expression": format!("request.userInfo.username != '{}'", options.user(RUNNER)),
    });
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": cluster_metadata(CONFIGURATION, "webhook"),
        "webhooks": [{
            "name": VALIDATE,
            "admissionReviewVersions": ["v1"],
            "clientConfig": client("/validate", options),
            "rules": [{
                "apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["CREATE", "UPDATE"],
                "resources": ["resourceplugins", "resourcebindings", "sandboxes"],
                "scope": "*",
            }],
            "matchConditions": [
                {"name": "not-on-its-way-out", "expression": "!has(object.metadata.deletionTimestamp)"},
                not_the_runner,
            ],
            "matchPolicy": "Equivalent",
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 15,
        }, {
            "name": KEEP,
            "admissionReviewVersions": ["v1"],
            "clientConfig": client("/validate", options),
            "rules": [{
                "apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["DELETE"], "resources": ["resourceplugins"],
                "scope": "Cluster",
            }],
            "objectSelector": {"matchExpressions": [{"key": LABEL_HUB, "operator": "Exists"}]},
            "matchConditions": [not_the_runner],
            "matchPolicy": "Equivalent",
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 15,
        }],
    })
}
