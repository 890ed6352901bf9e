//! From a resource's name to its declaration, its plugin's version and its params: one way for pods and for rounds.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    declared::Binding,
    substitute::{self, Names},
    view::View,
};
use crate::{
    api::{
        ResourcePlugin,
        binding::BoundResource,
        duration::Span,
        plugin::{AllowedFrom, DEFAULT_LONGEST_LINGER, DEFAULT_PER_NAMESPACE},
    },
    plugin::params as plugin_params,
    problem::Problem,
    selector,
    version::{PluginRef, Wanted},
};

/// Which entry of which binding declares a resource.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    pub(super) binding: Arc<Binding>,
    pub(super) index: usize,
    pub(super) reference: PluginRef,
    resource: BoundResource,
}

impl Declaration {
    pub(super) fn resource(&self) -> &BoundResource {
        &self.resource
    }

    fn at(&self, field: &str) -> String {
        self.binding.at(&format!("spec.resources[{}].{field}", self.index))
    }
}

/// What refuses every pod of this sandbox, whatever the bindings say.
pub(super) fn refusals(view: &View, sandbox: &str) -> impl Iterator<Item = Problem> {
    let namespace = &view.namespace;
    let name = (!selector::is_dns_label(sandbox)).then(|| {
        Problem::error(
            "InvalidSandboxName",
            format!("metadata.labels[{}]", sandbind_wire::name::LABEL_SANDBOX),
            format!("`{sandbox}` is not a sandbox name"),
            "use 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
        )
    });
    let terminating = namespace.terminating.then(|| {
        Problem::error(
            "NamespaceTerminating",
            format!("Namespace {}", namespace.name),
            "the namespace is being deleted",
            "use another namespace, or wait until it is gone and make it anew",
        )
    });
    let deleted = view.sandbox.as_ref().is_some_and(|sandbox| sandbox.metadata.deletion_timestamp.is_some());
    let deleted = deleted.then(|| {
        Problem::error(
            "SandboxDeleting",
            format!("Sandbox {}/{sandbox}", namespace.name),
            "the sandbox is being deleted",
            format!(
                "wait until it is gone (`sandbind sandbox wait {sandbox} --for deleted -n {}`), or use another name",
                namespace.name
            ),
        )
    });
    name.into_iter().chain(terminating).chain(deleted)
}

/// Whether a binding's resource is passed over because the namespace's own bindings declare one of that name.
pub(super) fn is_hidden(holding: &[&Arc<Binding>], binding: &Binding, resource: &str) -> bool {
    binding.is_cluster_wide()
        && holding.iter().any(|other| !other.is_cluster_wide() && other.declares(resource).is_some())
}

/// The entry that declares `resource` in `binding`, unless another binding that holds here says it differently.
pub(super) fn declaration(
    holding: &[&Arc<Binding>],
    binding: &Arc<Binding>,
    name: &str,
) -> Result<Declaration, Box<Problem>> {
    let unreadable = || {
        Box::new(Problem::error(
            "InvalidReference",
            binding.at("spec.resources"),
            format!("the plugin of `{name}` cannot be read"),
            "write `name`, `name@1.2.0`, `name@^1`, `name@latest` or `name@draft`",
        ))
    };
    let (index, resource, reference) = binding.declares(name).ok_or_else(unreadable)?;
    let reference = reference.ok_or_else(unreadable)?.clone();
    for other in holding.iter().filter(|other| other.is_cluster_wide() == binding.is_cluster_wide()) {
        let Some((nth, said, _)) = other.declares(name) else { continue };
        let different = if said.plugin != resource.plugin {
            "plugin"
        } else if said.scope != resource.scope {
            "scope"
        } else if said.params != resource.params {
            "params"
        } else {
            continue;
        };
        return Err(Box::new(Problem::error(
            "ConflictingBindings",
            binding.at(&format!("spec.resources[{index}].{different}")),
            format!(
                "`{}` declares the resource `{name}` with another {} (spec.resources[{nth}].{different})",
                other.place(),
                different.trim_end_matches('s')
            ),
            "let both say the same, or give one of the resources another name",
        )));
    }
    Ok(Declaration { binding: Arc::clone(binding), index, reference, resource: resource.clone() })
}

