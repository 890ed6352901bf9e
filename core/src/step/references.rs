//! What the step pods of a plugin need to find in their namespace.

use std::collections::BTreeSet;

use super::{StepRun, StepSettings, pod};
use crate::{
    api::{
        instance::Work,
        plugin::{ResourcePluginSpec, Step},
    },
    plugin::references::{Reference, of_pod},
    problem::Problem,
};

/// The objects that the step pods of a plugin cannot start without; those of the installation (`imagePullSecrets`) included. All pods
/// of a plugin are made from the one overlay, so one of them stands for all. Fails like [`pod`] where no pod can be made.
pub fn references(
    plugin: &ResourcePluginSpec,
    settings: &StepSettings,
) -> Result<BTreeSet<Reference>, Vec<Problem>> {
    let Some(step) = steps(plugin).next() else { return Ok(BTreeSet::new()) };
    // Who runs is of no account: no name in a pod's template comes from the run.
    let run = StepRun {
        instance: String::new(),
        incarnation: String::new(),
        round: 0,
        work: Work::Create,
        step: step.name.clone(),
        attempt: 0,
    };
    pod(plugin, step, &run, settings).map(|pod| of_pod(&pod))
}

/// All steps, those of create first.
fn steps(plugin: &ResourcePluginSpec) -> impl Iterator<Item = &Step> {
    let refresh = plugin.refresh.iter().flat_map(|refresh| &refresh.steps);
    plugin.create.iter().chain(refresh).chain(&plugin.delete)
}

/// The names of all steps in their order, each once.
pub(crate) fn step_names(plugin: &ResourcePluginSpec) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    steps(plugin).map(|step| step.name.as_str()).filter(|name| seen.insert(*name)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(pull: &[&str]) -> StepSettings {
        StepSettings {
            image: "i".into(),
            runner_url: String::new(),
            runner_name: String::new(),
            runner_ca: String::new(),
            namespaces: vec!["steps".into(), "more".into()],
            image_pull_secrets: pull.iter().map(|name| (*name).to_owned()).collect(),
            start: Duration::from_secs(1),
            margin: Duration::from_secs(1),
        }
    }

    fn plugin(runner: &serde_json::Value, steps: &serde_json::Value) -> ResourcePluginSpec {
        let mut spec = serde_json::json!({"name": "p", "runner": runner});
        spec.as_object_mut().unwrap().extend(steps.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn what_is_needed_is_read_from_the_pod_as_it_will_be() {
        let overlay =
            |spec: &str| serde_json::json!({"image": "i", "podTemplateOverlay": format!("spec: {spec}\n")});
        let elsewhere = serde_json::json!({"image": "i", "namespace": "more", "podTemplateOverlay": "spec: {serviceAccountName: a}"});
        let create = serde_json::json!({"create": [{"name": "make"}]});
        let delete = serde_json::json!({"delete": [{"name": "unmake"}]});
        let none = serde_json::json!({});
        for (runner, steps, pull, expected) in [
            (serde_json::json!({"image": "i"}), &create, &[][..], &[][..]),
            (serde_json::json!({"image": "i"}), &create, &["pull"], &["Secret steps/pull"]),
            (
                overlay("{imagePullSecrets: [{name: own}]}"),
                &create,
                &["pull"],
                &["Secret steps/own", "Secret steps/pull"],
            ),
            (overlay("{imagePullSecrets: [{$patch: replace}]}"), &create, &["pull"], &[]),
            (overlay("{volumes: [{name: v, secret: {secretName: a}}]}"), &delete, &[], &["Secret steps/a"]),
            (overlay("{volumes: [{name: v, secret: {secretName: a}}]}"), &none, &[], &[]),
            (elsewhere, &create, &[], &["ServiceAccount more/a"]),
        ] {
            let plugin = plugin(&runner, steps);
            let found = references(&plugin, &settings(pull)).unwrap();
            let shown: Vec<String> =
                found.iter().map(|one| format!("{} {}/{}", one.kind, one.namespace, one.name)).collect();
            assert_eq!(shown, expected, "{runner}");
        }
    }

    #[test]
    fn where_no_pod_can_be_made_nothing_is_said_to_be_needed() {
        let steps = serde_json::json!({"create": [{"name": "make"}]});
        let hostile = serde_json::json!({"image": "i", "podTemplateOverlay": "spec: {hostNetwork: true}"});
        let problems = references(&plugin(&hostile, &steps), &settings(&[])).unwrap_err();
        assert_eq!(problems[0].code, "OverlayRefused");
    }

    #[test]
    fn a_step_that_is_refreshed_is_named_once() {
        let steps = serde_json::json!({"create": [{"name": "make"}], "delete": [{"name": "unmake"}],
            "refresh": {"every": "1h", "steps": [{"name": "make"}]}});
        assert_eq!(step_names(&plugin(&serde_json::json!({}), &steps)), ["make", "unmake"]);
    }
}
