//! Which bindings select a pod, and which resources it therefore gets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sandbind_wire::name;

use super::{
    declared::Binding,
    outputs,
    resolve::{self, Declaration},
    view::{Namespace, View},
};
use crate::{
    api::{
        ResourcePlugin,
        binding::{BoundEnv, BoundFiles, DEFAULT_BLOCK, DEFAULT_READY, Scope, WaitMode},
        duration::Span,
        instance::PinnedPlugin,
    },
    problem::Problem,
    selector::{self, Labels},
};

/// What the bindings say about a labelled pod.
#[derive(Clone, Debug)]
pub enum Selection {
    /// It gets these.
    Bound(Selected),
    /// No binding selects it, and its namespace lets such pods run.
    Unbound,
}

/// What a pod gets.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The namespace, as of the view.
    pub namespace: Arc<Namespace>,
    /// The sandbox's name.
    pub sandbox: String,
    /// The bindings that select the pod: the namespace's own by name, then cluster-wide ones by name.
    pub bindings: Vec<Taken>,
    /// The resources, in order of first mention.
    pub resources: Vec<Wanted>,
    /// How long a gated pod's sidecar waits: the longest of the bindings.
    pub ready: Duration,
}

/// A binding that selects a pod, and what of it holds.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The binding.
    pub binding: Arc<Binding>,
    /// Resources that the namespace's own bindings declare instead: what takes from them is passed over.
    pub hidden: BTreeSet<String>,
}

/// A resource that a pod gets.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name within the sandbox.
    pub name: String,
    /// What shares it.
    pub scope: Scope,
    /// The version that a new round would use.
    pub plugin: Arc<ResourcePlugin>,
    /// Output keys that the pod names; `*` where it wants all delivered ones.
    pub keys: BTreeSet<String>,
    /// How long it stays when unused: the longest of the bindings that share it.
    pub linger: Span,
    /// What an admission does while it is being made: the most patient of the pod's bindings that declare it.
    pub mode: WaitMode,
    /// How long an admission may be held for it.
    pub block: Duration,
    pub(super) declaration: Declaration,
    /// The bindings that select the pod.
    pub(super) taken: Arc<[Taken]>,
}

impl Taken {
    /// Its env vars that hold, with their indexes.
    pub fn env(&self) -> impl Iterator<Item = (usize, &BoundEnv)> {
        self.binding.spec.env.iter().enumerate().filter(|(_, env)| {
            env.value_from.as_ref().is_none_or(|from| !self.hidden.contains(&from.resource.name))
        })
    }

    /// Its folders that hold, with their indexes.
    pub fn files(&self) -> impl Iterator<Item = (usize, &BoundFiles)> {
        self.binding.spec.files.iter().enumerate().filter(|(_, files)| !self.hidden.contains(&files.resource))
    }

    fn resources(&self) -> impl Iterator<Item = &str> {
        self.binding
            .spec
            .resources
            .iter()
            .map(|resource| resource.name.as_str())
            .filter(|name| !self.hidden.contains(*name))
    }
}

impl Selected {
    /// Output keys that the pod names and that it would not get: a problem for each place. Checked against the round that a
    /// record has pinned, else against the version that a new round would use.
    pub fn missing_outputs(&self, wanted: &Wanted, pinned: Option<&PinnedPlugin>) -> Vec<Problem> {
        wanted.missing_outputs(&self.bindings, pinned)
    }
}

impl Wanted {
    fn missing_outputs(&self, bindings: &[Taken], pinned: Option<&PinnedPlugin>) -> Vec<Problem> {
        let named: Vec<&Taken> = bindings.iter().filter(|taken| !taken.hidden.contains(&self.name)).collect();
        if let Some(pinned) = pinned {
            outputs::missing(&named, &self.name, &pinned.identity, &pinned.output_keys)
        } else {
            let available = outputs::deliverable(&self.plugin.spec);
            outputs::missing(&named, &self.name, &self.plugin.spec.identity(), &available)
        }
    }

    /// What stands against making this resource anew: output keys, params, `limits.perNamespace`. Only asked when there is no record, for an
    /// existing one is served whatever the live objects say by now. `workload` is the name of the pod's top owner.
    pub fn refuse_new(&self, view: &View, sandbox: &str, workload: &str) -> Vec<Problem> {
        let mut problems =
            resolve::over_limit(view, &self.plugin, &self.declaration).into_iter().collect::<Vec<_>>();
        let workload = (self.scope != Scope::Sandbox).then_some(workload);
        problems.extend(
            resolve::params(view, &self.plugin, &self.declaration, sandbox, workload)
                .err()
                .into_iter()
                .flatten(),
        );
        problems.extend(self.missing_outputs(&self.taken, None));
        problems
    }
}