/// The version that the declaration means, if the namespace may use it.
pub(super) fn plugin(view: &View, declaration: &Declaration) -> Result<Arc<ResourcePlugin>, Box<Problem>> {
    let wanted = &declaration.resource.plugin;
    let Some(plugin) = view.plugins.choose(&declaration.reference) else {
        return Err(Box::new(unknown(view, declaration)));
    };
    let namespace = &view.namespace;
    let (allowed, how) = match &plugin.spec.allowed_namespaces {
        Some(rule) => match (rule.from, &rule.selector) {
            (AllowedFrom::All, _) => (true, String::new()),
            (AllowedFrom::Selector, Some(wanted)) => (
                selector::matches(wanted, &namespace.labels),
                "its `allowedNamespaces.selector` does not select this namespace".to_owned(),
            ),
            (AllowedFrom::Selector, None) | (AllowedFrom::None, _) => {
                (false, "its `allowedNamespaces` allows none".to_owned())
            }
        },
        None => (
            namespace.labels.get(sandbind_wire::name::LABEL_ENABLED).is_some_and(|value| value == "true"),
            format!("the namespace has no label `{}: \"true\"`", sandbind_wire::name::LABEL_ENABLED),
        ),
    };
    if allowed {
        return Ok(Arc::clone(plugin));
    }
    Err(Box::new(Problem::error(
        "PluginNotAllowed",
        declaration.at("plugin"),
        format!("plugin `{wanted}` may not be used in namespace `{}`: {how}", namespace.name),
        match &plugin.spec.allowed_namespaces {
            None => format!(
                "ask a cluster admin for `kubectl label namespace {} {}=true`",
                namespace.name,
                sandbind_wire::name::LABEL_ENABLED
            ),
            Some(_) => format!(
                "ask a cluster admin to allow the namespace in `spec.allowedNamespaces` of ResourcePlugin `{}`",
                plugin.metadata.name.as_deref().unwrap_or_default()
            ),
        },
    )))
}

fn unknown(view: &View, declaration: &Declaration) -> Problem {
    let reference = &declaration.reference;
    let wanted = &declaration.resource.plugin;
    let versions = view.plugins.versions(&reference.name);
    let place = declaration.at("plugin");
    if versions.is_empty() {
        let other = view.plugins.names().find(|name| name.eq_ignore_ascii_case(&reference.name));
        let way_out = match other {
            Some(name) => format!("write `{name}`"),
            None => "apply the plugin (`sandbind plugin list` shows what there is), or correct the name"
                .to_owned(),
        };
        return Problem::error(
            "UnknownPlugin",
            place,
            format!("there is no plugin `{}`", reference.name),
            way_out,
        );
    }
    let draft = versions.iter().any(|(version, _)| version.is_none());
    let mut shown: Vec<_> = versions.iter().filter_map(|(version, _)| version.as_ref()).collect();
    shown.sort_by(|one, other| other.cmp(one));
    let mut shown: Vec<String> = shown.into_iter().take(10).map(|version| format!("`{version}`")).collect();
    shown.extend(draft.then(|| "a draft".to_owned()));
    let reason = match reference.wanted {
        Wanted::Draft => format!("plugin `{}` has no draft", reference.name),
        _ => format!("no version of plugin `{}` is what `{wanted}` means", reference.name),
    };
    Problem::error("UnknownPluginVersion", place, reason, format!("there is {}", shown.join(", ")))
}

