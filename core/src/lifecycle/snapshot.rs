//! What a round was pinned to: kept in a Secret in the system namespace, so that delete needs nothing of the tenant's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::plugin::{ResourcePluginSpec, Step};

/// Plugin content and params of one round. Holds values: it is stored in a Secret and never shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// `name@version`.
    pub identity: String,
    /// UID of the ResourcePlugin.
    pub uid: String,
    /// The plugin's content.
    pub plugin: ResourcePluginSpec,
    /// Every param that has a value, defaults filled in, `$(…)` replaced.
    pub params: Params,
    /// Routing key for the published environment.
    pub routing_key: String,
    /// Delete steps that take the place of the plugin's (`orphans retry --plugin`, a changed draft).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_override: Option<Vec<Step>>,
}

/// Params by name; never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(pub BTreeMap<String, String>);

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Snapshot {
    /// The delete steps in force.
    pub fn delete_steps(&self) -> &[Step] {
        self.delete_override.as_deref().unwrap_or(&self.plugin.delete)
    }

    /// Hash of the delete steps that took the place of the plugin's; none while none did.
    pub fn override_hash(&self) -> Option<String> {
        let steps = self.delete_override.as_ref()?;
        Some(crate::identity::hash(&[&serde_json::to_string(steps).unwrap_or_default()], 16))
    }

    /// Hash of content and params: a different one means that the live objects have moved on.
    pub fn hash(&self) -> String {
        let content = serde_json::to_string(&(
            &self.plugin.runner.image,
            &self.plugin.runner.pod_template_overlay,
            &self.plugin.create,
            &self.plugin.delete,
            &self.plugin.refresh,
            &self.plugin.params,
        ));
        let params = serde_json::to_string(&self.params);
        crate::identity::hash(
            &[&self.identity, &content.unwrap_or_default(), &params.unwrap_or_default(), &self.routing_key],
            16,
        )
    }

    /// Keys of all outputs that pods may get.
    pub fn deliverable(&self) -> BTreeSet<String> {
        let outputs = |step: &Step| -> Vec<String> {
            step.outputs
                .iter()
                .filter(|output| output.deliver != Some(false))
                .map(|output| sandbind_wire::name::output_key(&step.name, &output.name))
                .collect()
        };
        self.plugin.create.iter().flat_map(outputs).collect()
    }
}
