//! Mistakes inside a Sandbox, and its references to what is not there.

use std::collections::BTreeSet;

use crate::{
    api::{SandboxSpec, duration::Span},
    binding::{View, preparable, substitute},
    problem::Problem,
    selector,
};

/// Every resource of Sandbox scope, in `prepare`.
pub const ALL_RESOURCES: &str = "*";
/// The shortest time to live.
const SHORTEST_TTL: Span = Span::from_secs(60);

/// Every mistake inside a Sandbox of this name. Places are field paths.
pub fn validate(name: &str, spec: &SandboxSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !selector::is_dns_label(name) {
        problems.push(Problem::error(
            "InvalidSandboxName",
            "metadata.name",
            format!("`{name}` is not a sandbox name, for pods name it by a label"),
            "use 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
        ));
    }
    if let Some(ttl) = &spec.ttl
        && ttl.duration < SHORTEST_TTL
    {
        problems.push(Problem::error(
            "TtlTooShort",
            "spec.ttl.duration",
            format!("a sandbox lives for {SHORTEST_TTL} at least, not {}", ttl.duration),
            "give a longer time, or delete the Sandbox",
        ));
    }
    params(spec, &mut problems);
    prepare(spec, &mut problems);
    if let Some(key) = &spec.routing_key
        && !((1..=63).contains(&key.len()) && key.bytes().all(|c| c.is_ascii_graphic()))
    {
        problems.push(Problem::error(
            "InvalidRoutingKey",
            "spec.routingKey",
            "it is not a routing key",
            "use 1 to 63 visible ASCII characters, or leave it out",
        ));
    }
    problems
}

fn params(spec: &SandboxSpec, problems: &mut Vec<Problem>) {
    for (resource, params) in &spec.params {
        resource_name(resource, &format!("spec.params.{resource}"), problems);
        for (name, text) in params {
            let known = |used: &str| matches!(used, "sandbox" | "namespace" | "workload");
            if let Some(unknown) = substitute::used(text).find(|used| !known(used)) {
                problems.push(Problem::error(
                    "UnknownSubstitution",
                    format!("spec.params.{resource}.{name}"),
                    format!("`$({unknown})` stands for nothing"),
                    "use `$(sandbox)`, `$(namespace)`, in Workload and Pod scope `$(workload)`; write `$$` for a dollar",
                ));
            }
        }
    }
}

fn prepare(spec: &SandboxSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, resource) in spec.prepare.iter().enumerate() {
        let place = format!("spec.prepare[{index}]");
        if resource == ALL_RESOURCES {
            if spec.prepare.len() > 1 {
                problems.push(Problem::error(
                    "PrepareAmbiguous",
                    place,
                    "`*` means all resources of Sandbox scope, and stands alone",
                    "write `[\"*\"]`, or the names",
                ));
            }
            continue;
        }
        resource_name(resource, &place, problems);
        if !seen.insert(resource) {
            problems.push(Problem::error(
                "Duplicate",
                place,
                format!("resource `{resource}` is given twice"),
                "remove one of them",
            ));
        }
    }
}

fn resource_name(name: &str, place: &str, problems: &mut Vec<Problem>) {
    if !selector::is_dns_label(name) {
        problems.push(Problem::error(
            "InvalidName",
            place,
            format!("`{name}` is not a resource name"),
            "use 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
        ));
    }
}

/// Resources that the Sandbox names and that no binding of the namespace declares (yet).
pub fn warnings(view: &View, spec: &SandboxSpec) -> Vec<Problem> {
    let prepared = preparable(view);
    let holding = view.holding();
    let mut problems = Vec::new();
    let mut unknown = |place: String, name: &str, what: &str| {
        problems.push(Problem::warning(
            "UnknownResource",
            place,
            format!(
                "no ResourceBinding of namespace `{}` declares a resource `{name}`{what}",
                view.namespace.name
            ),
            "apply the binding, or correct the name",
        ));
    };
    for name in spec.params.keys().filter(|name| holding.iter().all(|one| one.declares(name).is_none())) {
        unknown(format!("spec.params.{name}"), name, "");
    }
    for (index, name) in spec.prepare.iter().enumerate() {
        if name != ALL_RESOURCES && !prepared.contains_key(name.as_str()) {
            unknown(format!("spec.prepare[{index}]"), name, " of Sandbox scope");
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str, spec: serde_json::Value) -> Vec<(String, String)> {
        let problems = validate(name, &serde_json::from_value(spec).unwrap());
        assert!(problems.iter().all(|problem| !problem.way_out.is_empty()));
        problems.into_iter().map(|problem| (problem.code, problem.place)).collect()
    }

    #[test]
    fn a_plain_sandbox_is_fine() {
        let spec = serde_json::json!({
            "lifetime": "WhileUsed", "ttl": {"duration": "2d", "offsetFrom": "lastUsedAt"},
            "params": {"db": {"seed": "$(sandbox)-$$"}}, "prepare": ["db"], "routingKey": "abc"});
        assert_eq!(codes("pr-142", spec), []);
        assert_eq!(codes("0", serde_json::json!({"prepare": ["*"]})), []);
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (name, spec, code, place) in [
            ("pr.142", serde_json::json!({}), "InvalidSandboxName", "metadata.name"),
            ("PR", serde_json::json!({}), "InvalidSandboxName", "metadata.name"),
            ("a", serde_json::json!({"ttl": {"duration": "59s"}}), "TtlTooShort", "spec.ttl.duration"),
            ("a", serde_json::json!({"params": {"D": {}}}), "InvalidName", "spec.params.D"),
            (
                "a",
                serde_json::json!({"params": {"d": {"x": "$(pod)"}}}),
                "UnknownSubstitution",
                "spec.params.d.x",
            ),
            ("a", serde_json::json!({"prepare": ["d", "*"]}), "PrepareAmbiguous", "spec.prepare[1]"),
            ("a", serde_json::json!({"prepare": ["d", "d"]}), "Duplicate", "spec.prepare[1]"),
            ("a", serde_json::json!({"prepare": [""]}), "InvalidName", "spec.prepare[0]"),
            ("a", serde_json::json!({"routingKey": ""}), "InvalidRoutingKey", "spec.routingKey"),
            ("a", serde_json::json!({"routingKey": "a b"}), "InvalidRoutingKey", "spec.routingKey"),
        ] {
            assert_eq!(codes(name, spec.clone()), [(code.to_owned(), place.to_owned())], "{spec}");
        }
    }
}
