//! Copies of one resource that was really made: its record, its values, and a pod bound to it that no kubelet runs.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, Secret, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use sandbind_core::{api::ResourceInstance, identity};
use sandbind_wire::{
    message::{PodBindings, PodResource},
    name,
};
use serde_json::json;

use crate::bed::Bed;

/// Objects that are being made at once.
const AT_ONCE: usize = 24;

/// A pod, and the token that its kubelet would give to its sidecar.
pub(crate) struct Held {
    pub(crate) pod: String,
    pub(crate) token: String,
}

/// The copies.
pub(crate) struct Population {
    records: Api<ResourceInstance>,
    held: Vec<Held>,
    names: Vec<String>,
}

/// Where copies come from and go to.
struct Press<'a> {
    template: &'a ResourceInstance,
    values: &'a [Secret],
    records: Api<ResourceInstance>,
    secrets: Api<Secret>,
    pods: Api<Pod>,
    accounts: Api<ServiceAccount>,
}

impl Population {
    /// So many copies of a resource.
    pub(crate) async fn make(bed: &Bed, template: ResourceInstance, count: usize) -> anyhow::Result<Self> {
        let client: Client = bed.client();
        let secrets: Api<Secret> = Api::namespaced(client.clone(), name::SYSTEM_NAMESPACE);
        let of_template =
            ListParams::default().labels(&format!("{}={}", name::LABEL_INSTANCE, template.name_any()));
        let mut values = secrets.list(&of_template).await?.items;
        values.retain(|secret| secret.name_any().contains("-r1-"));
        let press = Press {
            template: &template,
            values: &values,
            records: Api::namespaced(client.clone(), name::SYSTEM_NAMESPACE),
            secrets,
            pods: bed.pods.clone(),
            accounts: Api::namespaced(client, bed.name()),
        };
        let made: Vec<(String, Held)> =
            stream::iter(0..count).map(|nth| press.copy(nth)).buffer_unordered(AT_ONCE).try_collect().await?;
        let (names, held) = made.into_iter().unzip();
        Ok(Self { records: press.records, held, names })
    }

    /// The pods.
    pub(crate) fn pods(&self) -> &[Held] {
        &self.held
    }

    /// Takes the records away without removing what they stand for: there is nothing. The rest goes with the namespace.
    pub(crate) async fn end(&self) -> anyhow::Result<()> {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let gone = stream::iter(&self.names).map(async |name| -> anyhow::Result<()> {
            self.records.patch(name, &PatchParams::default(), &free).await?;
            self.records.delete(name, &DeleteParams::default()).await?;
            Ok(())
        });
        gone.buffer_unordered(AT_ONCE).try_collect().await
    }
}

impl Press<'_> {
    async fn copy(&self, nth: usize) -> anyhow::Result<(String, Held)> {
        let create = PostParams::default();
        let record = self.records.create(&create, &self.record(nth)).await?;
        for secret in self.values {
            self.secrets.create(&create, &self.secret(secret, &record)).await?;
        }
        let pod = self.pods.create(&create, &pod(nth, &record)?).await?;
        // With the label from the beginning the webhook would have made it a pod of its own.
        let labels = json!({"metadata": {"labels": {name::LABEL_SANDBOX: record.spec.key.sandbox}}});
        self.pods.patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(labels)).await?;
        let token = self.token(&pod).await?;
        Ok((record.name_any(), Held { pod: pod.name_any(), token }))
    }

    fn record(&self, nth: usize) -> ResourceInstance {
        let mut record = self.template.clone();
        record.spec.key.sandbox = format!("pr-live-{nth}");
        record.spec.incarnation = identity::hash(&["bench", &nth.to_string()], record.spec.incarnation.len());
        if let Some(status) = &mut record.status {
            status.reservations.clear();
        }
        let key = &record.spec.key;
        let mut labels = record.metadata.labels.take().unwrap_or_default();
        labels.insert(name::LABEL_INCARNATION.to_owned(), record.spec.incarnation.clone());
        labels.insert(
            name::LABEL_SANDBOX_HASH.to_owned(),
            identity::hash(&[&key.namespace_uid, &key.sandbox], 24),
        );
        record.metadata = ObjectMeta {
            name: Some(identity::instance_name(key)),
            labels: Some(labels),
            finalizers: record.metadata.finalizers.take(),
            ..ObjectMeta::default()
        };
        record
    }

    fn secret(&self, of_template: &Secret, record: &ResourceInstance) -> Secret {
        let mut secret = of_template.clone();
        let name = secret.name_any().replace(&self.template.spec.incarnation, &record.spec.incarnation);
        let mut labels = secret.metadata.labels.take().unwrap_or_default();
        labels.insert(name::LABEL_INSTANCE.to_owned(), record.name_any());
        labels.insert(name::LABEL_INCARNATION.to_owned(), record.spec.incarnation.clone());
        let mut owners = secret.metadata.owner_references.take().unwrap_or_default();
        for owner in &mut owners {
            owner.name = record.name_any();
            owner.uid = record.uid().unwrap_or_default();
        }
        secret.metadata = ObjectMeta {
            name: Some(name),
            labels: Some(labels),
            owner_references: Some(owners),
            ..ObjectMeta::default()
        };
        secret
    }

    async fn token(&self, pod: &Pod) -> anyhow::Result<String> {
        let spec = TokenRequestSpec {
            audiences: vec![name::AUDIENCE.to_owned()],
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
            expiration_seconds: Some(3_600),
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = self.accounts.create_token_request("default", &PostParams::default(), &request).await?;
        Ok(answer.status.context("no token")?.token)
    }
}

/// A pod bound to the record, which no scheduler binds to a node.
fn pod(nth: usize, record: &ResourceInstance) -> anyhow::Result<Pod> {
    let status = record.status.as_ref().context("a record without status")?;
    let resource = PodResource {
        name: record.spec.key.resource.clone(),
        instance: record.name_any(),
        incarnation: record.spec.incarnation.clone(),
        reservation: identity::hash(&["reservation", &nth.to_string()], 16),
        gated: false,
        mounted: None,
        env_keys: status.delivered.iter().cloned().collect(),
        folders: Vec::new(),
    };
    let bindings =
        PodBindings { resources: vec![resource], made_for: String::new(), notify: None, ready_seconds: 60 };
    Ok(serde_json::from_value(json!({
        "metadata": {"name": format!("live-{nth}")},
        "spec": {
            "schedulerName": "nobody",
            "initContainers": [{
                "name": name::CONTAINER_SIDECAR, "image": "localhost/none", "restartPolicy": "Always",
                "env": [{"name": name::ENV_BINDINGS, "value": serde_json::to_string(&bindings)?}]}],
            "containers": [{"name": "app", "image": "localhost/none"}]}}))?)
}
