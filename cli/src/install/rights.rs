//! Who may do what: a ServiceAccount per program with the least it needs, and the roles that join the cluster's own
//! `view`, `edit` and `admin`.
//!
//! Nobody gets `*`, `escalate`, `bind`, `impersonate`, `pods/exec`, `serviceaccounts/token`, or to list Secrets of tenants.

use sandbind_cluster::{lease::LEASE, ledger::LEDGER};
use sandbind_wire::name::{GROUP, RUNNER_CONFIG_MAP, RUNNER_SERVICE, TLS_SECRET};
use serde_json::{Value, json};

use super::{CONFIGURATION, Options, RUNNER, WEBHOOK, cluster_metadata, labels, metadata, with};

const READ: [&str; 3] = ["get", "list", "watch"];

/// ServiceAccounts, roles and their bindings.
pub(super) fn all(options: &Options) -> Vec<Value> {
    [tenants(), webhook(options), runner(options)].concat()
}

/// What a namespace's people may do: `edit` is enough for every `sandbox` command, but for whole logs, which are in Secrets of the
/// system namespace. No role holds a `status`.
fn tenants() -> Vec<Value> {
    let aggregate = |name: &str, into: &[&str], rules: Value| {
        let mut joined = labels("tenants");
        for role in into {
            joined = with(joined, json!({format!("rbac.authorization.k8s.io/aggregate-to-{role}"): "true"}));
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": joined},
            "rules": rules,
        })
    };
    let write = ["create", "update", "patch", "delete", "deletecollection"];
    vec![
        aggregate(
            "sandbind-view",
            &["view", "edit", "admin"],
            // ResourcePlugins are of the cluster: this rule acts where `view` is bound for the whole cluster.
            json!([rule(
                GROUP,
                &["sandboxes", "resourcebindings", "resourceplugins", "memberclusters"],
                &READ
            )]),
        ),
        aggregate(
            "sandbind-edit",
            &["edit", "admin"],
            json!([rule(GROUP, &["sandboxes", "resourcebindings"], &write)]),
        ),
    ]
}

/// Reads what decides an admission; writes records and its own certificates. No Secret of a tenant, no pod.
fn webhook(options: &Options) -> Vec<Value> {
    let system = &options.namespace;
    let configurations = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    vec![
        account(WEBHOOK, options),
        cluster_role(
            WEBHOOK,
            &json!([
                rule("", &["namespaces"], &READ),
                rule(GROUP, &["resourceplugins", "sandboxes"], &READ),
                rule(GROUP, &["resourcebindings"], &["list", "watch"]),
                rule("", &["limitranges"], &["list", "watch"]),
                // The chain from a pod to its Deployment.
                rule("apps", &["replicasets"], &["get"]),
                named("admissionregistration.k8s.io", &configurations, &[CONFIGURATION], &["get", "patch"]),
            ]),
        ),
        cluster_binding(WEBHOOK, options),
        role(
            WEBHOOK,
            system,
            &json!([
                rule(GROUP, &["resourceinstances"], &["get", "list", "watch", "create", "patch"]),
                named("", &["secrets"], &[TLS_SECRET], &["get", "patch"]),
                named("", &["services"], &[RUNNER_SERVICE], &["get"]),
            ]),
        ),
        binding(WEBHOOK, system, options),
    ]
}

/// Sees who uses what, keeps the records and their values, runs step pods. In tenants' namespaces it may write, never read,
/// Secrets and ConfigMaps; a policy confines it to names of ours.
fn runner(options: &Options) -> Vec<Value> {
    let system = &options.namespace;
    let mut all = vec![
        account(RUNNER, options),
        cluster_role(
            RUNNER,
            &json!([
                rule("", &["pods", "namespaces"], &READ),
                rule("", &["nodes"], &["get"]),
                rule("apps", &["replicasets", "deployments", "statefulsets"], &["get"]),
                rule("batch", &["jobs"], &["get"]),
                // Written are copies of a hub's plugins alone.
                rule(GROUP, &["resourceplugins"], &["get", "list", "watch", "create", "patch", "delete"]),
                rule(GROUP, &["resourcebindings"], &["list", "watch"]),
                rule(GROUP, &["sandboxes"], &["get", "list", "watch", "create", "patch", "delete"]),
                rule(
                    GROUP,
                    &["sandboxes/status", "resourceplugins/status", "resourcebindings/status"],
                    &["patch"],
                ),
                // Server-side apply of what does not exist asks for both; nothing of it can be read.
                rule("", &["secrets"], &["create", "patch", "delete"]),
                named("", &["configmaps"], &[RUNNER_CONFIG_MAP], &["create", "patch"]),
                rule("events.k8s.io", &["events"], &["create", "patch"]),
                rule("authentication.k8s.io", &["tokenreviews"], &["create"]),
            ]),
        ),
        cluster_binding(RUNNER, options),
        role(
            RUNNER,
            system,
            &json!([
                rule(GROUP, &["resourceinstances"], &["get", "list", "watch", "create", "patch", "delete"],),
                // Creating, patching and deleting them is granted above, everywhere.
                rule("", &["secrets"], &["get", "update"]),
                // A request to create bears no name that could be granted.
                rule("", &["configmaps"], &["create"]),
                named("", &["configmaps"], &[LEDGER], &["get", "update"]),
                rule("coordination.k8s.io", &["leases"], &["create"]),
                named("coordination.k8s.io", &["leases"], &[LEASE], &["get", "update"]),
                named("", &["services"], &[RUNNER_SERVICE], &["get"]),
            ]),
        ),
        binding(RUNNER, system, options),
    ];
    for namespace in &options.step_namespaces {
        all.push(role(
            RUNNER_STEPS,
            namespace,
            &json!([
                rule("", &["pods"], &["create", "delete"]),
                // Whether what step pods name is there, asked by dry runs: a policy refuses all others. Creating Secrets is granted
                // above, everywhere.
                rule("", &["configmaps", "serviceaccounts"], &["create"]),
            ]),
        ));
        all.push(binding_of(RUNNER_STEPS, RUNNER, namespace, options));
    }
    all
}

/// Name of the runner's Role in step namespaces.
const RUNNER_STEPS: &str = "sandbind-plugin-runner-steps";

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn named(group: &str, resources: &[&str], names: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "resourceNames": names, "verbs": verbs})
}

/// Its token comes only by an explicit projected volume.
fn account(program: &str, options: &Options) -> Value {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(program, &options.namespace, component(program)),
        "automountServiceAccountToken": false,
    });
    match &options.image_pull_secret {
        Some(secret) => with(account, json!({"imagePullSecrets": [{"name": secret}]})),
        None => account,
    }
}

fn cluster_role(program: &str, rules: &Value) -> Value {
    with(
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": cluster_metadata(program, component(program)),
        }),
        json!({"rules": rules}),
    )
}

fn role(name: &str, namespace: &str, rules: &Value) -> Value {
    with(
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata(name, namespace, component(name)),
        }),
        json!({"rules": rules}),
    )
}

fn cluster_binding(program: &str, options: &Options) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": cluster_metadata(program, component(program)),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": program},
        "subjects": [{"kind": "ServiceAccount", "name": program, "namespace": options.namespace}],
    })
}

fn binding(program: &str, namespace: &str, options: &Options) -> Value {
    binding_of(program, program, namespace, options)
}

fn binding_of(role: &str, program: &str, namespace: &str, options: &Options) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(role, namespace, component(program)),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": program, "namespace": options.namespace}],
    })
}

fn component(program: &str) -> &str {
    if program == WEBHOOK { "webhook" } else { "plugin-runner" }
}
