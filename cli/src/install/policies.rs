//! What the API server itself holds against mistakes of ours: the runner's hand in tenants' namespaces and on people's plugins, and the
//! final look at a labelled pod after every other webhook.

use sandbind_wire::name::{
    ANNOTATION_UNMATCHED, CONTAINER_SIDECAR, GROUP, LABEL_HUB, LABEL_SANDBOX, PREFIX, RUNNER_CONFIG_MAP,
    VERSION, VOLUME_TOKEN,
};
use serde_json::{Value, json};

use super::{CONTROL_PLANE_NAMESPACES, Options, RUNNER, cluster_metadata};

/// Name of the policy that confines the runner.
const CONFINE: &str = "sandbind-confine-runner";
/// Name of the policy that keeps the runner from plugins that are no copies.
const COPIES: &str = "sandbind-confine-copies";
/// Name of the policy that looks at labelled pods last.
const FINAL: &str = "sandbind-bound-pods";

/// The policies and their bindings.
pub(super) fn all(options: &Options) -> Vec<Value> {
    vec![
        confine_runner(options),
        binding(CONFINE),
        confine_copies(options),
        binding(COPIES),
        final_pod(options),
        binding(FINAL),
    ]
}

fn binding(policy: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": cluster_metadata(policy, "policy"),
        "spec": {"policyName": policy, "validationActions": ["Deny"]},
    })
}

/// Of plugins the runner writes copies of a hub's alone: what bears their label before and after.
fn confine_copies(options: &Options) -> Value {
    let marked = |it: &str| {
        json!({
            "expression": format!("{it} == null || has({it}.metadata.labels) && '{LABEL_HUB}' in {it}.metadata.labels"),
            "message": "the plugin runner may write only plugins that are copies of a hub's",
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": cluster_metadata(COPIES, "policy"),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [GROUP],
                "apiVersions": [VERSION],
                "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["resourceplugins"],
            }]},
            "matchConditions": [
                {"name": "the-runner", "expression": format!("request.userInfo.username == '{}'", options.user(RUNNER))},
            ],
            "validations": [marked("object"), marked("oldObject")],
        },
    })
}

/// Outside the system namespace the runner writes only Secrets `sandbind-<incarnation>` of type Opaque and the ConfigMap
/// `sandbind-runner`, and neither where nothing is ever bound. Where step pods run it may ask whether an object is there, by a dry run
/// of its creation: that stores nothing and shows nothing. A dry run of a change would show what is there, and is refused. It makes
/// no ServiceAccount anywhere. Whether a namespace is enabled is not asked here: a plugin may be allowed in all of them.
fn confine_runner(options: &Options) -> Value {
    let steps: Vec<&str> = options.step_namespaces.iter().map(String::as_str).collect();
    let never: Vec<&str> = CONTROL_PLANE_NAMESPACES
        .into_iter()
        .chain(["kube-public"])
        .chain(steps.iter().copied().filter(|namespace| *namespace != options.namespace))
        .collect();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": cluster_metadata(CONFINE, "policy"),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["secrets", "configmaps", "serviceaccounts"],
            }]},
            "matchConditions": [
                {"name": "the-runner", "expression": format!("request.userInfo.username == '{}'", options.user(RUNNER))},
                {"name": "away-from-home", "expression": format!(
                    "request.namespace != '{}' || request.resource.resource == 'serviceaccounts'", options.namespace
                )},
            ],
            "variables": [
                {"name": "it", "expression": "object == null ? oldObject : object"},
                {"name": "secret", "expression": "request.resource.resource == 'secrets'"},
                {"name": "question", "expression": format!(
                    "request.operation == 'CREATE' && has(request.dryRun) && request.dryRun && request.namespace in {}",
                    cel_list(&steps)
                )},
            ],
            "validations": [
                {
                    "expression": format!(
                        "variables.question || (variables.secret ? variables.it.metadata.name.matches('^{PREFIX}[a-z2-7]{{16}}$') \
                         : request.resource.resource == 'configmaps' && variables.it.metadata.name == '{RUNNER_CONFIG_MAP}')"
                    ),
                    "message": format!(
                        "the plugin runner may write only Secrets named {PREFIX}<incarnation> and the ConfigMap {RUNNER_CONFIG_MAP} here"
                    ),
                },
                {
                    "expression": "variables.question || !variables.secret || !has(variables.it.type) || variables.it.type == 'Opaque'",
                    "message": "the plugin runner may write only Secrets of type Opaque here",
                },
                {
                    "expression": format!("variables.question || !(request.namespace in {})", cel_list(&never)),
                    "message": "the plugin runner may write nothing in this namespace",
                },
            ],
        },
    })
}

/// After all mutation a labelled pod still carries the sidecar and its token volume: another webhook may have dropped them.
/// Where a namespace lets unmatched pods run, nothing tells a stripped pod from an unmatched one, so nothing is refused.
fn final_pod(options: &Options) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": cluster_metadata(FINAL, "policy"),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "objectSelector": {"matchExpressions": [{"key": LABEL_SANDBOX, "operator": "Exists"}]},
                "namespaceSelector": options.namespace_selector(),
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                }],
            },
            "matchConditions": [super::webhooks::no_mirror_pod()],
            "variables": [
                {"name": "may_be_unmatched", "expression": format!(
                    "has(namespaceObject.metadata.annotations) && \
                     '{ANNOTATION_UNMATCHED}' in namespaceObject.metadata.annotations && \
                     namespaceObject.metadata.annotations['{ANNOTATION_UNMATCHED}'] == 'Allow'"
                )},
            ],
            "validations": [
                {
                    "expression": format!(
                        "variables.may_be_unmatched || has(object.spec.initContainers) && object.spec.initContainers.exists(c, \
                         c.name == '{CONTAINER_SIDECAR}' && has(c.restartPolicy) && c.restartPolicy == 'Always')"
                    ),
                    "message": format!(
                        "SidecarLost: spec.initContainers: the pod carries the label {LABEL_SANDBOX} but not the sidecar \
                         {CONTAINER_SIDECAR} with restartPolicy Always (another webhook may have removed it: see `sandbind doctor`)"
                    ),
                },
                {
                    "expression": format!(
                        "variables.may_be_unmatched || has(object.spec.volumes) && object.spec.volumes.exists(v, v.name == '{VOLUME_TOKEN}')"
                    ),
                    "message": format!(
                        "SidecarLost: spec.volumes: the pod carries the label {LABEL_SANDBOX} but not the volume {VOLUME_TOKEN} \
                         (another webhook may have removed it: see `sandbind doctor`)"
                    ),
                },
            ],
        },
    })
}

fn cel_list(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("'{item}'")).collect();
    format!("[{}]", quoted.join(", "))
}
