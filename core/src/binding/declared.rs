//! A binding as it stands in the cluster, with what follows from it alone worked out once.

use crate::{
    api::{
        ResourceBinding, ResourceBindingSpec, binding::BoundResource, binding::DEFAULT_LINGER, duration::Span,
    },
    problem::Problem,
    version::PluginRef,
};

/// A ResourceBinding, read once per revision.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Namespace it stands in.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// UID and generation: what a hash of an injection is made of.
    pub revision: String,
    /// Whether it stands in the system namespace.
    pub in_system: bool,
    /// What it says.
    pub spec: ResourceBindingSpec,
    /// Mistakes inside it, with their full places. It was written before they were checked, or while nobody checked.
    pub problems: Vec<Problem>,
    references: Vec<Option<PluginRef>>,
}

impl Binding {
    /// From the object.
    pub fn new(object: ResourceBinding, system_namespace: &str) -> Self {
        let namespace = object.metadata.namespace.unwrap_or_default();
        let name = object.metadata.name.unwrap_or_default();
        let in_system = namespace == system_namespace;
        let place = place(&namespace, &name);
        let mut problems = super::validate::validate(&object.spec, in_system);
        problems.retain(Problem::is_error);
        for problem in &mut problems {
            problem.place = format!("{place}: {}", problem.place);
        }
        let references = object.spec.resources.iter().map(|resource| resource.plugin.parse().ok()).collect();
        let revision = format!(
            "{}/{}",
            object.metadata.uid.unwrap_or_default(),
            object.metadata.generation.unwrap_or_default()
        );
        Self { namespace, name, revision, in_system, spec: object.spec, problems, references }
    }

    /// `ResourceBinding shop/orders`.
    pub fn place(&self) -> String {
        place(&self.namespace, &self.name)
    }

    /// `ResourceBinding shop/orders: spec.env[0]`.
    pub fn at(&self, field: &str) -> String {
        format!("{}: {field}", self.place())
    }

    /// Whether it holds in other namespaces than its own.
    pub fn is_cluster_wide(&self) -> bool {
        self.in_system && self.spec.namespace_selector.is_some()
    }

    /// The resource of this name, its index, and which plugin it means. The reference is none when it cannot be read.
    pub fn declares(&self, resource: &str) -> Option<(usize, &BoundResource, Option<&PluginRef>)> {
        let at = self.spec.resources.iter().position(|one| one.name == resource)?;
        let reference = self.references.get(at).and_then(Option::as_ref);
        self.spec.resources.get(at).map(|declared| (at, declared, reference))
    }

    /// How long an unused resource stays.
    pub fn linger(&self) -> Span {
        self.spec.linger.unwrap_or(DEFAULT_LINGER)
    }
}

fn place(namespace: &str, name: &str) -> String {
    format!("ResourceBinding {namespace}/{name}")
}
