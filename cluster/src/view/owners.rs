//! Controllers of controllers.

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::{Api, Client};
use sandbind_core::api::instance::Owner;
use sandbind_engine::{
    admission::ports::Owners,
    ports::{Answer, PortError},
};

use crate::client::call_opt;

/// Reads metadata of ReplicaSets, the only kind that is followed.
pub struct ClusterOwners {
    client: Client,
}

impl ClusterOwners {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Owners for ClusterOwners {
    async fn controller(&self, namespace: &str, object: &Owner) -> Answer<Option<Owner>> {
        let what = format!("reading {} {namespace}/{}", object.kind, object.name);
        if object.kind != "ReplicaSet" {
            return Err(PortError::refused(what, "its owner is not looked for"));
        }
        let api: Api<ReplicaSet> = Api::namespaced(self.client.clone(), namespace);
        let found = call_opt(&what, api.get_metadata(&object.name)).await?;
        // Another object of that name says nothing about this one.
        let found = found.filter(|found| found.metadata.uid.as_ref() == Some(&object.uid));
        let references = found.and_then(|found| found.metadata.owner_references).unwrap_or_default();
        let controller = references.into_iter().find(|reference| reference.controller == Some(true));
        Ok(controller.map(|reference| Owner {
            api_version: reference.api_version,
            kind: reference.kind,
            name: reference.name,
            uid: reference.uid,
        }))
    }
}
