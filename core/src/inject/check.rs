//! Whether a pod can be given what its bindings say, decided before anything is reserved.

mod notify;
mod targets;

use sandbind_wire::{message::Notify, name};
use serde_json::Value;

use super::{
    mesh,
    pod::{List, Pod, name_of},
};
use crate::{binding::Selected, problem::Problem};

/// uid of the sidecar where the app names none: the one of its image.
const DEFAULT_UID: i64 = 65532;

/// How an injection fits into one pod.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(super) sidecar_at: usize,
    pub(super) targets: Vec<Target>,
    pub(super) uid: i64,
    pub(super) notify: Option<Notify>,
}

/// A container that gets something.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) list: List,
    pub(super) index: usize,
    /// Index of the binding among the selected ones, and of the variable in it.
    pub(super) env: Vec<(usize, usize)>,
    /// Indexes of the pod's own variables that give way.
    pub(super) replaced: Vec<usize>,
    /// Numbers of the folders, counted over all selected bindings.
    pub(super) folders: Vec<usize>,
    /// Whether it is signalled, and so told its own name.
    pub(super) signalled: bool,
}

impl Target {
    fn new(list: List, index: usize) -> Self {
        Self { list, index, env: Vec::new(), replaced: Vec::new(), folders: Vec::new(), signalled: false }
    }
}

/// Fits the selected bindings to the pod, or tells everything that stands against it. To be asked before a reservation is made.
pub fn check(selected: &Selected, pod: &Pod<'_>) -> Result<Shape, Vec<Problem>> {
    if let Some(problem) = unsuitable(pod) {
        return Err(vec![problem]);
    }
    let mut problems = Vec::new();
    let sidecar_at = mesh::sidecar_index(pod.containers(List::Init));
    let mut targets = targets::targets(selected, pod, sidecar_at, &mut problems);
    let (notify, notified) = notify::notify(selected, pod, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(Notify::Signal { container, .. }) = &notify {
        targets::signalled(pod, container, &mut targets);
    }
    let uid = notified.or_else(|| uid_of_targets(pod, &targets)).unwrap_or(DEFAULT_UID);
    Ok(Shape { sidecar_at, targets, uid, notify })
}

/// Pods that nothing can be given to.
fn unsuitable(pod: &Pod<'_>) -> Option<Problem> {
    let label = format!("metadata.labels[{}]", name::LABEL_SANDBOX);
    let spec = pod.spec();
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return Some(Problem::error(
            "MirrorPod",
            label,
            "a static pod is made by its kubelet, and nothing can be added to it",
            "remove the label from the static pod, or run it by a Deployment or DaemonSet",
        ));
    }
    let os = spec.get("os").and_then(|os| os.get("name")).and_then(Value::as_str);
    let selected =
        spec.get("nodeSelector").and_then(|nodes| nodes.get("kubernetes.io/os")).and_then(Value::as_str);
    if os == Some("windows") || selected == Some("windows") {
        return Some(Problem::error(
            "WindowsPod",
            label,
            "the sidecar runs on Linux only",
            "remove the label, or run the pod on Linux",
        ));
    }
    let reserved = pod.containers(List::Main).iter().position(|one| name_of(one) == name::CONTAINER_SIDECAR);
    reserved.map(|index| {
        Problem::error(
            "ReservedName",
            format!("spec.containers[{index}].name"),
            format!("`{}` is the sidecar's own name", name::CONTAINER_SIDECAR),
            "give the container another name",
        )
    })
}

/// The uid that a container runs as by its own or the pod's word.
fn uid_of(pod: &Pod<'_>, container: &Value) -> Option<i64> {
    let uid = |of: &Value| of.get("securityContext")?.get("runAsUser")?.as_i64();
    uid(container).or_else(|| uid(pod.spec()))
}

/// The first non-zero uid of the app's containers that get something, else of the pod.
fn uid_of_targets(pod: &Pod<'_>, targets: &[Target]) -> Option<i64> {
    let rank = |target: &&Target| target.list == List::Init;
    let mut ordered: Vec<&Target> = targets.iter().collect();
    ordered.sort_by_key(rank);
    ordered
        .into_iter()
        .filter_map(|target| uid_of(pod, pod.containers(target.list).get(target.index)?))
        .find(|uid| *uid != 0)
        .or_else(|| uid_of(pod, &Value::Null).filter(|uid| *uid != 0))
}
