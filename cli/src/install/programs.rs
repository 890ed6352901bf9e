//! The two servers: Deployments, Services, disruption budgets, the Secret that their certificates live in.

use sandbind_wire::name::{RUNNER_PORT, TLS_SECRET};
use serde_json::{Value, json};

use super::{Options, PRIORITY_CLASS, RUNNER, WEBHOOK, cluster_metadata, metadata, pod_selector, with};

/// Port of the webhook's HTTPS listener in its pods.
const WEBHOOK_PORT: u16 = 8443;
/// Port of `/live`, `/ready` and `/metrics` in the pods of both.
const HEALTH_PORT: u16 = 8080;

struct Program<'a> {
    name: &'a str,
    component: &'a str,
    replicas: u32,
    port: u16,
    service_port: u16,
    args: Vec<String>,
    resources: Value,
}

/// What the programs need and the programs themselves.
pub(super) fn all(options: &Options) -> Vec<Value> {
    let common = || {
        let mut args =
            vec![format!("--namespace={}", options.namespace), format!("--image={}", options.image)];
        args.extend(options.image_pull_secret.iter().map(|secret| format!("--image-pull-secret={secret}")));
        args.extend(options.step_namespaces.iter().map(|namespace| format!("--step-namespace={namespace}")));
        args
    };
    let webhook = Program {
        name: WEBHOOK,
        component: "webhook",
        replicas: options.webhook_replicas,
        port: WEBHOOK_PORT,
        service_port: 443,
        args: [common(), options.webhook_args.clone()].concat(),
        resources: json!({
            "requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "2", "memory": "256Mi"},
        }),
    };
    let ttl = options.default_ttl.map(|ttl| format!("--default-ttl={ttl}"));
    let runner = Program {
        name: RUNNER,
        component: "plugin-runner",
        replicas: options.runner_replicas,
        port: RUNNER_PORT,
        service_port: RUNNER_PORT,
        args: [common(), ttl.into_iter().collect(), options.runner_args.clone()].concat(),
        resources: json!({
            "requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "512Mi"},
        }),
    };
    let mut all = vec![priority_class(), tls_secret(options)];
    for program in [&webhook, &runner] {
        all.extend([
            service(program, options),
            disruption_budget(program, options),
            deployment(program, options),
        ]);
    }
    all
}

/// Above ordinary workloads, below the cluster's own: without the webhook no labelled pod starts.
fn priority_class() -> Value {
    json!({
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": cluster_metadata(PRIORITY_CLASS, "system"),
        "value": 1_000_000,
        "globalDefault": false,
        "description": "sandbind's webhook and plugin runner",
    })
}

/// Empty; the webhook fills it, and an installation applied again leaves its content alone.
fn tls_secret(options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(TLS_SECRET, &options.namespace, "webhook"),
        "type": "Opaque",
    })
}

fn service(program: &Program<'_>, options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(program.name, &options.namespace, program.component),
        "spec": {
            "type": "ClusterIP",
            "selector": pod_selector(program.component),
            "ports": [{"name": "https", "port": program.service_port, "targetPort": "https", "protocol": "TCP"}],
        },
    })
}

/// With one replica a budget of `minAvailable: 1` would hold up every drain.
fn disruption_budget(program: &Program<'_>, options: &Options) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(program.name, &options.namespace, program.component),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": pod_selector(program.component)}},
    })
}

fn deployment(program: &Program<'_>, options: &Options) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(program.name, &options.namespace, program.component),
        "spec": {
            "replicas": program.replicas,
            "selector": {"matchLabels": pod_selector(program.component)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": super::labels(program.component)},
                "spec": pod_spec(program, options),
            },
        },
    })
}

fn pod_spec(program: &Program<'_>, options: &Options) -> Value {
    let spec = json!({
        "serviceAccountName": program.name,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "priorityClassName": PRIORITY_CLASS,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": pod_selector(program.component)},
        }],
        "containers": [container(program, options)],
        "volumes": [api_token()],
    });
    match &options.image_pull_secret {
        Some(secret) => with(spec, json!({"imagePullSecrets": [{"name": secret}]})),
        None => spec,
    }
}

fn container(program: &Program<'_>, options: &Options) -> Value {
    let field =
        |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let probe = |path: &str| json!({"path": path, "port": "health"});
    json!({
        "name": program.name,
        "image": options.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [format!("/{}", program.name)],
        "args": program.args,
        "env": [field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")],
        "ports": [
            {"name": "https", "containerPort": program.port, "protocol": "TCP"},
            {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
        ],
        "livenessProbe": {"httpGet": probe("/live"), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {"httpGet": probe("/ready"), "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 2},
        // The endpoint is withdrawn everywhere before the program stops to accept.
        "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
        "resources": program.resources,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "api-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ],
    })
}

/// What an automatic mount would hold, said openly.
fn api_token() -> Value {
    json!({
        "name": "api-token",
        "projected": {
            "defaultMode": 0o440,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {
                    "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}],
                }},
            ],
        },
    })
}
