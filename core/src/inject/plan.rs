//! What one pod is given, once its resources are reserved.

use std::{borrow::Cow, collections::BTreeMap};

use sandbind_wire::{
    message::{Folder, FolderItem, PodBindings, PodResource},
    name,
};
use serde_json::{Value, json};

use super::{
    check::{Shape, Target},
    facts::{Granted, Installation},
    mesh,
    pod::{List, Pod, VOLUME_BOUND, name_of},
    resources,
    sidecar::{self, FILES_DIR, Mounted},
};
use crate::{
    api::binding::{BoundEnv, BoundFiles, FileItem},
    binding::{
        Bounds, Selected, Taken,
        substitute::{self, Names},
        validate,
    },
    identity,
};

/// What one pod is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// What the sidecar is told.
    pub bindings: PodBindings,
    pub(super) sidecar: Value,
    pub(super) sidecar_at: usize,
    pub(super) parts: Vec<Part>,
    pub(super) volumes: Vec<Value>,
    pub(super) annotations: Vec<(&'static str, String)>,
    pub(super) pull_secret: Option<String>,
}

/// What one container is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) list: List,
    pub(super) index: usize,
    pub(super) replaced: Vec<usize>,
    pub(super) env: Vec<Value>,
    pub(super) mounts: Vec<Value>,
}

/// The injection of a pod whose resources were reserved. `granted` has an entry for each of the selected resources; one that has
/// none is passed over, with what takes from it.
pub fn plan(
    selected: &Selected,
    pod: &Pod<'_>,
    shape: &Shape,
    granted: &[Granted],
    bounds: &Bounds,
    installation: &Installation,
) -> Injection {
    let by_name: BTreeMap<&str, &Granted> = granted.iter().map(|one| (one.resource.as_str(), one)).collect();
    let (bindings, mounted) = pod_bindings(selected, pod.origin(), shape, &by_name);
    let parts = parts(selected, pod, shape, &by_name);
    let text = sidecar::bindings_text(&bindings);
    let hash = hash(selected, &text, installation);
    let resources = resources::sidecar(pod, bounds);
    let namespace = &selected.namespace;
    let mut annotations = mesh::annotations(pod, &namespace.labels, &namespace.annotations);
    annotations.push((name::ANNOTATION_INJECTED, hash));
    Injection {
        sidecar: sidecar::container(&bindings, &text, &mounted, shape.uid, resources, installation),
        sidecar_at: shape.sidecar_at,
        parts,
        volumes: sidecar::volumes(&mounted),
        annotations,
        pull_secret: installation.image_pull_secret.clone(),
        bindings,
    }
}

fn parts(selected: &Selected, pod: &Pod<'_>, shape: &Shape, granted: &BTreeMap<&str, &Granted>) -> Vec<Part> {
    let folders: Vec<&BoundFiles> =
        selected.bindings.iter().flat_map(|taken| taken.files().map(|(_, files)| files)).collect();
    let part = |target: &Target| {
        let name = pod.containers(target.list).get(target.index).map(name_of).unwrap_or_default();
        let own_name = target.signalled.then(|| json!({"name": name::ENV_CONTAINER, "value": name}));
        let variables = target.env.iter().filter_map(|(binding, index)| {
            let env = selected.bindings.get(*binding)?.binding.spec.env.get(*index)?;
            variable(selected, env, granted)
        });
        let mounts = target.folders.iter().filter_map(|number| {
            let (path, sub_path) = (&folders.get(*number)?.path, number.to_string());
            let volume = name::VOLUME_FILES;
            Some(json!({"name": volume, "mountPath": path, "readOnly": true, "subPath": sub_path}))
        });
        Part {
            list: target.list,
            index: target.index,
            replaced: target.replaced.clone(),
            env: own_name.into_iter().chain(variables).collect(),
            mounts: mounts.collect(),
        }
    };
    shape.targets.iter().map(part).collect()
}

