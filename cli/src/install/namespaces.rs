//! The namespaces, with the pod security that they enforce.

use serde_json::{Value, json};

use super::{Options, labels, with};

/// The system namespace and the step namespaces.
pub(super) fn all(options: &Options) -> Vec<Value> {
    options
        .own_namespaces()
        .into_iter()
        .map(|namespace| {
            let system = namespace == options.namespace;
            let level = if system { "restricted" } else { options.step_security.as_str() };
            let security = json!({
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/enforce-version": "latest",
            });
            let component = if system { "system" } else { "steps" };
            json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "labels": with(labels(component), security)},
            })
        })
        .collect()
}
