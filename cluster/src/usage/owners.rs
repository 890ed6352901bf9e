//! Whether a top owner wants pods of a sandbox, by a quorum read. Kinds that are not known here never do: their pods speak.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    batch::v1::Job,
    core::v1::PodTemplateSpec,
};
use kube::{Api, Client, api::ObjectMeta};
use sandbind_core::api::instance::{InstanceKey, Owner};
use sandbind_engine::ports::Answer;
use sandbind_wire::name;

use crate::client::call_opt;

/// What an owner says of itself.
struct Wish {
    metadata: ObjectMeta,
    /// Whether it wants any pods.
    pods: bool,
    /// The value of our label in its pod template.
    sandbox: Option<String>,
}

/// Whether the owner is the one that was recorded and wants pods of this sandbox.
pub(super) async fn wants(client: &Client, key: &InstanceKey, owner: &Owner) -> Answer<bool> {
    let what = format!("reading {} {}/{}", owner.kind, key.namespace, owner.name);
    let name = &owner.name;
    let client = client.clone();
    let wish = match (group(&owner.api_version), &*owner.kind) {
        ("apps", "Deployment") => {
            let api: Api<Deployment> = Api::namespaced(client, &key.namespace);
            call_opt(&what, api.get(name)).await?.map(deployment)
        }
        ("apps", "ReplicaSet") => {
            let api: Api<ReplicaSet> = Api::namespaced(client, &key.namespace);
            call_opt(&what, api.get(name)).await?.map(replica_set)
        }
        ("apps", "StatefulSet") => {
            let api: Api<StatefulSet> = Api::namespaced(client, &key.namespace);
            call_opt(&what, api.get(name)).await?.map(stateful_set)
        }
        ("batch", "Job") => {
            let api: Api<Job> = Api::namespaced(client, &key.namespace);
            call_opt(&what, api.get(name)).await?.map(job)
        }
        _ => None,
    };
    Ok(wish.is_some_and(|wish| {
        wish.metadata.uid.as_ref() == Some(&owner.uid)
            && wish.metadata.deletion_timestamp.is_none()
            && wish.pods
            && wish.sandbox.as_ref() == Some(&key.sandbox)
    }))
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn sandbox(template: Option<PodTemplateSpec>) -> Option<String> {
    template?.metadata?.labels?.remove(name::LABEL_SANDBOX)
}

fn deployment(object: Deployment) -> Wish {
    let spec = object.spec.unwrap_or_default();
    let pods = spec.replicas.unwrap_or(1) > 0;
    Wish { metadata: object.metadata, pods, sandbox: sandbox(Some(spec.template)) }
}

fn replica_set(object: ReplicaSet) -> Wish {
    let spec = object.spec.unwrap_or_default();
    let pods = spec.replicas.unwrap_or(1) > 0;
    Wish { metadata: object.metadata, pods, sandbox: sandbox(spec.template) }
}

fn stateful_set(object: StatefulSet) -> Wish {
    let spec = object.spec.unwrap_or_default();
    let pods = spec.replicas.unwrap_or(1) > 0;
    Wish { metadata: object.metadata, pods, sandbox: sandbox(Some(spec.template)) }
}

fn job(object: Job) -> Wish {
    let spec = object.spec.unwrap_or_default();
    let conditions = object.status.and_then(|status| status.conditions).unwrap_or_default();
    let over = conditions
        .iter()
        .any(|condition| matches!(&*condition.type_, "Complete" | "Failed") && condition.status == "True");
    let pods = !over && spec.suspend != Some(true);
    Wish { metadata: object.metadata, pods, sandbox: sandbox(Some(spec.template)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job_of(spec: &Value, status: &Value) -> Wish {
        let mut spec = spec.clone();
        spec["template"] =
            json!({"metadata": {"labels": {name::LABEL_SANDBOX: "pr-1"}}, "spec": {"containers": []}});
        job(serde_json::from_value(json!({"metadata": {}, "spec": spec, "status": status})).unwrap())
    }

    #[test]
    fn a_job_wants_pods_until_it_is_over_or_suspended() {
        let condition = |kind: &str| json!({"conditions": [{"type": kind, "status": "True"}]});
        assert!(job_of(&json!({}), &json!({})).pods);
        assert!(job_of(&json!({}), &condition("SuccessCriteriaMet")).pods);
        assert!(!job_of(&json!({}), &condition("Complete")).pods);
        assert!(!job_of(&json!({}), &condition("Failed")).pods);
        assert!(!job_of(&json!({"suspend": true}), &json!({})).pods);
        assert_eq!(job_of(&json!({}), &json!({})).sandbox.as_deref(), Some("pr-1"));
    }

    #[test]
    fn groups_come_without_their_version() {
        assert_eq!([group("apps/v1"), group("v1"), group("batch/v1")], ["apps", "", "batch"]);
    }
}
