//! The CustomResourceDefinitions, with the rules that the API server enforces by itself (CEL).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// All four, in the order of their installation.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        super::ResourcePlugin::crd(),
        super::ResourceBinding::crd(),
        super::Sandbox::crd(),
        super::ResourceInstance::crd(),
    ]
}
