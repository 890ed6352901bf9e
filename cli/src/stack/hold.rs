//! From a stack to the records of one user of its resources.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        binding::{FileItem, Scope},
        instance::{InstanceKey, Reservation, ResourceInstanceSpec, ResourceInstanceStatus},
    },
    binding::{Selected, Selection, Taken, select},
    identity,
    lifecycle::reserve::{self, ReserveRequest},
    problem::Problem,
};
use sandbind_local::{Stack, clock};
use sandbind_wire::message::{Folder, FolderItem, Notify, PodBindings, PodResource};

use crate::exit::Outcome;

/// What one user is given, and the records that stand for it.
#[derive(Debug)]
pub(crate) struct Holding {
    /// What the binding says.
    pub(crate) selected: Selected,
    /// What the user uses. Folders are below the files' folder, at the paths that the binding names.
    pub(crate) bindings: PodBindings,
    /// Output keys that each resource must have delivered.
    pub(crate) wanted: BTreeMap<String, BTreeSet<String>>,
    /// The records to make, by name.
    pub(crate) records: Vec<(String, ResourceInstanceSpec, ResourceInstanceStatus)>,
}

/// Holds every resource of the stack for one user, or says everything that stands against it.
pub(crate) fn hold(stack: &Stack, sandbox: &str, files: &Path, now: Timestamp) -> Outcome<Holding> {
    let view = stack.view();
    let nothing = BTreeMap::<String, String>::new();
    let Selection::Bound(selected) = select(&view, &nothing, sandbox)? else {
        return Err(Problem::error(
            "NoBinding",
            "the stack",
            "its binding gives nothing",
            "name resources in it",
        )
        .into());
    };
    let mut problems: Vec<Problem> = Vec::new();
    for wanted in &selected.resources {
        problems.extend(wanted.refuse_new(&view, sandbox, "run"));
    }
    if problems.iter().any(Problem::is_error) {
        return Err(problems.into());
    }
    let reservation = clock::id()?;
    let (mut resources, mut records, mut keys) = (Vec::new(), Vec::new(), BTreeMap::new());
    for wanted in &selected.resources {
        let (namespace, namespace_uid) = stack.namespace.clone();
        let key = InstanceKey {
            namespace,
            namespace_uid,
            sandbox: sandbox.to_owned(),
            resource: wanted.name.clone(),
            scope: (wanted.scope != Scope::Sandbox).then(|| reservation.clone()),
        };
        let (instance, incarnation) = (identity::instance_name(&key), clock::id()?);
        let request = ReserveRequest {
            reservation: Reservation { id: reservation.clone(), at: now },
            wanted: wanted.keys.clone(),
            owner: None,
            linger_seconds: 0,
        };
        let workload = (wanted.scope != Scope::Sandbox).then(|| "run".to_owned());
        let (spec, status) = reserve::begin(key, incarnation.clone(), workload, &[request], now);
        records.push((instance.clone(), spec, status));
        keys.insert(wanted.name.clone(), wanted.keys.clone());
        resources.push(PodResource {
            name: wanted.name.clone(),
            instance,
            incarnation,
            reservation: reservation.clone(),
            gated: true,
            mounted: None,
            env_keys: wanted.keys.iter().filter(|key| *key != reserve::ALL_KEYS).cloned().collect(),
            folders: folders(&selected, &wanted.name, files),
        });
    }
    let bindings = PodBindings {
        resources,
        made_for: String::new(),
        notify: notify(&selected),
        ready_seconds: selected.ready.as_secs(),
    };
    Ok(Holding { selected, bindings, wanted: keys, records })
}

fn folders(selected: &Selected, resource: &str, files: &Path) -> Vec<Folder> {
    let all = selected.bindings.iter().flat_map(Taken::files);
    let of = all.filter(|(_, files)| files.resource == resource);
    of.map(|(_, bound)| Folder {
        dir: files.join(bound.path.trim_start_matches('/')).display().to_string(),
        items: bound.items.iter().flatten().map(item).collect(),
    })
    .collect()
}

fn item(item: &FileItem) -> FolderItem {
    let mode = item.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    FolderItem {
        key: item.output_key.clone(),
        path: item.path.clone().unwrap_or_else(|| item.output_key.clone()),
        mode: mode.unwrap_or(0o444),
    }
}

fn notify(selected: &Selected) -> Option<Notify> {
    let told = selected.bindings.iter().find_map(|taken| taken.binding.spec.on_refresh.as_ref())?;
    match (&told.http, &told.signal) {
        (Some(http), _) => {
            Some(Notify::Http { port: http.port, path: http.path.clone().unwrap_or_else(|| "/".to_owned()) })
        }
        (None, Some(signal)) => {
            Some(Notify::Signal { container: signal.container.clone(), name: signal.name.clone() })
        }
        (None, None) => None,
    }
}
