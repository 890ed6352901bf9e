//! The raw pod, and the pod as it was before an earlier injection.

use std::borrow::Cow;

use json_patch::{PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf};
use sandbind_wire::{message::PodBindings, name};
use serde_json::{Map, Value};

use super::{facts::bindings_of, form::wrong_part};
use crate::problem::Problem;

/// Volumes of the delivered Secrets: this, and a number.
pub(super) const VOLUME_BOUND: &str = "sandbind-bound-";

/// A pod as an admission reads it. Traces of an earlier injection (of this very request, or of the pod it was copied from)
/// are set aside.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    pub(super) raw: &'a Value,
    pub(super) clean: Cow<'a, Value>,
    pub(super) removals: Vec<PatchOperation>,
    existing: Option<PodBindings>,
}

impl<'a> Pod<'a> {
    /// From the object of the review.
    pub fn read(raw: &'a Value) -> Result<Self, Box<Problem>> {
        let containers = raw.pointer("/spec/containers").and_then(Value::as_array);
        if containers.is_none_or(Vec::is_empty) {
            return Err(Box::new(Problem::error(
                "MalformedPod",
                "spec.containers",
                "the object is not a pod with containers",
                "give a whole Pod object",
            )));
        }
        if let Some(place) = wrong_part(raw) {
            let reason = "this part is of another type than in a pod";
            return Err(Box::new(Problem::error("MalformedPod", place, reason, "write it as in a pod")));
        }
        let existing = bindings_of(raw);
        let removals = traces(raw, existing.as_ref());
        let clean = if removals.is_empty() {
            Cow::Borrowed(raw)
        } else {
            let mut clean = raw.clone();
            match json_patch::patch(&mut clean, &removals) {
                Ok(()) => Cow::Owned(clean),
                Err(_) => Cow::Borrowed(raw),
            }
        };
        Ok(Self { raw, clean, removals, existing })
    }

    /// What an earlier injection bound the pod to. It may be kept only if every reservation is an open one of the live
    /// incarnation; it is nobody's word but the pod's.
    pub fn existing(&self) -> Option<&PodBindings> {
        self.existing.as_ref()
    }

    /// Which pod this is, as far as an admission can know: `name/generateName`. The API server fills in a generated name only
    /// after the review, so the review of a copy differs from that of its original here.
    pub fn origin(&self) -> String {
        let part = |key: &str| self.raw.pointer(key).and_then(Value::as_str).unwrap_or_default();
        format!("{}/{}", part("/metadata/name"), part("/metadata/generateName"))
    }

    /// The pod's labels.
    pub fn labels(&self) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.raw.pointer("/metadata/labels").and_then(Value::as_object).unwrap_or(&NONE)
    }

    /// The sandbox that its label names.
    pub fn sandbox(&self) -> Option<&str> {
        self.labels().get(name::LABEL_SANDBOX).and_then(Value::as_str)
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.clean.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }

    pub(super) fn spec(&self) -> &Value {
        self.clean.get("spec").unwrap_or(&Value::Null)
    }

    /// A list of containers; empty when there is none.
    pub(super) fn containers(&self, list: List) -> &[Value] {
        array(self.spec(), list.field())
    }
}

/// The lists of containers that an injection touches. Ephemeral containers get nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// `initContainers`.
    Init,
    /// `containers`.
    Main,
}

impl List {
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
        }
    }
}

/// A list of an object; empty when it is absent or none.
pub(super) fn array<'v>(object: &'v Value, field: &str) -> &'v [Value] {
    object.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `name` of a list's entry.
pub(super) fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a volume is one that we add.
pub(super) fn is_our_volume(name: &str) -> bool {
    name == name::VOLUME_TOKEN || name == name::VOLUME_FILES || name.starts_with(VOLUME_BOUND)
}

/// What takes an earlier injection out again: its sidecar, its volumes and their mounts, env vars from its Secrets.
fn traces(raw: &Value, existing: Option<&PodBindings>) -> Vec<PatchOperation> {
    let mut ops = Vec::new();
    let Some(spec) = raw.get("spec") else { return ops };
    let secrets: Vec<String> = existing
        .iter()
        .flat_map(|bindings| &bindings.resources)
        .map(|resource| name::delivered_secret(&resource.incarnation))
        .collect();
    for list in [List::Init, List::Main] {
        for (index, container) in array(spec, list.field()).iter().enumerate() {
            let at = |field: &'static str| {
                vec!["spec".to_owned(), list.field().to_owned(), index.to_string(), field.to_owned()]
            };
            let ours = |env: &Value| {
                let secret = env.get("valueFrom").and_then(|from| from.get("secretKeyRef")).map(name_of);
                secret.is_some_and(|secret| secrets.iter().any(|ours| ours == secret))
            };
            remove(&mut ops, &at("env"), array(container, "env"), ours, "name");
            let mounts = array(container, "volumeMounts");
            remove(&mut ops, &at("volumeMounts"), mounts, |mount| is_our_volume(name_of(mount)), "name");
        }
    }
    let path = |field: &str| vec!["spec".to_owned(), field.to_owned()];
    remove(&mut ops, &path("volumes"), array(spec, "volumes"), |one| is_our_volume(name_of(one)), "name");
    let sidecar = |container: &Value| name_of(container) == name::CONTAINER_SIDECAR;
    remove(&mut ops, &path("initContainers"), array(spec, "initContainers"), sidecar, "name");
    ops
}

/// Takes the entries that are `ours` out of a list, from the end, each guarded by a test of its `guard`.
fn remove(
    ops: &mut Vec<PatchOperation>,
    path: &[String],
    entries: &[Value],
    ours: impl Fn(&Value) -> bool,
    guard: &str,
) {
    for (index, entry) in entries.iter().enumerate().rev().filter(|(_, entry)| ours(entry)) {
        remove_at(ops, path, index, guard, entry);
    }
}

/// Takes one entry out of a list, guarded by a test of its `guard`.
pub(super) fn remove_at(
    ops: &mut Vec<PatchOperation>,
    path: &[String],
    index: usize,
    guard: &str,
    entry: &Value,
) {
    let at = index.to_string();
    let tokens = || path.iter().map(String::as_str).chain([at.as_str()]);
    if let Some(value) = entry.get(guard) {
        let path = PointerBuf::from_tokens(tokens().chain([guard]));
        ops.push(PatchOperation::Test(TestOperation { path, value: value.clone() }));
    }
    ops.push(PatchOperation::Remove(RemoveOperation { path: PointerBuf::from_tokens(tokens()) }));
}
