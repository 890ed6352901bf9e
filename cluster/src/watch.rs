//! All watches of a runner in one place, and whom each change wakes.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, core::DeserializeGuard};
use sandbind_core::{
    api::{ResourceBinding, ResourceInstance, ResourcePlugin, Sandbox},
    lifecycle::record::Record,
};
use sandbind_wire::name;
use tokio::sync::Notify;

use crate::{
    identify::NamespaceFacts,
    mirror::{Change, Key, Mirror, keep},
    pods::{PodFacts, PodIndex},
    records::record,
    sandboxes::touched::Touched,
    steps::{StepPods, facts::StepFacts},
};

/// What a runner watches.
#[derive(Debug)]
pub struct Watches {
    /// Records of the system namespace.
    pub records: Arc<Mirror<Record>>,
    /// Pods with the sandbox label, of the whole cluster.
    pub pod_facts: Mirror<PodFacts>,
    /// The same by the incarnations they use.
    pub pods: PodIndex,
    /// Our pods in the step namespaces.
    pub steps: StepPods,
    /// Sandboxes of all namespaces.
    pub sandboxes: Mirror<Sandbox>,
    /// Bindings of all namespaces.
    pub bindings: Mirror<ResourceBinding>,
    /// Plugins.
    pub plugins: Mirror<ResourcePlugin>,
    /// Namespaces.
    pub namespaces: Arc<Mirror<NamespaceFacts>>,
    /// Sandboxes that something has changed about.
    pub touched: Touched,
    /// Told when something changes that the statuses of plugins and bindings speak of; one waiter.
    pub references: Notify,
    system_namespace: String,
    step_namespaces: Vec<String>,
}

impl Watches {
    /// Not yet filled: [`Watches::run`] does it. `zombie`: how long a pod counts that vanished abnormally.
    pub fn new(system_namespace: &str, step_namespaces: &[String], zombie: Duration) -> Self {
        Self {
            records: Arc::default(),
            pod_facts: Mirror::default(),
            pods: PodIndex::new(zombie),
            steps: StepPods::new(step_namespaces.len()),
            sandboxes: Mirror::default(),
            bindings: Mirror::default(),
            plugins: Mirror::default(),
            namespaces: Arc::default(),
            touched: Touched::default(),
            references: Notify::new(),
            system_namespace: system_namespace.to_owned(),
            step_namespaces: step_namespaces.to_vec(),
        }
    }

    /// Whether everything was listed once.
    pub fn is_synced(&self) -> bool {
        self.records.is_synced()
            && self.pod_facts.is_synced()
            && self.steps.mirror.is_synced()
            && self.sandboxes.is_synced()
            && self.bindings.is_synced()
            && self.plugins.is_synced()
            && self.namespaces.is_synced()
    }

    /// Resolves when everything was listed once.
    pub async fn synced(&self) {
        self.records.synced().await;
        self.pod_facts.synced().await;
        self.steps.mirror.synced().await;
        self.sandboxes.synced().await;
        self.bindings.synced().await;
        self.plugins.synced().await;
        self.namespaces.synced().await;
    }

    /// Watch for as long as the future is polled; `wake` gets the names of records worth a look.
    pub async fn run(&self, client: &Client, wake: impl Fn(&str) + Sync) {
        let wake = &wake;
        let records = keep(
            &self.records,
            namespaced::<ResourceInstance>(client, &self.system_namespace),
            None,
            None,
            |object| {
                record(object)
                    .inspect_err(|error| tracing::warn!(error = %error, "a record is left alone"))
                    .ok()
            },
            |change| self.record_changed(&change, wake),
        );
        let pods = keep(
            &self.pod_facts,
            all::<Pod>(client),
            Some(name::LABEL_SANDBOX),
            None,
            PodFacts::of,
            |change| {
                self.pods.apply(&change);
                let sides = [change.before, change.after].into_iter().flatten();
                for pod in sides.clone() {
                    self.touched.sandbox(&pod.key.namespace, &pod.sandbox);
                }
                for resource in sides.flat_map(|pod| &pod.bindings).flat_map(|bindings| &bindings.resources) {
                    // Whoever makes a pod writes what stands there. A record that comes to be known later is looked at then.
                    match self.record(&resource.instance) {
                        Some(record) if record.spec.incarnation == resource.incarnation => wake(&record.name),
                        _ => self.pods.forget_seen(&resource.incarnation),
                    }
                }
            },
        );
        let sandboxes = keep(&self.sandboxes, all(client), None, None, stripped, |change| {
            self.touched.sandbox(&change.key.namespace, &change.key.name);
            if is_status_alone(&change) {
                return;
            }
            self.wake_all(wake, |record| {
                record.spec.key.namespace == change.key.namespace
                    && record.spec.key.sandbox == change.key.name
            });
        });
        let bindings = keep(&self.bindings, all(client), None, None, stripped, |change| {
            if is_status_alone(&change) {
                return;
            }
            self.references.notify_one();
            let everywhere = change.key.namespace == self.system_namespace;
            if everywhere {
                self.touched.all();
            } else {
                self.touched.namespace(&change.key.namespace);
            }
            self.wake_all(wake, |record| everywhere || record.spec.key.namespace == change.key.namespace);
        });
        let plugins = keep(&self.plugins, all(client), None, None, stripped, |change| {
            if is_status_alone(&change) {
                return;
            }
            self.touched.all();
            self.references.notify_one();
            let name = change.after.or(change.before).map_or("", |plugin| &*plugin.spec.name);
            self.wake_all(wake, |record| match &record.status.plugin {
                Some(pinned) => pinned.identity.split('@').next() == Some(name),
                None => true,
            });
        });
        let namespaces = keep(&self.namespaces, all(client), None, None, NamespaceFacts::of, |change| {
            self.touched.namespace(&change.key.name);
            self.references.notify_one();
            self.wake_all(wake, |record| record.spec.key.namespace == change.key.name);
        });
        let others = async { futures::join!(sandboxes, bindings, plugins, namespaces) };
        // Each of them is large; on the heap they burden nobody's future.
        futures::join!(
            Box::pin(records),
            Box::pin(pods),
            Box::pin(self.step_pods(client, wake)),
            Box::pin(others)
        );
    }

