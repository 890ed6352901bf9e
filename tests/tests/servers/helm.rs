//! Helm releases on an API server without nodes.

use crate::{
    example::Example,
    kubernetes,
    server::{Server, shell},
};

/// The example's name.
pub(crate) const NAME: &str = "helm";

fn server() -> Example {
    kubernetes::example(NAME, "HELM_NAMESPACE", "sandbind-releases", "secrets,configmaps,services")
}

#[test]
fn each_sandbox_has_a_release_that_goes_with_its_objects() {
    server().check();
}
