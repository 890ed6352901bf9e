//! What is known of service meshes: which containers go before the sidecar, and how the runner's port stays outside them.

use std::collections::BTreeMap;

use sandbind_wire::name::RUNNER_PORT;
use serde_json::Value;

use super::pod::{List, Pod, name_of};

/// Containers of known injectors that stand at the head of the init containers and must stay there.
const LEADING: &[(&str, &str)] = &[
    ("istio-validation", "checks the redirection before anything else may use the network"),
    ("istio-init", "sets up the redirection that its proxy serves"),
    ("istio-proxy", "holds everything after it until the network of the mesh is there"),
    ("linkerd-network-validator", "checks the redirection before anything else may use the network"),
    ("linkerd-init", "sets up the redirection that its proxy serves"),
    ("linkerd-proxy", "holds everything after it until the network of the mesh is there"),
    ("kuma-validation", "checks the redirection before anything else may use the network"),
    ("kuma-init", "sets up the redirection that its proxy serves"),
    ("kuma-sidecar", "holds everything after it until the network of the mesh is there"),
    ("consul-connect-inject-init", "registers the service that its proxy serves"),
    ("consul-dataplane", "holds everything after it until the network of the mesh is there"),
    ("gke-gcsfuse-sidecar", "its injector puts it back to the head when it is called again"),
];

/// Whether a container belongs to a mesh: without being named it gets no env and no files.
pub(super) fn is_known(container: &str) -> bool {
    LEADING.iter().any(|(name, _)| *name == container)
}

/// Where the sidecar goes among the init containers: after the last native sidecar of a leading run of known containers, so
/// that it has the network; else first, for a redirection without a running proxy would cut it off.
pub(super) fn sidecar_index(init: &[Value]) -> usize {
    let leading = init.iter().take_while(|container| is_known(name_of(container)));
    leading
        .enumerate()
        .filter(|(_, container)| is_native_sidecar(container))
        .map(|(index, _)| index + 1)
        .last()
        .unwrap_or_default()
}

pub(super) fn is_native_sidecar(container: &Value) -> bool {
    container.get("restartPolicy").and_then(Value::as_str) == Some("Always")
}

const ISTIO_PORTS: &str = "traffic.sidecar.istio.io/excludeOutboundPorts";
const LINKERD_PORTS: &str = "config.linkerd.io/skip-outbound-ports";

/// Annotations that keep the runner's port outside the mesh that injects into this pod, merged with what the pod says.
pub(super) fn annotations(
    pod: &Pod<'_>,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Vec<(&'static str, String)> {
    let has = |wanted: &str| {
        [List::Init, List::Main]
            .iter()
            .any(|list| pod.containers(*list).iter().any(|container| name_of(container) == wanted))
    };
    let mut found = Vec::new();
    let mut exclude = |key: &'static str| {
        let present = pod.annotation(key).or_else(|| annotations.get(key).map(String::as_str)).unwrap_or("");
        if let Some(merged) = with_port(present) {
            found.push((key, merged));
        }
    };
    if has("istio-proxy") || istio_injects(pod, labels) {
        exclude(ISTIO_PORTS);
    }
    let linkerd = pod.annotation("linkerd.io/inject");
    let linkerd = linkerd.or_else(|| annotations.get("linkerd.io/inject").map(String::as_str));
    if has("linkerd-proxy") || linkerd.is_some_and(|value| matches!(value, "enabled" | "ingress")) {
        exclude(LINKERD_PORTS);
    }
    found
}

fn istio_injects(pod: &Pod<'_>, namespace: &BTreeMap<String, String>) -> bool {
    let label = |key: &str| pod.labels().get(key).and_then(Value::as_str);
    let said = label("sidecar.istio.io/inject").or_else(|| pod.annotation("sidecar.istio.io/inject"));
    match said {
        Some(said) => said == "true",
        None => {
            label("istio.io/rev").is_some()
                || namespace.get("istio-injection").is_some_and(|value| value == "enabled")
                || namespace.contains_key("istio.io/rev")
        }
    }
}

/// A list of ports and ranges with the runner's port in it; none when it is there already.
fn with_port(list: &str) -> Option<String> {
    let covers = |entry: &str| {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&RUNNER_PORT),
            _ => entry.trim() == "*",
        }
    };
    if list.split(',').any(covers) {
        return None;
    }
    let list = list.trim().trim_end_matches(',');
    Some(if list.is_empty() { RUNNER_PORT.to_string() } else { format!("{list},{RUNNER_PORT}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sidecar_follows_leading_native_mesh_proxies_only() {
        let native = |name: &str| json!({"name": name, "restartPolicy": "Always"});
        let plain = |name: &str| json!({"name": name});
        for (init, expected) in [
            (vec![], 0),
            (vec![plain("migrate")], 0),
            (vec![native("istio-proxy")], 1),
            (vec![plain("istio-init"), native("istio-proxy"), plain("migrate")], 2),
            (vec![plain("istio-init"), plain("migrate")], 0),
            (vec![plain("linkerd-init"), native("linkerd-proxy")], 2),
            (vec![plain("migrate"), native("istio-proxy")], 0),
            (vec![native("istio-proxy"), native("own-sidecar")], 1),
            (vec![native("own-sidecar")], 0),
            (vec![native("istio-proxy"), native("gke-gcsfuse-sidecar")], 2),
        ] {
            assert_eq!(sidecar_index(&init), expected, "{init:?}");
        }
    }

    #[test]
    fn the_runners_port_is_added_to_a_list_that_does_not_cover_it() {
        for (list, expected) in [
            ("", Some("7443")),
            ("3306", Some("3306,7443")),
            ("3306, 25,", Some("3306, 25,7443")),
            ("7443", None),
            ("25,7000-8000", None),
            ("74430", Some("74430,7443")),
            ("*", None),
        ] {
            assert_eq!(with_port(list).as_deref(), expected, "{list}");
        }
    }
}
