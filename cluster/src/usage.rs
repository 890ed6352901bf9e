//! Who uses a resource: by caches as a hint, by quorum listings as a proof. What is not answered counts as use.

mod listing;
mod owners;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use sandbind_core::{
    api::{Sandbox, instance::InstanceKey, sandbox::Lifetime},
    lifecycle::{
        observed::{Evidence, Use},
        record::Record,
    },
};
use sandbind_engine::ports::{Answer, Usage};
use sandbind_wire::name;

use self::listing::Listings;
use crate::{
    client::{call_opt, namespace_uid},
    mirror::Key,
    pods::PodFacts,
    watch::Watches,
};

/// Names of pods that an evidence carries.
const NAMES: usize = 5;

/// Evidence of use on a cluster.
#[derive(Clone)]
pub struct ClusterUsage {
    client: Client,
    watches: Arc<Watches>,
    listings: Arc<Listings>,
    owner_grace: Duration,
    /// Since when a proof has found no pod, by incarnation.
    lonely: Arc<Mutex<HashMap<String, Instant>>>,
}

impl ClusterUsage {
    /// `owner_grace`: how long owners that want pods keep a resource without pods.
    pub fn new(client: Client, watches: Arc<Watches>, owner_grace: Duration) -> Self {
        let listings = Arc::new(Listings::new(client.clone()));
        Self { client, watches, listings, owner_grace, lonely: Arc::default() }
    }

    /// For how long now no pod of the incarnation was found; zero while there are some.
    fn lonely_for(&self, incarnation: &str, has_pods: bool) -> Duration {
        let mut lonely = self.lonely.lock().unwrap_or_else(PoisonError::into_inner);
        if has_pods {
            lonely.remove(incarnation);
            return Duration::ZERO;
        }
        if lonely.len() > 10_000 {
            lonely.retain(|_, since| since.elapsed() < self.owner_grace.saturating_mul(2));
        }
        lonely.entry(incarnation.to_owned()).or_insert_with(Instant::now).elapsed()
    }

    /// Pods that went without a trace, unless their node went too: those that this program saw go, and those that the record
    /// tells of.
    async fn vanished(&self, record: &Record) -> Answer<Vec<Evidence>> {
        let incarnation = &record.spec.incarnation;
        let mut evidence = Vec::new();
        for vanished in self.watches.pods.vanished(incarnation) {
            if self.has_node(vanished.node.as_deref().unwrap_or_default()).await? {
                evidence.push(Evidence::Vanished { name: vanished.key.name });
            } else {
                self.watches.pods.proven_gone(incarnation, &vanished.key);
            }
        }
        if !evidence.is_empty() {
            return Ok(evidence);
        }
        for noted in &record.status.vanished {
            let age = Duration::try_from(Timestamp::now().duration_since(noted.at)).unwrap_or_default();
            if age < self.watches.pods.zombie()
                && (noted.node.is_empty() || self.has_node(&noted.node).await?)
            {
                let node = if noted.node.is_empty() { "one of many nodes" } else { &noted.node };
                evidence.push(Evidence::Vanished { name: format!("a pod on {node}") });
            }
        }
        Ok(evidence)
    }

    async fn has_node(&self, node: &str) -> Answer<bool> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        Ok(call_opt(&format!("reading Node {node}"), nodes.get_metadata(node)).await?.is_some())
    }

    async fn by_sandbox(&self, key: &InstanceKey) -> Answer<Option<Evidence>> {
        let what = format!("reading Sandbox {}/{}", key.namespace, key.sandbox);
        let api: Api<Sandbox> = Api::namespaced(self.client.clone(), &key.namespace);
        let sandbox = call_opt(&what, api.get(&key.sandbox)).await?;
        Ok(sandbox.and_then(|sandbox| kept_by(&sandbox, key, Timestamp::now())))
    }
}

/// Whether a Sandbox keeps the resource: it is Explicit or prepares it (only what every pod of it shares: others are of use to
/// their own pods alone), or a person said to hold it.
fn kept_by(sandbox: &Sandbox, key: &InstanceKey, now: Timestamp) -> Option<Evidence> {
    if sandbox.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let annotations = sandbox.metadata.annotations.as_ref();
    let hold = annotations.and_then(|all| all.get(name::ANNOTATION_HOLD)?.parse::<Timestamp>().ok());
    if let Some(until) = hold.filter(|until| *until > now) {
        return Some(Evidence::Hold { until });
    }
    let spec = &sandbox.spec;
    let prepared = spec.prepare.iter().any(|name| name == "*" || *name == key.resource);
    let keeps = key.scope.is_none() && (spec.lifetime == Lifetime::Explicit || prepared);
    keeps.then_some(Evidence::Sandbox)
}

