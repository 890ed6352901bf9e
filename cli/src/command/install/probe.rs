//! Whether the API server reaches the webhook: a labelled pod, created as a dry run.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::PostParams};
use sandbind_wire::name::{CONTAINER_SIDECAR, LABEL_SANDBOX};
use serde_json::json;

use crate::{exit::Outcome, install::WEBHOOK};

/// The namespace that is asked for a pod: every cluster has it.
pub(crate) const NAMESPACE: &str = "default";

/// What became of the labelled pod.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The webhook bound it or denied it.
    Answered,
    /// The API server could not call the webhook, for this reason.
    Unreachable(String),
    /// The API server refused the pod itself, for this reason, so nothing is known of the webhook.
    Refused(String),
    /// The pod passed without the webhook.
    Untouched,
}

/// Asks for a labelled pod in [`NAMESPACE`]. Nothing is made.
pub(crate) async fn labelled_pod(client: &Client) -> Outcome<Reach> {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "sandbind-probe-", "labels": {LABEL_SANDBOX: "sandbind-probe"}},
        "spec": {"containers": [{"name": "probe", "image": "none"}]},
    }))?;
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&params, &pod).await {
        Ok(pod) => {
            let sidecar = pod.spec.and_then(|spec| spec.init_containers).is_some_and(|containers| {
                containers.iter().any(|container| container.name == CONTAINER_SIDECAR)
            });
            let warned = pod
                .metadata
                .annotations
                .is_some_and(|all| all.keys().any(|key| key.starts_with("sandbind.dev/")));
            Ok(if sidecar || warned { Reach::Answered } else { Reach::Untouched })
        }
        Err(kube::Error::Api(status)) => Ok(verdict(&status.message)),
        Err(error) => Err(error.into()),
    }
}

/// That the pod was refused, as people are told.
pub(crate) fn refused(reason: &str) -> String {
    format!("could not create a test pod in `{NAMESPACE}`: {reason}")
}

/// A denial names the webhook that spoke; a failed call says so in words of the API server. Anything else is about the pod: a right
/// that the caller lacks, a quota.
fn verdict(message: &str) -> Reach {
    if message.contains("failed calling webhook")
        || message.contains(&format!("service \"{WEBHOOK}\" not found"))
    {
        Reach::Unreachable(message.to_owned())
    } else if message.contains("denied the request") && message.contains("sandbind.dev") {
        Reach::Answered
    } else {
        Reach::Refused(message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_call_counts_as_unreachable() {
        let denied = r#"admission webhook "pods.sandbind.dev" denied the request: NoBinding: no ResourceBinding selects this pod"#;
        assert_eq!(verdict(denied), Reach::Answered);
        for failed in [
            r#"Internal error occurred: failed calling webhook "pods.sandbind.dev": failed to call webhook: Post "https://x": dial tcp: connect: connection refused"#,
            r#"Internal error occurred: service "sandbind-webhook" not found"#,
        ] {
            assert_eq!(verdict(failed), Reach::Unreachable(failed.to_owned()));
        }
        for refused in [
            r#"pods "x" is forbidden: exceeded quota"#,
            r#"pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "default""#,
        ] {
            assert_eq!(verdict(refused), Reach::Refused(refused.to_owned()));
        }
    }
}
