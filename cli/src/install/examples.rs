//! Objects that an administrator adapts: not part of an installation.

use sandbind_wire::name::{LABEL_SANDBOX, RUNNER_PORT};
use serde_json::{Value, json};

use super::{Options, pod_selector};

/// Egress of step pods, and of tenants' labelled pods, where namespaces deny egress by default.
pub fn network_policies(options: &Options) -> Vec<Value> {
    let to_runner = json!({
        "to": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": options.namespace}},
            "podSelector": {"matchLabels": pod_selector("plugin-runner")},
        }],
        "ports": [{"port": RUNNER_PORT, "protocol": "TCP"}],
    });
    let dns = json!({
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    });
    let anywhere_but_metadata = json!({
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}],
    });
    let steps = options.step_namespaces.iter().map(|namespace| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "sandbind-steps-egress", "namespace": namespace},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Egress"],
                "egress": [to_runner, dns, anywhere_but_metadata],
            },
        })
    });
    let tenants = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "sandbind-sidecars", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchExpressions": [{"key": LABEL_SANDBOX, "operator": "Exists"}]},
            "policyTypes": ["Egress"],
            "egress": [to_runner],
        },
    });
    steps.chain([tenants]).collect()
}
