//! What the runner says of the objects that a plugin names and the cluster lacks.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use sandbind_core::{
    accepted::RESOLVED_REFS,
    api::ResourcePlugin,
    plugin::{overlay, references::of_pod},
    problem::Problem,
};
use serde_json::{Value, json};

use super::catalog;
use crate::client::{self, Cluster};

/// How long the runner is given to look at what was applied.
const WORD: Duration = Duration::from_secs(3);

/// What the runner says of a version as it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing yet.
    None,
    /// All that it names is there.
    Well,
    /// Something is missing.
    Lacking(Said),
    /// It could not be asked for.
    Unknown(Said),
}

/// The reason of the condition, and its message without it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    reason: String,
    message: String,
}

/// What stands in the status about this very generation.
pub(super) fn word(plugin: &ResourcePlugin) -> Word {
    let conditions = plugin.status.iter().flat_map(|status| &status.conditions);
    let mut found = conditions
        .filter(|one| one.type_ == RESOLVED_REFS && one.observed_generation == plugin.metadata.generation);
    match found.next() {
        None => Word::None,
        Some(one) if one.status == "True" => Word::Well,
        Some(one) if one.status == "False" => Word::Lacking(said(one)),
        Some(one) => Word::Unknown(said(one)),
    }
}

/// A problem is told as `Code: place: …`, and the code is the reason.
fn said(condition: &Condition) -> Said {
    let Condition { reason, message, .. } = condition;
    let rest = message.strip_prefix(reason.as_str()).and_then(|rest| rest.strip_prefix(": "));
    Said { reason: reason.clone(), message: rest.unwrap_or(message).to_owned() }
}

/// As the line of `plugin get`; none where there is nothing to tell.
pub(super) fn line(plugin: &ResourcePlugin) -> Option<String> {
    match word(plugin) {
        Word::Lacking(said) => Some(said.message),
        Word::Unknown(said) => Some(format!("(not known) {}", said.message)),
        Word::None | Word::Well => None,
    }
}

/// Waits a moment for the runner's word on what was applied; what is to be warned of. A cluster without a runner has none.
pub(super) async fn warning(cluster: &Cluster, applied: &ResourcePlugin) -> Option<Problem> {
    if names_nothing(applied) {
        return None;
    }
    let mut last = word(applied);
    let end = tokio::time::Instant::now() + WORD;
    let mut looks = std::pin::pin!(client::follow(catalog::api(cluster), &applied.name_any()));
    while matches!(last, Word::None | Word::Unknown(_)) {
        match tokio::time::timeout_at(end, looks.next()).await {
            Ok(Some(Ok(Some(seen)))) if seen.metadata.uid == applied.metadata.uid => last = word(&seen),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    let place = format!("ResourcePlugin {}", applied.spec.identity());
    match last {
        Word::Lacking(said) | Word::Unknown(said) => {
            Some(Problem::warning(&said.reason, place, said.message, ""))
        }
        Word::None | Word::Well => None,
    }
}

/// Whether there is nothing that a cluster could lack, so that there is no word to wait for.
fn names_nothing(plugin: &ResourcePlugin) -> bool {
    let runner = &plugin.spec.runner;
    let Ok(overlay) = overlay::read(runner) else { return false };
    let template: Value = overlay::merge(&json!({}), &overlay);
    runner.namespace.is_none() && of_pod(&template).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(runner: &Value, conditions: &Value) -> ResourcePlugin {
        serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": "pg", "generation": 2},
            "spec": {"name": "pg", "runner": runner, "create": [], "delete": []},
            "status": {"instances": 0, "observedGeneration": 2, "conditions": conditions}}))
        .unwrap()
    }

    fn condition(status: &str, generation: i64, message: &str) -> Value {
        json!([{"type": "ResolvedRefs", "status": status, "reason": "ReferenceNotFound", "message": message,
            "observedGeneration": generation, "lastTransitionTime": "2027-01-01T00:00:00Z"}])
    }

    #[test]
    fn what_is_lacking_is_told_of_the_version_as_it_stands_only() {
        let runner = json!({"image": "i"});
        let message = "ReferenceNotFound: spec.runner: no Secret";
        for (conditions, expected) in [
            (json!([]), None),
            (condition("True", 2, ""), None),
            (condition("False", 1, message), None),
            (condition("False", 2, message), Some("spec.runner: no Secret")),
            (condition("False", 2, "other words"), Some("other words")),
            (condition("Unknown", 2, message), Some("(not known) spec.runner: no Secret")),
        ] {
            assert_eq!(line(&plugin(&runner, &conditions)).as_deref(), expected, "{conditions}");
        }
    }

    #[test]
    fn nobody_waits_for_a_word_on_a_plugin_that_names_nothing() {
        for (runner, nothing) in [
            (json!({"image": "i"}), true),
            (json!({"image": "i", "podTemplateOverlay": "metadata: {labels: {a: b}}"}), true),
            (json!({"image": "i", "podTemplateOverlay": "spec: {serviceAccountName: a}"}), false),
            (json!({"image": "i", "namespace": "steps"}), false),
        ] {
            assert_eq!(names_nothing(&plugin(&runner, &json!([]))), nothing, "{runner}");
        }
    }
}