/// Which resources a pod with these labels gets in this sandbox, or everything that stands against it.
pub fn select(view: &View, labels: &impl Labels, sandbox: &str) -> Result<Selection, Vec<Problem>> {
    let mut problems: Vec<Problem> = resolve::refusals(view, sandbox).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let holding = view.holding();
    let bindings = taken(&holding, labels);
    if bindings.is_empty() {
        let allowed = view.namespace.annotations.get(name::ANNOTATION_UNMATCHED);
        return match allowed.map(String::as_str) {
            Some("Allow") => Ok(Selection::Unbound),
            _ => Err(vec![unmatched(view, &holding)]),
        };
    }
    problems.extend(bindings.iter().flat_map(|taken| taken.binding.problems.iter().cloned()));
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut resources: Vec<Wanted> = Vec::new();
    for taken in &bindings {
        for name in taken.resources() {
            if let Some(known) = resources.iter_mut().find(|known| known.name == name) {
                patient(known, &taken.binding);
                continue;
            }
            match wanted(view, &holding, &taken.binding, name) {
                Ok(wanted) => resources.push(wanted),
                Err(more) => problems.extend(more),
            }
        }
    }
    if !problems.is_empty() {
        problems.dedup();
        return Err(problems);
    }
    let mut keys = named(&bindings);
    let shared: Arc<[Taken]> = bindings.clone().into();
    for wanted in &mut resources {
        wanted.taken = Arc::clone(&shared);
        wanted.keys = keys.remove(wanted.name.as_str()).unwrap_or_default();
    }
    let ready = bindings.iter().map(|taken| ready(&taken.binding)).max().unwrap_or_default();
    let namespace = Arc::clone(&view.namespace);
    Ok(Selection::Bound(Selected { namespace, sandbox: sandbox.to_owned(), bindings, resources, ready }))
}

fn taken(holding: &[&Arc<Binding>], labels: &impl Labels) -> Vec<Taken> {
    let selected = holding.iter().filter(|binding| selector::matches(&binding.spec.selector, labels));
    let taken = selected.map(|binding| {
        let resources = binding.spec.resources.iter();
        let hidden = resources.filter(|resource| resolve::is_hidden(holding, binding, &resource.name));
        Taken { hidden: hidden.map(|resource| resource.name.clone()).collect(), binding: Arc::clone(binding) }
    });
    taken.filter(|taken| taken.resources().next().is_some()).collect()
}

fn wanted(
    view: &View,
    holding: &[&Arc<Binding>],
    binding: &Arc<Binding>,
    name: &str,
) -> Result<Wanted, Vec<Problem>> {
    let declaration = resolve::declaration(holding, binding, name).map_err(|problem| vec![*problem])?;
    let plugin = resolve::plugin(view, &declaration).map_err(|problem| vec![*problem])?;
    let linger = resolve::linger(holding, &plugin, &declaration)?;
    let mut wanted = Wanted {
        name: name.to_owned(),
        scope: declaration.resource().scope,
        plugin,
        keys: BTreeSet::new(),
        linger,
        mode: WaitMode::Gate,
        block: Duration::ZERO,
        declaration,
        taken: Arc::default(),
    };
    patient(&mut wanted, binding);
    Ok(wanted)
}

/// Of several bindings the most patient counts: Block before Auto before Gate, the longest time.
fn patient(wanted: &mut Wanted, binding: &Binding) {
    let rank = |mode: WaitMode| match mode {
        WaitMode::Gate => 0,
        WaitMode::Auto => 1,
        WaitMode::Block => 2,
    };
    let wait = binding.spec.wait.as_ref();
    let mode = wait.map(|wait| wait.mode).unwrap_or_default();
    if rank(mode) > rank(wanted.mode) {
        wanted.mode = mode;
    }
    if mode != WaitMode::Gate {
        let block = wait.and_then(|wait| wait.block).unwrap_or(DEFAULT_BLOCK).duration();
        wanted.block = wanted.block.max(block.min(DEFAULT_BLOCK.duration()));
    }
}

fn ready(binding: &Binding) -> Duration {
    binding.spec.wait.as_ref().and_then(|wait| wait.ready).unwrap_or(DEFAULT_READY).duration()
}

/// The output keys that the bindings name, by resource.
fn named<'b>(bindings: &'b [Taken]) -> BTreeMap<&'b str, BTreeSet<String>> {
    let mut keys: BTreeMap<&'b str, BTreeSet<String>> = BTreeMap::new();
    for taken in bindings {
        for (_, env) in taken.env() {
            if let Some(from) = &env.value_from {
                let resource = &from.resource;
                keys.entry(resource.name.as_str()).or_default().insert(resource.output_key.clone());
            }
        }
        for (_, files) in taken.files() {
            let of = keys.entry(files.resource.as_str()).or_default();
            match &files.items {
                Some(items) => of.extend(items.iter().map(|item| item.output_key.clone())),
                None => {
                    of.insert(super::ALL_KEYS.to_owned());
                }
            }
        }
    }
    keys
}

fn unmatched(view: &View, holding: &[&Arc<Binding>]) -> Problem {
    let namespace = &view.namespace.name;
    let there = match holding {
        [] => "there is none".to_owned(),
        some => {
            let names: Vec<_> = some.iter().take(5).map(|binding| format!("`{}`", binding.name)).collect();
            format!("{} holds here", names.join(", "))
        }
    };
    Problem::error(
        "NoBinding",
        format!("Namespace {namespace}"),
        format!("no ResourceBinding selects this pod ({there})"),
        format!(
            "make a binding whose selector matches the pod's labels; or annotate the namespace with `{}: Allow` to let \
             such pods run unbound",
            name::ANNOTATION_UNMATCHED
        ),
    )
}

#[cfg(test)]
mod tests;
