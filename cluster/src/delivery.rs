//! The tenant's Secret. It is written without ever being read: the rights to read Secrets of tenants are not ours.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use sandbind_core::lifecycle::record::Record;
use sandbind_engine::ports::{Answer, Delivery, PortError};
use sandbind_wire::{Bytes64, name};
use serde_json::json;

use crate::client::{call, call_opt, namespace_uid};

/// Owner of the fields that the runner applies in tenants' namespaces.
pub const FIELD_MANAGER: &str = "sandbind-plugin-runner";
/// Annotation on the Secret: the revision of its values.
pub const ANNOTATION_REVISION: &str = "sandbind.dev/revision";

/// Delivery into tenants' namespaces.
#[derive(Clone)]
pub struct ClusterDelivery {
    client: Client,
}

impl ClusterDelivery {
    /// By this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn secrets(&self, record: &Record) -> (Api<Secret>, String) {
        let api = Api::namespaced(self.client.clone(), &record.spec.key.namespace);
        (api, name::delivered_secret(&record.spec.incarnation))
    }
}

impl Delivery for ClusterDelivery {
    async fn deliver(
        &self,
        record: &Record,
        revision: u64,
        values: &BTreeMap<String, Bytes64>,
    ) -> Answer<()> {
        let key = &record.spec.key;
        let (api, name) = self.secrets(record);
        let what = format!("writing Secret {}/{name}", key.namespace);
        if namespace_uid(&self.client, &key.namespace).await?.as_ref() != Some(&key.namespace_uid) {
            return Err(PortError::refused(what, "the namespace it was made for is gone"));
        }
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": {
                    "app.kubernetes.io/managed-by": name::MANAGED_BY,
                    name::LABEL_INCARNATION: record.spec.incarnation,
                },
                "annotations": {ANNOTATION_REVISION: revision.to_string()},
            },
            "type": "Opaque",
            "data": values,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        call(&what, api.patch(&name, &params, &Patch::Apply(&secret))).await.map(drop)
    }

    async fn withdraw(&self, record: &Record) -> Answer<()> {
        let (api, name) = self.secrets(record);
        let what = format!("deleting Secret {}/{name}", record.spec.key.namespace);
        call_opt(&what, api.delete(&name, &DeleteParams::default())).await.map(drop)
    }
}
