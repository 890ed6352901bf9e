//! What the definitions say. That an API server enforces it is seen by real writes (`cluster/tests/api_server/rules.rs`).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::all;

fn named(plural: &str) -> (CustomResourceDefinition, Value) {
    let found = all().into_iter().find(|crd| crd.spec.names.plural == plural).unwrap();
    let schema = serde_json::to_value(&found.spec.versions[0]).unwrap()["schema"]["openAPIV3Schema"].take();
    (found, schema)
}

fn rules(schema: &Value) -> Vec<&str> {
    schema["x-kubernetes-validations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn a_record_is_created_whole_and_always_has_a_status() {
    let (definition, schema) = named("resourceinstances");
    assert!(definition.spec.versions[0].subresources.is_none());
    assert_eq!(schema["required"], serde_json::json!(["spec", "status"]));
    assert!(schema["properties"]["status"]["nullable"].is_null());
    for part in ["spec", "phase", "round", "fence", "revision", "steps", "wanted"] {
        assert!(rules(&schema).iter().any(|rule| rule.contains(part)), "no rule on {part}");
    }
}

#[test]
fn every_rule_says_what_is_wrong() {
    for plural in ["resourceinstances", "resourceplugins"] {
        let (_, schema) = named(plural);
        for place in [&schema, &schema["properties"]["spec"]] {
            for rule in place["x-kubernetes-validations"].as_array().into_iter().flatten() {
                assert!(rule["message"].as_str().is_some_and(|message| message.len() > 20), "{rule}");
            }
        }
    }
}

#[test]
fn a_version_fixes_content_and_leaves_policy_free() {
    let (_, schema) = named("resourceplugins");
    let text = rules(&schema["properties"]["spec"]).join("\n");
    for fixed in [
        "version",
        "name",
        "runner.image",
        "runner.podTemplateOverlay",
        "params",
        "create",
        "delete",
        "refresh",
    ] {
        assert!(text.contains(&format!("self.{fixed} ==")), "{fixed} may change");
    }
    for free in ["allowedNamespaces", "limits", "description", "runner.namespace"] {
        assert!(!text.contains(free), "{free} may not change");
    }
}

#[test]
fn no_format_is_unknown_to_the_api_server() {
    for definition in all() {
        let text = serde_json::to_string(&definition).unwrap();
        assert!(!text.contains("\"uint"), "{}", definition.spec.names.plural);
    }
}
