//! How the app is told of new files.

use sandbind_wire::message::Notify;
use serde_json::Value;

use super::uid_of;
use crate::{
    api::binding::{OnRefresh, SignalNotify},
    binding::{Selected, Taken},
    inject::pod::{List, Pod, name_of},
    problem::Problem,
};

/// The one way the bindings ask for, and the uid that the sidecar needs for it.
pub(super) fn notify(
    selected: &Selected,
    pod: &Pod<'_>,
    problems: &mut Vec<Problem>,
) -> (Option<Notify>, Option<i64>) {
    let mut asked =
        selected.bindings.iter().filter_map(|taken| Some((taken, taken.binding.spec.on_refresh.as_ref()?)));
    let Some((taken, how)) = asked.next() else { return (None, None) };
    if let Some((other, _)) = asked.find(|(_, other)| *other != how) {
        problems.push(Problem::error(
            "ConflictingNotify",
            other.binding.at("spec.onRefresh"),
            format!("`{}` asks for another way to tell this pod of new files", taken.binding.place()),
            "keep one of them, or let both say the same",
        ));
        return (None, None);
    }
    match how {
        OnRefresh { http: Some(http), .. } => {
            if pod.spec().get("hostNetwork").and_then(Value::as_bool) == Some(true) {
                problems.push(Problem::error(
                    "NotifyOnHostNetwork",
                    taken.binding.at("spec.onRefresh.http"),
                    "the pod uses the node's network, where the port on loopback may be anybody's",
                    "run the pod without `hostNetwork`, use `signal`, or leave `onRefresh` out and let the app watch its files",
                ));
            }
            let path = http.path.clone().unwrap_or_else(|| "/".to_owned());
            (Some(Notify::Http { port: http.port, path }), None)
        }
        OnRefresh { signal: Some(signal), .. } => match signal_uid(taken, signal, pod) {
            Ok(uid) => {
                let notify =
                    Notify::Signal { container: signal.container.clone(), name: signal.name.clone() };
                (Some(notify), Some(uid))
            }
            Err(problem) => {
                problems.push(*problem);
                (None, None)
            }
        },
        OnRefresh { http: None, signal: None } => (None, None),
    }
}

/// The uid of the container that is to be signalled. A process may signal only those of its own uid, and see only those of a
/// shared process namespace.
fn signal_uid(taken: &Taken, signal: &SignalNotify, pod: &Pod<'_>) -> Result<i64, Box<Problem>> {
    let refuse = |code: &str, field: &str, reason: String, way_out: String| {
        Err(Box::new(Problem::error(
            code,
            taken.binding.at(&format!("spec.onRefresh.signal{field}")),
            reason,
            way_out,
        )))
    };
    let mut containers = pod.containers(List::Main).iter().chain(pod.containers(List::Init));
    let Some(container) = containers.find(|container| name_of(container) == signal.container) else {
        let names: Vec<_> =
            pod.containers(List::Main).iter().map(|one| format!("`{}`", name_of(one))).collect();
        return refuse(
            "UnknownContainer",
            ".container",
            format!("the pod has no container `{}`", signal.container),
            format!("use one of {}", names.join(", ")),
        );
    };
    if pod.spec().get("shareProcessNamespace").and_then(Value::as_bool) != Some(true) {
        return refuse(
            "SignalNeedsSharedProcesses",
            "",
            "the pod does not share its process namespace, so nobody can signal its app".to_owned(),
            "set `shareProcessNamespace: true` in the pod, or use `http`, or leave `onRefresh` out and let the app watch its files"
                .to_owned(),
        );
    }
    let set = "set `securityContext.runAsUser` of the container or the pod to its uid, not 0, or use `http`";
    match uid_of(pod, container) {
        Some(0) => refuse(
            "SignalNeedsSameUser",
            ".container",
            format!("`{}` runs as root and the sidecar must not", signal.container),
            set.to_owned(),
        ),
        Some(uid) => Ok(uid),
        None => refuse(
            "SignalNeedsSameUser",
            ".container",
            format!(
                "the pod does not say as which user `{}` runs, and only the same user may signal it",
                signal.container
            ),
            set.to_owned(),
        ),
    }
}
