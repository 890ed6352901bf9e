//! Events on the Sandbox, on top owners and on gated pods. Best effort: what people miss here stands in status too.

mod throttle;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use sandbind_core::{
    api::{Sandbox, instance::Owner},
    identity,
    lifecycle::{effect::Notice, record::Record},
};
use sandbind_engine::ports::{Answer, Notices, PortError};
use serde_json::json;

use self::throttle::{Throttle, Turn};
use crate::{
    client::{call, call_opt},
    mirror::Key,
    watch::Watches,
};

/// Who reports.
const CONTROLLER: &str = "sandbind.dev/plugin-runner";
/// Gated pods that are told, at most.
const PODS: usize = 10;

/// Events on a cluster.
#[derive(Clone)]
pub struct ClusterNotices {
    client: Client,
    watches: Arc<Watches>,
    instance: String,
    throttle: Arc<Throttle>,
}

impl ClusterNotices {
    /// `instance` names this process, such as its pod.
    pub fn new(client: Client, watches: Arc<Watches>, instance: &str) -> Self {
        Self { client, watches, instance: instance.to_owned(), throttle: Arc::default() }
    }

    /// Tell about one object of a namespace.
    pub async fn tell(&self, regarding: ObjectReference, reason: &str, warning: bool, message: &str) {
        let uid = regarding.uid.clone().unwrap_or_default();
        let name = event_name(&regarding, reason, message);
        let count = match self.throttle.turn(&uid, &name) {
            Turn::Silent => return,
            Turn::Say { count } => count,
        };
        if let Err(error) = self.write(regarding, &name, reason, warning, message, count).await {
            tracing::debug!(
                event = name,
                error = &error as &dyn std::error::Error,
                "an Event was not written"
            );
        }
    }

    async fn write(
        &self,
        regarding: ObjectReference,
        name: &str,
        reason: &str,
        warning: bool,
        message: &str,
        count: i32,
    ) -> Answer<()> {
        let now = MicroTime(Timestamp::now());
        let namespace = regarding.namespace.clone().unwrap_or_default();
        let what = format!("writing Event {namespace}/{name}");
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let event = Event {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            action: Some("Reconcile".to_owned()),
            event_time: Some(now.clone()),
            note: Some(message.chars().take(1000).collect()),
            reason: Some(reason.to_owned()),
            regarding: Some(regarding),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        match call(&what, api.create(&PostParams::default(), &event)).await {
            Err(PortError::Exists { .. }) => {}
            other => return other.map(drop),
        }
        let series = EventSeries { count: count.max(2), last_observed_time: now };
        let patch = Patch::Merge(json!({"series": series}));
        call_opt(&what, api.patch(name, &PatchParams::default(), &patch)).await.map(drop)
    }

    fn regarding(&self, record: &Record, notice: &Notice) -> Vec<ObjectReference> {
        let key = &record.spec.key;
        let namespace = self.watches.namespaces.get(&Key::new("", &*key.namespace));
        if namespace.is_none_or(|namespace| namespace.uid != key.namespace_uid || namespace.deleting) {
            return Vec::new();
        }
        let sandbox = self.watches.sandboxes.get(&Key::new(&*key.namespace, &*key.sandbox));
        let mut regarding: Vec<ObjectReference> =
            sandbox.iter().map(|sandbox| reference_of_sandbox(sandbox)).collect();
        regarding.extend(notice.owners.iter().map(|owner| reference_of_owner(owner, &key.namespace)));
        if notice.warning {
            let users = self.watches.pods.users(&record.spec.incarnation);
            let gated = users.iter().filter(|pod| !pod.open && !pod.finished && !pod.deleting);
            regarding.extend(
                gated
                    .take(PODS)
                    .map(|pod| reference_of_pod(&pod.key.namespace, pod.key.name.clone(), pod.uid.clone())),
            );
        }
        regarding
    }
}

/// The same notice has the same name, whoever tells it.
fn event_name(regarding: &ObjectReference, reason: &str, message: &str) -> String {
    let uid = regarding.uid.as_deref().unwrap_or_default();
    let name: String = regarding.name.iter().flat_map(|name| name.chars()).take(200).collect();
    let name = name.to_ascii_lowercase().replace('_', "-");
    format!("{}.{}", name.trim_end_matches(['.', '-']), identity::hash(&[uid, reason, message], 16))
}

fn reference_of_sandbox(sandbox: &Sandbox) -> ObjectReference {
    sandbox.object_ref(&())
}

/// A pod, to be told about.
pub(crate) fn reference_of_pod(namespace: &str, name: String, uid: String) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(name),
        namespace: Some(namespace.to_owned()),
        uid: Some(uid),
        ..ObjectReference::default()
    }
}

fn reference_of_owner(owner: &Owner, namespace: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(owner.api_version.clone()),
        kind: Some(owner.kind.clone()),
        name: Some(owner.name.clone()),
        namespace: Some(namespace.to_owned()),
        uid: Some(owner.uid.clone()),
        ..ObjectReference::default()
    }
}

impl Notices for ClusterNotices {
    async fn announce(&self, record: &Record, notice: &Notice) {
        let tell = self
            .regarding(record, notice)
            .into_iter()
            .map(|regarding| self.tell(regarding, notice.reason, notice.warning, &notice.message));
        futures::future::join_all(tell).await;
    }
}
