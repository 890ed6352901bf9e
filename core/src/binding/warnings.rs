//! References to other objects that do not hold (yet): warnings at apply, conditions in status, denials at admission.

use super::{declared::Binding, resolve, select::Taken, view::View};
use crate::{
    api::binding::Scope,
    binding::outputs,
    problem::{Problem, Severity},
    selector,
};

/// What of a binding does not hold in the namespace of the view as things are: namespaces, plugins, versions, permissions,
/// params, output keys, other bindings. All are warnings. A cluster-wide binding is looked at as this namespace sees it.
pub fn warnings(view: &View, binding: &std::sync::Arc<Binding>) -> Vec<Problem> {
    let holding = view.holding();
    let mut problems = Vec::new();
    let hidden = binding
        .spec
        .resources
        .iter()
        .filter(|resource| resolve::is_hidden(&holding, binding, &resource.name))
        .map(|resource| resource.name.clone())
        .collect();
    let taken = Taken { binding: std::sync::Arc::clone(binding), hidden };
    for resource in binding.spec.resources.iter().filter(|one| !taken.hidden.contains(&one.name)) {
        let declaration = match resolve::declaration(&holding, binding, &resource.name) {
            Ok(declaration) => declaration,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        let plugin = match resolve::plugin(view, &declaration) {
            Ok(plugin) => plugin,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        problems.extend(resolve::linger(&holding, &plugin, &declaration).err().into_iter().flatten());
        let workload = (resource.scope != Scope::Sandbox).then_some("workload");
        problems.extend(
            resolve::params(view, &plugin, &declaration, "sandbox", workload).err().into_iter().flatten(),
        );
        let available = outputs::deliverable(&plugin.spec);
        problems.extend(outputs::missing(&[&taken], &resource.name, &plugin.spec.identity(), &available));
    }
    for problem in &mut problems {
        problem.severity = Severity::Warning;
    }
    problems
}

/// Whether a cluster-wide binding holds in a namespace with these labels.
pub fn holds_in(binding: &Binding, labels: &std::collections::BTreeMap<String, String>) -> bool {
    binding.spec.namespace_selector.as_ref().is_some_and(|wanted| selector::matches(wanted, labels))
}
