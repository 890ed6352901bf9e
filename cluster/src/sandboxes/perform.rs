//! What a decision about a sandbox does to the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use sandbind_core::{
    api::{
        Sandbox, SandboxSpec,
        sandbox::{Lifetime, SandboxStatus},
    },
    identity,
    lifecycle::reserve,
    sandbox::{Action, Preparation, decide::Farewell},
};
use sandbind_engine::ports::{Answer, PortError, Records};
use sandbind_wire::name;
use serde_json::json;

use crate::{
    client::{call, call_opt, json_patch},
    clock::random_bytes,
    mirror::Key,
    notices::{ClusterNotices, reference_of_pod},
    records::ClusterRecords,
};

/// Writes what was decided.
pub(super) struct Performer {
    pub(super) client: Client,
    pub(super) records: ClusterRecords,
    pub(super) notices: ClusterNotices,
}

impl Performer {
    /// One action about the sandbox of this key, as it was seen.
    pub(super) async fn perform(&self, key: &Key, seen: Option<&Sandbox>, action: Action) -> Answer<()> {
        let api: Api<Sandbox> = Api::namespaced(self.client.clone(), &key.namespace);
        match (action, seen) {
            (Action::Create, _) => create(&api, key).await,
            (Action::Prepare(preparation), _) => self.prepare(preparation).await,
            (Action::Hold, Some(seen)) => finalizers(&api, seen, true).await.map(drop),
            (Action::Release, Some(seen)) => finalizers(&api, seen, false).await.map(drop),
            (Action::Delete(Farewell::Expired), Some(seen)) => {
                let preconditions = Preconditions { uid: seen.uid(), resource_version: None };
                delete(&api, seen, preconditions).await
            }
            (Action::Delete(Farewell::Unused), Some(seen)) => {
                let version = match finalizers(&api, seen, false).await? {
                    Some(freed) => freed.resource_version(),
                    None => return Ok(()),
                };
                let preconditions = Preconditions { uid: seen.uid(), resource_version: version };
                delete(&api, seen, preconditions).await
            }
            (Action::Announce(end), Some(seen)) => {
                self.announce(seen, end).await;
                Ok(())
            }
            (Action::Unreachable { pod, uid }, Some(_)) => {
                self.unreachable(key, pod, uid).await;
                Ok(())
            }
            (Action::Write(status), Some(seen)) => write(&api, seen, *status).await,
            // What was not seen is not touched.
            (_, None) => Ok(()),
        }
    }

    /// Whether a sandbox has a record now.
    pub(super) async fn has_records(&self, namespace_uid: &str, sandbox: &str) -> Answer<bool> {
        Ok(!self.records.of_sandbox(namespace_uid, sandbox).await?.is_empty())
    }

    async fn prepare(&self, preparation: Preparation) -> Answer<()> {
        let Preparation { key, linger, .. } = preparation;
        let random = random_bytes().map_err(|error| PortError::failed("drawing an incarnation", error))?;
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let (spec, mut status) = reserve::begin(key, identity::incarnation(random), None, &[], now);
        status.linger_seconds = linger.as_secs();
        match self.records.create(&identity::instance_name(&spec.key), spec, status).await {
            Err(PortError::Exists { .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn announce(&self, sandbox: &Sandbox, end: Timestamp) {
        let (name, namespace) = (sandbox.name_any(), sandbox.namespace().unwrap_or_default());
        let message = format!(
            "its time to live ends at {end:.0}, and it is deleted then; to keep it, raise `spec.ttl` or run `sandbind sandbox \
             hold {name} 2h -n {namespace}`"
        );
        self.notices.tell(sandbox.object_ref(&()), "Expiring", true, &message).await;
    }

    async fn unreachable(&self, key: &Key, pod: String, uid: String) {
        let regarding = reference_of_pod(&key.namespace, pod, uid);
        let message = "its resources have been ready for a minute, and its sidecar has not come for them: it may not reach the plugin \
                       runner; see to network policies, meshes and the node (docs/admins.md, Network and meshes)";
        self.notices.tell(regarding, "SidecarUnreachable", true, message).await;
    }
}

fn what(doing: &str, sandbox: &Sandbox) -> String {
    format!("{doing} Sandbox {}/{}", sandbox.namespace().unwrap_or_default(), sandbox.name_any())
}

async fn create(api: &Api<Sandbox>, key: &Key) -> Answer<()> {
    let spec = SandboxSpec { lifetime: Lifetime::WhileUsed, ..SandboxSpec::default() };
    let metadata = ObjectMeta {
        name: Some(key.name.clone()),
        namespace: Some(key.namespace.clone()),
        labels: Some(BTreeMap::from([(
            "app.kubernetes.io/managed-by".to_owned(),
            name::MANAGED_BY.to_owned(),
        )])),
        finalizers: Some(vec![name::FINALIZER_SANDBOX.to_owned()]),
        ..ObjectMeta::default()
    };
    let object = Sandbox { metadata, ..Sandbox::new(&key.name, spec) };
    let what = format!("creating Sandbox {}/{}", key.namespace, key.name);
    match call(&what, api.create(&PostParams::default(), &object)).await {
        Err(PortError::Exists { .. }) => Ok(()),
        other => other.map(drop),
    }
}

/// With or without our finalizer, if it is still the revision that was seen. None: it is gone.
async fn finalizers(api: &Api<Sandbox>, seen: &Sandbox, ours: bool) -> Answer<Option<Sandbox>> {
    let mut finalizers = seen.finalizers().to_vec();
    finalizers.retain(|one| one != name::FINALIZER_SANDBOX);
    if ours {
        finalizers.push(name::FINALIZER_SANDBOX.to_owned());
    }
    let patch = Patch::Merge(json!({"metadata": {
        "uid": seen.metadata.uid,
        "resourceVersion": seen.metadata.resource_version,
        "finalizers": finalizers,
    }}));
    let what = what("writing the finalizers of", seen);
    call_opt(&what, api.patch(&seen.name_any(), &PatchParams::default(), &patch)).await
}

async fn delete(api: &Api<Sandbox>, seen: &Sandbox, preconditions: Preconditions) -> Answer<()> {
    let params = DeleteParams::background().preconditions(preconditions);
    call_opt(&what("deleting", seen), api.delete(&seen.name_any(), &params)).await.map(drop)
}

async fn write(api: &Api<Sandbox>, seen: &Sandbox, status: SandboxStatus) -> Answer<()> {
    // A uid in what is to be stored makes the write conditional: another one answers 409.
    let patch = json_patch(json!([
        {"op": "replace", "path": "/metadata/uid", "value": seen.metadata.uid},
        {"op": "add", "path": "/status", "value": status},
    ]))?;
    let what = what("writing the status of", seen);
    call_opt(&what, api.patch_status(&seen.name_any(), &PatchParams::default(), &patch)).await.map(drop)
}
