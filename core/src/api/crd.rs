//! The CustomResourceDefinitions, with the rules that the API server enforces by itself (CEL).
//!
//! A rule on a field is not evaluated when the field goes away, so whatever must not disappear is ruled at its parent. Every
//! list, map and text that a rule looks at is bounded, for the API server refuses rules whose worst case costs too much.

mod instance;
mod plugin;
mod schema;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// All five, in the order of their installation.
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        plugin::ruled(super::ResourcePlugin::crd()),
        super::ResourceBinding::crd(),
        super::Sandbox::crd(),
        instance::ruled(super::ResourceInstance::crd()),
        super::MemberCluster::crd(),
    ];
    for definition in &mut all {
        schema::known_formats(definition);
    }
    all
}

#[cfg(test)]
mod tests;
