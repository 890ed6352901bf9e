//! ResourceInstances. Every write names the revision it was decided on.

use std::{collections::BTreeMap, sync::Arc};

use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PatchParams, PostParams, Preconditions},
};
use sandbind_core::{
    api::instance::{FORMAT_VERSION, ResourceInstance, ResourceInstanceSpec, ResourceInstanceStatus},
    identity,
    lifecycle::record::{Orders, Record},
    selector::is_dns_label,
};
use sandbind_engine::ports::{Answer, PortError, Records};
use sandbind_wire::name;
use serde_json::json;

use crate::{
    client::{call, call_opt, json_patch},
    ledger,
    mirror::{Key, Mirror},
};

/// The records of one installation.
#[derive(Clone)]
pub struct ClusterRecords {
    client: Client,
    api: Api<ResourceInstance>,
    namespace: String,
    mirror: Arc<Mirror<Record>>,
}

impl ClusterRecords {
    /// The records of `namespace`; `mirror` is kept true by somebody else ([`crate::watch`]).
    pub fn new(client: Client, namespace: &str, mirror: Arc<Mirror<Record>>) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { client, api, namespace: namespace.to_owned(), mirror }
    }

    /// All records, read with quorum.
    pub async fn list(&self) -> Answer<Vec<Record>> {
        let what = "listing ResourceInstances";
        let objects = crate::client::list_all(what, &self.api, None).await?;
        objects.into_iter().map(record).collect()
    }

    /// The records of a sandbox, read with quorum.
    pub async fn of_sandbox(&self, namespace_uid: &str, sandbox: &str) -> Answer<Vec<Record>> {
        let selector = format!("{}={}", name::LABEL_SANDBOX_HASH, sandbox_hash(namespace_uid, sandbox));
        let what = format!("listing the ResourceInstances of sandbox {sandbox}");
        let objects = crate::client::list_all(&what, &self.api, Some(&selector)).await?;
        objects.into_iter().map(record).collect()
    }

    fn what(doing: &str, record: &Record) -> String {
        format!("{doing} ResourceInstance {}", record.name)
    }
}

fn sandbox_hash(namespace_uid: &str, sandbox: &str) -> String {
    identity::hash(&[namespace_uid, sandbox], 24)
}

/// The record that an object is. One without status or of a newer format is an error: nothing may be concluded from it.
pub fn record(object: ResourceInstance) -> Answer<Record> {
    let ResourceInstance { metadata, spec, status } = object;
    let name = metadata.name.unwrap_or_default();
    let refused =
        |reason: &str| Err(PortError::refused(format!("reading ResourceInstance {name}"), reason.to_owned()));
    if spec.format_version > FORMAT_VERSION {
        return refused("it is of a newer format than this program knows; upgrade sandbind");
    }
    let Some(status) = status else {
        return refused("its status is missing; restore it, or delete what it stands for by hand");
    };
    let (Some(uid), Some(version)) = (metadata.uid, metadata.resource_version) else {
        return refused("it has no uid or resourceVersion");
    };
    let mut annotations = metadata.annotations.unwrap_or_default();
    let orders = Orders {
        forget: annotations.remove(name::ANNOTATION_FORGET),
        delete_with: annotations.remove(name::ANNOTATION_DELETE_WITH),
        delete_now: annotations.remove(name::ANNOTATION_DELETE_NOW),
    };
    let deleting = metadata.deletion_timestamp.is_some();
    Ok(Record { name, uid, version, deleting, orders, spec, status })
}

impl Records for ClusterRecords {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.mirror.all()
    }

    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        self.mirror.get(&Key::new(&self.namespace, name))
    }

    async fn read(&self, name: &str) -> Answer<Option<Record>> {
        // Names come from pods too, and what is no name would be another request. Of such a name there is no record.
        if !is_dns_label(name) {
            return Ok(None);
        }
        let found = call_opt(&format!("reading ResourceInstance {name}"), self.api.get(name)).await?;
        found.map(record).transpose()
    }

    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> Answer<Record> {
        let labels = BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), name::MANAGED_BY.to_owned()),
            (name::LABEL_INCARNATION.to_owned(), spec.incarnation.clone()),
            (name::LABEL_SANDBOX_HASH.to_owned(), sandbox_hash(&spec.key.namespace_uid, &spec.key.sandbox)),
        ]);
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            finalizers: Some(vec![name::FINALIZER_INSTANCE.to_owned()]),
            ..ObjectMeta::default()
        };
        let object = ResourceInstance { metadata, spec, status: Some(status) };
        let what = format!("creating ResourceInstance {name}");
        record(call(&what, self.api.create(&PostParams::default(), &object)).await?)
    }

    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> Answer<Record> {
        let what = Self::what("writing", record);
        // A resourceVersion in what is to be stored makes the write conditional: another one answers 409, as does a uid.
        let patch = json_patch(json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": record.version},
            {"op": "replace", "path": "/metadata/uid", "value": record.uid},
            {"op": "add", "path": "/status", "value": status},
        ]))?;
        match call_opt(&what, self.api.patch(&record.name, &PatchParams::default(), &patch)).await? {
            Some(object) => self::record(object),
            None => Err(PortError::Conflict { what }),
        }
    }

    async fn remove(&self, record: &Record) -> Answer<()> {
        let what = Self::what("deleting", record);
        let preconditions =
            Preconditions { resource_version: Some(record.version.clone()), uid: Some(record.uid.clone()) };
        let params = DeleteParams::background().preconditions(preconditions);
        let Some(answer) = call_opt(&what, self.api.delete(&record.name, &params)).await? else {
            return Ok(());
        };
        // Right: gone at once, for it had no finalizer.
        let Some(object) = answer.left() else { return Ok(()) };
        let finalizers = object.metadata.finalizers.unwrap_or_default();
        let rest: Vec<&String> = finalizers.iter().filter(|f| *f != name::FINALIZER_INSTANCE).collect();
        if rest.len() == finalizers.len() {
            return Ok(());
        }
        let patch = json_patch(json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": object.metadata.resource_version},
            {"op": "replace", "path": "/metadata/uid", "value": record.uid},
            {"op": "replace", "path": "/metadata/finalizers", "value": rest},
        ]))?;
        call_opt(&what, self.api.patch(&record.name, &PatchParams::default(), &patch)).await.map(drop)
    }

    async fn ledger(&self, record: &Record, reason: &str) -> Answer<()> {
        ledger::append(&self.client, &self.namespace, record, reason).await
    }

    async fn changed(&self, name: &str, version: &str) {
        let key = Key::new(&self.namespace, name);
        let differs = |record: Option<&Record>| record.map_or("", |record| &record.version) != version;
        self.mirror.until(&key, differs).await;
    }
}
