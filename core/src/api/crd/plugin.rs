//! `ResourcePlugin`: a version's content never changes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::schema::{lists, root, rules, texts};

/// Bounds on lists: twice what the validation of plugins allows, for it says the way out and the API server does not. They are there so
/// that the rules cost no more than the API server lets them.
const STEPS: i64 = 64;
const INPUTS: i64 = 128;
const OUTPUTS: i64 = 32;
const PARAMS: i64 = 128;

/// Texts that may hold a script or a template: the snapshot of a plugin is bounded as a whole.
const LONG: i64 = 262_144;

const NAMED: (&str, &str) = (
    "self.metadata.name == (has(self.spec.version) ? self.spec.name + '-' + self.spec.version : \
     self.spec.name).lowerAscii()",
    "metadata.name must be the lower case of spec.name, or of spec.name-spec.version; `sandbind plugin render --as object` writes it so",
);

const FIXED: &str =
    "a version never changes: publish a new spec.version, or work on a draft (no spec.version)";

/// What stays as it is once a version is set, written for `self` and `oldSelf`.
fn fixed(part: &str) -> String {
    format!(
        "!has(oldSelf.version) || (has(self.{part}) == has(oldSelf.{part}) && (!has(oldSelf.{part}) || self.{part} == oldSelf.{part}))"
    )
}

/// The name follows from the content, and a version is for ever.
pub(super) fn ruled(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let parts = [
        "version",
        "name",
        "runner.image",
        "runner.podTemplateOverlay",
        "runner.terraformState",
        "params",
        "create",
        "delete",
        "refresh",
    ];
    let fixed: Vec<String> = parts.iter().map(|part| fixed(part)).collect();
    let fixed: Vec<(&str, &str)> = fixed.iter().map(|rule| (rule.as_str(), FIXED)).collect();
    root(&mut definition, |schema| {
        texts(
            schema,
            &[
                ("spec.version", 128),
                ("spec.description", 4096),
                ("spec.runner.image", 1024),
                ("spec.runner.namespace", 63),
                ("spec.runner.podTemplateOverlay", LONG),
                ("spec.refresh.every", 10),
            ],
        );
        lists(schema, &[("spec.params", PARAMS)]);
        for (part, length) in [("name", 64), ("default", 8192), ("pattern", 1024), ("description", 1024)] {
            texts(schema, &[(&format!("spec.params.[].{part}"), length)]);
        }
        for steps in ["spec.create", "spec.delete", "spec.refresh.steps"] {
            lists(schema, &[(steps, STEPS)]);
            for (part, length) in [("inputs", INPUTS), ("outputs", OUTPUTS)] {
                lists(schema, &[(&format!("{steps}.[].{part}"), length)]);
            }
            for (part, length) in [
                ("script", LONG),
                ("timeout", 10),
                ("grace", 10),
                ("signal", 16),
                ("inputs.[].valueFromStep.name", 30),
                ("inputs.[].valueFromStep.output", 30),
                ("inputs.[].as.env", 253),
                ("inputs.[].as.path", 1024),
                ("inputs.[].type", 64),
                ("outputs.[].valueFromPath", 1024),
                ("outputs.[].description", 1024),
                ("outputs.[].type", 64),
            ] {
                texts(schema, &[(&format!("{steps}.[].{part}"), length)]);
            }
        }
        rules(schema, "", &[NAMED]);
        rules(schema, "spec", &fixed);
    });
    definition
}
