//! What calling pods are for: by the caches as long as the UID is the caller's, else by a read.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use sandbind_core::lifecycle::record::StepRun;
use sandbind_engine::ports::{Answer, Caller, Pods};
use sandbind_wire::{message::PodBindings, name::MANAGED_BY};

use crate::{client::call_opt, mirror::Key, pods::PodFacts, steps::facts::StepFacts, watch::Watches};

/// The pods of a cluster, as callers.
#[derive(Clone)]
pub struct ClusterPods {
    client: Client,
    watches: Arc<Watches>,
}

impl ClusterPods {
    /// By this client; `watches` are kept true by somebody else.
    pub fn new(client: Client, watches: Arc<Watches>) -> Self {
        Self { client, watches }
    }

    async fn read(&self, caller: &Caller) -> Answer<Option<Pod>> {
        let what = format!("reading Pod {}/{}", caller.namespace, caller.pod_name);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &caller.namespace);
        let pod = call_opt(&what, api.get(&caller.pod_name)).await?;
        Ok(pod.filter(|pod| pod.metadata.uid.as_ref() == Some(&caller.pod_uid)))
    }
}

fn key(caller: &Caller) -> Key {
    Key::new(&*caller.namespace, &*caller.pod_name)
}

impl Pods for ClusterPods {
    async fn step_run(&self, caller: &Caller) -> Answer<Option<StepRun>> {
        // Only there nobody but us and cluster admins makes pods: elsewhere the annotation proves nothing.
        if !self.watches.step_namespaces().contains(&caller.namespace) {
            return Ok(None);
        }
        let cached = self.watches.steps.mirror.get(&key(caller));
        if let Some(facts) = cached.filter(|facts| facts.uid == caller.pod_uid) {
            return Ok(Some(facts.run.clone()));
        }
        let pod = self.read(caller).await?.filter(|pod| {
            let labels = pod.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get("app.kubernetes.io/managed-by"))
                .is_some_and(|by| by == MANAGED_BY)
        });
        Ok(pod.and_then(StepFacts::of).map(|facts| facts.run))
    }

    async fn bindings(&self, caller: &Caller) -> Answer<Option<PodBindings>> {
        let cached = self.watches.pod_facts.get(&key(caller));
        if let Some(facts) = cached.filter(|facts| facts.uid == caller.pod_uid) {
            return Ok(facts.bindings.clone());
        }
        Ok(self.read(caller).await?.and_then(PodFacts::of).and_then(|facts| facts.bindings))
    }
}
