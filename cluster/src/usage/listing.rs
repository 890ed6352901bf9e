//! Quorum listings of a namespace's pods. Askers that wait at the same time share one that began after all of them asked.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, Weak},
    time::Instant,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use sandbind_engine::ports::Answer;
use tokio::sync::Mutex;

use crate::{client::list_all, pods::PodFacts};

/// The last listing of a namespace, while anybody still looks at it.
type Slot = Arc<Mutex<Option<(Instant, Weak<Vec<PodFacts>>)>>>;

/// Listings by namespace.
pub(super) struct Listings {
    client: Client,
    slots: std::sync::Mutex<HashMap<String, Slot>>,
}

impl Listings {
    pub(super) fn new(client: Client) -> Self {
        Self { client, slots: std::sync::Mutex::default() }
    }

    /// All pods of the namespace, by a listing that begins after this call. No label selector: a pod may lose its labels.
    pub(super) async fn pods(&self, namespace: &str) -> Answer<Arc<Vec<PodFacts>>> {
        let asked = Instant::now();
        let slot = self.slot(namespace);
        let mut last = slot.lock().await;
        if let Some((began, pods)) = &*last
            && *began > asked
            && let Some(pods) = pods.upgrade()
        {
            return Ok(pods);
        }
        let began = Instant::now();
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = list_all(&format!("listing the pods of {namespace}"), &api, None).await?;
        let pods = Arc::new(pods.into_iter().filter_map(PodFacts::of).collect::<Vec<_>>());
        *last = Some((began, Arc::downgrade(&pods)));
        Ok(pods)
    }

    fn slot(&self, namespace: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() > 1000 {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(namespace.to_owned()).or_default().clone()
    }
}