/// What the sidecar is told, and the Secrets mounted into it.
fn pod_bindings(
    selected: &Selected,
    made_for: String,
    shape: &Shape,
    granted: &BTreeMap<&str, &Granted>,
) -> (PodBindings, Vec<Mounted>) {
    let mut mounted = Vec::new();
    let mut resources = Vec::with_capacity(selected.resources.len());
    for wanted in &selected.resources {
        let Some(grant) = granted.get(wanted.name.as_str()) else { continue };
        let dir = (!grant.gated).then(|| {
            let volume = format!("{VOLUME_BOUND}{}", mounted.len());
            let dir = format!("{}/{}", sidecar::BOUND_DIR, wanted.name);
            let secret = name::delivered_secret(&grant.incarnation);
            mounted.push(Mounted { volume, secret, dir: dir.clone() });
            dir
        });
        resources.push(PodResource {
            name: wanted.name.clone(),
            instance: grant.instance.clone(),
            incarnation: grant.incarnation.clone(),
            reservation: grant.reservation.clone(),
            gated: grant.gated,
            mounted: dir,
            env_keys: env_keys(selected, &wanted.name),
            folders: folders(selected, &wanted.name),
        });
    }
    let bindings = PodBindings {
        resources,
        made_for,
        notify: shape.notify.clone(),
        ready_seconds: selected.ready.as_secs(),
    };
    (bindings, mounted)
}

/// Keys that env vars take from a resource, each once, sorted.
fn env_keys(selected: &Selected, resource: &str) -> Vec<String> {
    let env = selected.bindings.iter().flat_map(Taken::env);
    let from =
        env.filter_map(|(_, env)| env.value_from.as_ref()).filter(|from| from.resource.name == resource);
    let mut keys: Vec<String> = from.map(|from| from.resource.output_key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn folders(selected: &Selected, resource: &str) -> Vec<Folder> {
    let all = selected.bindings.iter().flat_map(|taken| taken.files().map(|(_, files)| files)).enumerate();
    let of = all.filter(|(_, files)| files.resource == resource);
    of.map(|(number, files)| Folder {
        dir: format!("{FILES_DIR}/{number}"),
        items: files.items.iter().flatten().map(item).collect(),
    })
    .collect()
}

fn item(item: &FileItem) -> FolderItem {
    FolderItem {
        key: item.output_key.clone(),
        path: item.path.clone().unwrap_or_else(|| item.output_key.clone()),
        mode: item.mode.as_deref().and_then(validate::mode).unwrap_or(0o444),
    }
}

/// A variable as it stands in the pod: a reference, never a value.
fn variable(selected: &Selected, env: &BoundEnv, granted: &BTreeMap<&str, &Granted>) -> Option<Value> {
    if let Some(value) = &env.value {
        return Some(json!({"name": env.name, "value": env_value(selected, value)}));
    }
    let from = &env.value_from.as_ref()?.resource;
    let grant = granted.get(from.name.as_str())?;
    let secret = name::delivered_secret(&grant.incarnation);
    Some(json!({"name": env.name, "valueFrom": {"secretKeyRef": {
        "name": secret, "key": from.output_key, "optional": false,
    }}}))
}

/// `value` of a binding's variable in this pod: `$(VAR)` is left for the kubelet.
pub(super) fn env_value<'t>(selected: &Selected, value: &'t str) -> Cow<'t, str> {
    let names = Names { sandbox: &selected.sandbox, namespace: &selected.namespace.name, workload: None };
    substitute::env(value, names)
}

/// Of everything that decides what the pod gets.
fn hash(selected: &Selected, bindings: &str, installation: &Installation) -> String {
    let revisions = selected.bindings.iter().map(|taken| taken.binding.revision.as_str());
    let parts: Vec<&str> = ["injected", bindings, &installation.image].into_iter().chain(revisions).collect();
    identity::hash(&parts, 16)
}
