//! `/mutate`: a labelled pod is being created.

use std::{sync::Arc, time::Instant};

use sandbind_core::problem::Problem;
use sandbind_engine::admission::{Denial, Pod, Verdict, ports::Surroundings};

use crate::{
    app::App,
    review::{Answer, Request, join, malformed},
    timeout,
};

/// Decides on the review's pod.
pub(crate) async fn answer<W: Surroundings>(
    app: &Arc<App<W>>,
    request: Request,
    timeout: Option<&str>,
) -> Answer {
    let begun = Instant::now();
    let Request { kind, namespace, name, operation, user_info, object, dry_run, .. } = request;
    if (&*kind.group, &*kind.version, &*kind.kind) != ("", "v1", "Pod") {
        let reason = format!("`{}/{} {}` is not a `v1 Pod`", kind.group, kind.version, kind.kind);
        return deny(app, &Denial { problems: vec![malformed(reason)], owner: None }, &namespace);
    }
    if operation != "CREATE" {
        // What a pod was given stands; there is nothing to do later on.
        app.metrics.decided("mutate", "allowed", "NotCreated");
        return Answer::allow();
    }
    let pod = Pod {
        namespace,
        object,
        user: user_info.username,
        dry_run: dry_run.unwrap_or_default(),
        budget: timeout::budget(timeout),
    };
    let verdict = tokio::time::timeout(timeout::deadline(timeout), app.admissions.admit(&pod)).await;
    let verdict = verdict.unwrap_or_else(|_| Verdict::Denied(too_late()));
    app.metrics.took(begun.elapsed());
    match verdict {
        Verdict::Bound { patch, gated } => {
            let reason = if gated { "Gated" } else { "Ready" };
            app.metrics.decided("mutate", "bound", reason);
            tracing::debug!(namespace = pod.namespace, pod = name, reason, "bound");
            Answer::allow().with_patch(patch)
        }
        Verdict::Unbound => {
            app.metrics.decided("mutate", "allowed", "Unbound");
            let warning = Problem::warning(
                "Unbound",
                format!("Namespace {}", pod.namespace),
                "no ResourceBinding selects this pod, and the namespace lets such pods run",
                "make a binding whose selector matches the pod's labels",
            );
            Answer::allow().with_warnings(&[warning])
        }
        Verdict::Unlabelled => {
            app.metrics.decided("mutate", "allowed", "Unlabelled");
            Answer::allow()
        }
        Verdict::Denied(denial) => deny(app, &denial, &pod.namespace),
    }
}

fn deny<W: Surroundings>(app: &App<W>, denial: &Denial, namespace: &str) -> Answer {
    let code = denial.problems.first().map_or("Unknown", |problem| problem.code.as_str());
    app.metrics.decided("mutate", "denied", code);
    let mut message = join(&denial.problems);
    tracing::info!(namespace, code, message, "denied");
    if let Some(owner) = denial.owner.as_ref().filter(|owner| RESTARTED.contains(&owner.kind.as_str())) {
        let (kind, name) = (owner.kind.to_lowercase(), &owner.name);
        message = format!(
            "{message}; the controller tries again ever more rarely, at once with `kubectl rollout restart {kind}/{name} -n {namespace}`"
        );
    }
    Answer::deny(message)
}

/// Kinds that `kubectl rollout restart` knows.
const RESTARTED: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

fn too_late() -> Denial {
    let problem = Problem::error(
        "DeadlineExceeded",
        "AdmissionReview",
        "the decision took longer than the API server waits",
        "try again; a controller does so by itself",
    );
    Denial { problems: vec![problem], owner: None }
}
