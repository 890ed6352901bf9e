//! Step pods: made from a snapshot, watched, removed.

pub mod facts;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
};
use sandbind_core::{
    lifecycle::{
        definition,
        observed::StepPod,
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
    step::{self, StepSettings},
};
use sandbind_engine::ports::{Answer, PortError, Steps};
use tokio::sync::watch;

use self::facts::StepFacts;
use crate::{
    client::{call, call_opt},
    mirror::{Change, Key, Mirror},
    watch::Watches,
};

/// The step pods of the cache, and since when each is known.
#[derive(Debug)]
pub struct StepPods {
    /// The pods, by namespace and name.
    pub mirror: Mirror<StepFacts>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// First sight of a UID.
    since: HashMap<String, Instant>,
    /// Pods of a record.
    by_instance: HashMap<String, BTreeMap<Key, Arc<StepFacts>>>,
}

impl StepPods {
    /// Empty; the pods of so many namespaces.
    pub fn new(namespaces: usize) -> Self {
        Self { mirror: Mirror::in_parts(namespaces), known: Mutex::default() }
    }

    /// Take in what a watch told.
    pub fn apply(&self, change: &Change<'_, StepFacts>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = change.before {
            if change.after.is_none_or(|after| after.uid != before.uid) {
                known.since.remove(&before.uid);
            }
            if let Some(pods) = known.by_instance.get_mut(&before.run.instance) {
                pods.remove(change.key);
                if pods.is_empty() {
                    known.by_instance.remove(&before.run.instance);
                }
            }
        }
        if let Some(after) = change.after {
            known.since.entry(after.uid.clone()).or_insert_with(Instant::now);
            let pods = known.by_instance.entry(after.run.instance.clone()).or_default();
            pods.insert(change.key.clone(), after.clone());
        }
    }

    fn of_instance(&self, instance: &str) -> BTreeMap<StepRun, StepPod> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = known.by_instance.get(instance);
        pods.into_iter()
            .flat_map(BTreeMap::values)
            .map(|facts| {
                let age = known.since.get(&facts.uid).map(Instant::elapsed).unwrap_or_default();
                let pod = StepPod { uid: facts.uid.clone(), state: facts.state, why: facts.why.clone(), age };
                (facts.run.clone(), pod)
            })
            .collect()
    }
}

/// Step pods on a cluster.
#[derive(Clone)]
pub struct ClusterSteps {
    client: Client,
    watches: Arc<Watches>,
    settings: watch::Receiver<Arc<StepSettings>>,
}

impl ClusterSteps {
    /// `settings` change with the CA bundle.
    pub fn new(client: Client, watches: Arc<Watches>, settings: watch::Receiver<Arc<StepSettings>>) -> Self {
        Self { client, watches, settings }
    }

    /// The pod of a run, wherever it is, as of the cache.
    fn known(&self, run: &StepRun) -> Option<Arc<StepFacts>> {
        let name = run.pod_name();
        let namespaces = self.watches.step_namespaces().iter();
        namespaces
            .filter_map(|namespace| self.watches.steps.mirror.get(&Key::new(&**namespace, &*name)))
            .find(|facts| facts.run == *run)
    }
}

impl Steps for ClusterSteps {
    async fn pods(&self, record: &Record) -> Answer<BTreeMap<StepRun, StepPod>> {
        Ok(self.watches.steps.of_instance(&record.name))
    }

    fn hint_all(&self) -> Vec<StepRun> {
        self.watches.steps.mirror.all().iter().map(|facts| facts.run.clone()).collect()
    }

    async fn launch(&self, _record: &Record, snapshot: &Snapshot, run: &StepRun) -> Answer<()> {
        let name = run.pod_name();
        let what = format!("creating Pod {name}");
        let refused = |reason: String| PortError::refused(what.clone(), reason);
        let Some(step) = definition(snapshot, run.work, &run.step) else {
            return Err(refused(format!("the plugin has no {} step `{}`", run.work.as_str(), run.step)));
        };
        let settings = self.settings.borrow().clone();
        let pod = step::pod(&snapshot.plugin, step, run, &settings).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused(problems.join("; "))
        })?;
        let namespace = pod.pointer("/metadata/namespace").and_then(|name| name.as_str()).unwrap_or_default();
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pod: Pod = serde_json::from_value(pod).map_err(|error| refused(error.to_string()))?;
        match call(&what, api.create(&PostParams::default(), &pod)).await {
            Ok(_) | Err(PortError::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn reap(&self, run: &StepRun) -> Answer<()> {
        let name = run.pod_name();
        let what = format!("deleting Pod {name}");
        // Its place is known from the cache; a pod that no cache has is looked for in every step namespace.
        let (namespaces, params) = match self.known(run) {
            Some(facts) => {
                let preconditions = Preconditions { uid: Some(facts.uid.clone()), resource_version: None };
                let params = DeleteParams::default().preconditions(preconditions);
                (vec![facts.key.namespace.clone()], params)
            }
            None => (self.watches.step_namespaces().to_vec(), DeleteParams::default()),
        };
        for namespace in namespaces {
            let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
            match call_opt(&what, api.delete(&name, &params)).await {
                // Another pod has taken its name: it is gone.
                Ok(_) | Err(PortError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