    /// One watch per step namespace; complete when each of them is.
    async fn step_pods(&self, client: &Client, wake: &impl Fn(&str)) {
        let selector = format!("app.kubernetes.io/managed-by={}", name::MANAGED_BY);
        let selector = &*selector;
        let watches: FuturesUnordered<_> = self
            .step_namespaces
            .iter()
            .map(|namespace| {
                let api = namespaced::<Pod>(client, namespace);
                keep(&self.steps.mirror, api, Some(selector), Some(&**namespace), StepFacts::of, |change| {
                    self.steps.apply(&change);
                    if let Some(step) = change.after.or(change.before) {
                        wake(&step.run.instance);
                    }
                })
            })
            .collect();
        watches.collect::<Vec<()>>().await;
    }

    fn record_changed(&self, change: &Change<'_, Record>, wake: &impl Fn(&str)) {
        if let Some(before) = change.before
            && change.after.is_none_or(|after| after.spec.incarnation != before.spec.incarnation)
        {
            self.pods.forget(&before.spec.incarnation);
        }
        let pinned = |record: Option<&Arc<Record>>| {
            record.and_then(|record| Some(record.status.plugin.as_ref()?.identity.clone()))
        };
        if pinned(change.before) != pinned(change.after) {
            self.references.notify_one();
        }
        for record in [change.before, change.after].into_iter().flatten() {
            self.touched.sandbox(&record.spec.key.namespace, &record.spec.key.sandbox);
        }
        wake(&change.key.name);
    }

    fn wake_all(&self, wake: &impl Fn(&str), about: impl Fn(&Record) -> bool) {
        for record in self.records.all().iter().filter(|record| about(record)) {
            wake(&record.name);
        }
    }

    /// The record of this name as of the cache.
    pub fn record(&self, name: &str) -> Option<Arc<Record>> {
        self.records.get(&Key::new(&*self.system_namespace, name))
    }

    /// The namespace of records.
    pub fn system_namespace(&self) -> &str {
        &self.system_namespace
    }

    /// The namespaces of step pods; the first is the default.
    pub fn step_namespaces(&self) -> &[String] {
        &self.step_namespaces
    }
}

fn all<K>(client: &Client) -> Api<DeserializeGuard<K>>
where
    K: kube::Resource,
    K::DynamicType: Default,
{
    Api::all_with(client.clone(), &K::DynamicType::default())
}

fn namespaced<K>(client: &Client, namespace: &str) -> Api<DeserializeGuard<K>>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(client.clone(), namespace)
}

/// Whether nothing but the status has changed, which is our own word: it is no reason to look at every record again.
fn is_status_alone<K: ResourceExt>(change: &Change<'_, K>) -> bool {
    let (Some(before), Some(after)) = (change.before, change.after) else { return false };
    let (before, after) = (before.meta(), after.meta());
    before.uid == after.uid
        && before.generation == after.generation
        && before.deletion_timestamp == after.deletion_timestamp
        && before.annotations == after.annotations
        && before.labels == after.labels
}

/// Without what nobody asks for.
#[expect(clippy::unnecessary_wraps, reason = "what `keep` asks for")]
fn stripped<K: ResourceExt>(mut object: K) -> Option<K> {
    object.managed_fields_mut().clear();
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
    Some(object)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sandbind_core::api::SandboxSpec;

    use super::*;

    fn sandbox(change: impl FnOnce(&mut Sandbox)) -> Arc<Sandbox> {
        let mut sandbox = Sandbox::new("pr-1", SandboxSpec::default());
        sandbox.metadata.generation = Some(1);
        change(&mut sandbox);
        Arc::new(sandbox)
    }

    #[test]
    fn a_status_is_no_reason_to_wake_records_and_anything_else_is() {
        let before = sandbox(|_| ());
        let status = sandbox(|one| one.status = Some(sandbind_core::api::sandbox::SandboxStatus::default()));
        let retried = sandbox(|one| {
            one.metadata.annotations =
                Some(BTreeMap::from([(name::ANNOTATION_RETRY.to_owned(), "1".to_owned())]));
        });
        let changed = sandbox(|one| one.metadata.generation = Some(2));
        let anew = sandbox(|one| one.metadata.uid = Some("u2".to_owned()));
        let key = Key::new("shop", "pr-1");
        let alone = |before: Option<&Arc<Sandbox>>, after: Option<&Arc<Sandbox>>| {
            is_status_alone(&Change { key: &key, before, after })
        };
        assert!(alone(Some(&before), Some(&status)));
        for after in [&retried, &changed, &anew] {
            assert!(!alone(Some(&before), Some(after)), "{after:?}");
        }
        assert!(!alone(None, Some(&before)) && !alone(Some(&before), None));
    }
}