/// How long the unused resource stays: the longest of the bindings that declare it, as far as the plugin lets them.
pub(super) fn linger(
    holding: &[&Arc<Binding>],
    plugin: &ResourcePlugin,
    declaration: &Declaration,
) -> Result<Span, Vec<Problem>> {
    let longest =
        plugin.spec.limits.as_ref().and_then(|limits| limits.linger).unwrap_or(DEFAULT_LONGEST_LINGER);
    let name = &declaration.resource.name;
    let sharing = holding.iter().filter(|binding| {
        binding.is_cluster_wide() == declaration.binding.is_cluster_wide() && binding.declares(name).is_some()
    });
    let mut linger = Span::from_secs(0);
    let mut problems = Vec::new();
    for binding in sharing {
        match binding.spec.linger {
            Some(asked) if asked > longest => problems.push(Problem::error(
                "LingerTooLong",
                binding.at("spec.linger"),
                format!("plugin `{}` lets a resource linger for {longest} at most", plugin.spec.identity()),
                format!("ask for {longest} or less"),
            )),
            _ => linger = linger.max(binding.linger().min(longest)),
        }
    }
    if problems.is_empty() { Ok(linger) } else { Err(problems) }
}

/// The params in force: those of the binding, the Sandbox's over them, `$(…)` replaced, defaults filled in.
pub(super) fn params(
    view: &View,
    plugin: &ResourcePlugin,
    declaration: &Declaration,
    sandbox: &str,
    workload: Option<&str>,
) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let names = Names { sandbox, namespace: &view.namespace.name, workload };
    let resource = &declaration.resource;
    let over = view.sandbox.as_ref().and_then(|sandbox| sandbox.spec.params.get(&resource.name));
    let theirs = format!("Sandbox {}/{sandbox}: spec.params.{}", view.namespace.name, resource.name);
    let ours = declaration.at("params");
    let mut given = BTreeMap::new();
    let mut problems = Vec::new();
    let layers = [(&ours, Some(&resource.params)), (&theirs, over)];
    for (place, params) in
        layers.into_iter().filter_map(|(place, params)| params.map(|params| (place, params)))
    {
        for (name, text) in params {
            match substitute::param(text, names) {
                Ok(value) => {
                    given.insert(name.clone(), Cow::into_owned(value));
                }
                Err(unknown) => problems.push(unknown_name(format!("{place}.{name}"), unknown)),
            }
        }
    }
    let place = match over {
        Some(over) if !over.is_empty() => format!("{ours} (with {theirs})"),
        _ => ours,
    };
    match plugin_params::effective(&plugin.spec, &given, &place) {
        Ok(values) if problems.is_empty() => return Ok(values),
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    Err(problems)
}

/// A `$(…)` that stands for nothing.
pub(super) fn unknown_name(place: String, name: &str) -> Problem {
    let (reason, way_out) = if name == "workload" {
        (
            "`$(workload)` means nothing in Sandbox scope".to_owned(),
            "set the resource's `scope` to `Workload` or `Pod`, or leave it out",
        )
    } else {
        (
            format!("`$({name})` stands for nothing"),
            "use `$(sandbox)`, `$(namespace)`, in Workload and Pod scope `$(workload)`; write `$$` for a dollar",
        )
    };
    Problem::error("UnknownSubstitution", place, reason, way_out)
}

/// Whether one more instance would be too many.
pub(super) fn over_limit(view: &View, plugin: &ResourcePlugin, declaration: &Declaration) -> Option<Problem> {
    let limit =
        plugin.spec.limits.as_ref().and_then(|limits| limits.per_namespace).unwrap_or(DEFAULT_PER_NAMESPACE);
    let identity = plugin.spec.identity();
    let count = view.counts.get(&identity).copied().unwrap_or_default();
    (u32::try_from(count).unwrap_or(u32::MAX) >= limit).then(|| {
        Problem::error(
            "TooManyInstances",
            declaration.at("plugin"),
            format!(
                "namespace `{}` has {count} resources of plugin `{identity}`, and {limit} is the limit",
                view.namespace.name
            ),
            "remove sandboxes that are no longer used (`sandbind sandbox list`), or ask a cluster admin to raise \
             `spec.limits.perNamespace`",
        )
    })
}
