//! Who may open connections to us, where the cluster enforces NetworkPolicies.

use sandbind_wire::name::RUNNER_PORT;
use serde_json::{Value, json};

use super::{Options, RUNNER, WEBHOOK, metadata, pod_selector};

/// Ingress of the two programs and of step pods. What leaves a step pod depends on its plugin: see the examples.
pub(super) fn all(options: &Options) -> Vec<Value> {
    let ports = |ports: &[u16]| -> Vec<Value> {
        ports.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect()
    };
    let ingress = |name: &str, component: &str, rules: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(name, &options.namespace, component),
            "spec": {
                "podSelector": {"matchLabels": pod_selector(component)},
                "policyTypes": ["Ingress"],
                "ingress": rules,
            },
        })
    };
    let mut all = vec![
        // API servers have no address that a policy could name; kubelets and scrapers come to the health port.
        ingress(WEBHOOK, "webhook", json!([{"ports": ports(&[8443, 8080])}])),
        ingress(
            RUNNER,
            "plugin-runner",
            json!([
                {"from": [{"namespaceSelector": {}}], "ports": ports(&[RUNNER_PORT])},
                {"ports": ports(&[8080])},
            ]),
        ),
    ];
    all.extend(options.step_namespaces.iter().map(|namespace| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata("sandbind-steps", namespace, "steps"),
            // Nobody calls a step.
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []},
        })
    }));
    all
}