/// Pods of the incarnation that are not finished, as evidence.
fn by_pods<'p>(pods: impl Iterator<Item = &'p PodFacts>) -> Option<Evidence> {
    let names: Vec<&str> = pods.filter(|pod| !pod.finished).map(|pod| &*pod.key.name).collect();
    let some = names.iter().take(NAMES).map(|name| (*name).to_owned()).collect();
    (!names.is_empty()).then_some(Evidence::Pods { count: names.len(), names: some })
}

/// Ids of the open reservations.
fn open(record: &Record) -> BTreeSet<&str> {
    record.status.reservations.iter().map(|reservation| &*reservation.id).collect()
}

impl Usage for ClusterUsage {
    fn hint(&self, record: &Record) -> Use {
        let key = &record.spec.key;
        let incarnation = &record.spec.incarnation;
        let seen = self.watches.pods.seen(incarnation, &open(record));
        if !self.watches.is_synced() {
            let what = "the caches are not complete yet".to_owned();
            return Use { seen, evidence: vec![Evidence::Unknown { what }], ..Use::default() };
        }
        let users = self.watches.pods.users(incarnation);
        let mut evidence: Vec<Evidence> = by_pods(users.iter().map(AsRef::as_ref)).into_iter().collect();
        if !evidence.is_empty() {
            // No proof is asked for while pods are seen. The next gap is another one, with all of the owners' grace.
            self.lonely_for(incarnation, true);
        }
        let namespace = self.watches.namespaces.get(&Key::new("", &*key.namespace));
        if namespace.is_some_and(|namespace| namespace.uid == key.namespace_uid) {
            let sandbox = self.watches.sandboxes.get(&Key::new(&*key.namespace, &*key.sandbox));
            evidence.extend(sandbox.and_then(|sandbox| kept_by(&sandbox, key, Timestamp::now())));
        }
        let mut vanished = BTreeMap::new();
        for one in self.watches.pods.vanished(incarnation) {
            let age = one.at.elapsed();
            let known = vanished.entry(one.node.unwrap_or_default()).or_insert(age);
            *known = age.min(*known);
        }
        Use { seen, evidence, vanished }
    }

    async fn prove(&self, record: &Record) -> Answer<Use> {
        let key = &record.spec.key;
        let incarnation = &record.spec.incarnation;
        let mut evidence = Vec::new();
        // A namespace that is gone, or that another one has taken the name of, has no pods of this key.
        if namespace_uid(&self.client, &key.namespace).await?.as_ref() == Some(&key.namespace_uid) {
            let pods = self.listings.pods(&key.namespace).await?;
            let users: Vec<&PodFacts> = pods.iter().filter(|pod| pod.uses(incarnation).is_some()).collect();
            let reservations = users.iter().filter_map(|pod| pod.uses(incarnation));
            self.watches.pods.saw(incarnation, reservations.map(|resource| resource.reservation.clone()));
            evidence.extend(by_pods(users.iter().copied()));
            evidence.extend(self.by_sandbox(key).await?);
            let lonely = self.lonely_for(incarnation, !evidence.is_empty());
            if evidence.is_empty() && lonely < self.owner_grace {
                for owner in &record.status.owners {
                    if owners::wants(&self.client, key, owner).await? {
                        evidence.push(Evidence::OwnerWants { owner: owner.clone() });
                        break;
                    }
                }
            }
        }
        evidence.extend(self.vanished(record).await?);
        Ok(Use { seen: self.watches.pods.seen(incarnation, &open(record)), evidence, ..Use::default() })
    }

    fn promised(&self, record: &Record) -> BTreeSet<String> {
        let incarnation = &record.spec.incarnation;
        let mut keys = BTreeSet::new();
        for pod in self.watches.pods.users(incarnation).iter().filter(|pod| !pod.finished) {
            let Some(resource) = pod.uses(incarnation) else { continue };
            keys.extend(resource.env_keys.iter().cloned());
            for folder in &resource.folders {
                if folder.items.is_empty() {
                    keys.insert("*".to_owned());
                }
                keys.extend(folder.items.iter().map(|item| item.key.clone()));
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests;
