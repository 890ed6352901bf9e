//! Keeps the statuses of plugins and bindings true. Written on change only.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use sandbind_core::{
    accepted::{binding_status, plugin_status},
    api::{ResourceBinding, ResourcePlugin},
    binding::{Binding, View, warnings::holds_in},
    step::{self, StepSettings},
};
use sandbind_engine::ports::Answer;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    client::{call_opt, json_patch},
    mirror::Key,
    preflight::{Need, Patience, Preflight},
    sandboxes::sight::Sight,
    watch::Watches,
};

/// Changes that come together are one look.
const GATHER: Duration = Duration::from_secs(1);
/// Until a look of which a write failed is repeated.
const AGAIN: Duration = Duration::from_secs(5);
/// Everything is looked at this often without a reason.
const RESYNC: Duration = Duration::from_secs(300);
/// Writes at the same time.
const AT_ONCE: usize = 4;

/// Keep the statuses true for as long as the future is polled and `leading` says so.
pub async fn keep(
    client: Client,
    watches: Arc<Watches>,
    settings: watch::Receiver<Arc<StepSettings>>,
    mut leading: watch::Receiver<bool>,
) {
    let mut preflight = Preflight::new(client.clone(), Patience::default());
    loop {
        if leading.wait_for(|leading| *leading).await.is_err() {
            return;
        }
        watches.synced().await;
        let current = settings.borrow().clone();
        let due = preflight.look(&needs(&watches, &current)).await;
        // One that cannot be written keeps none of the others waiting.
        let of_plugins = plugins(&client, &watches, &current, &preflight).await;
        let done = bindings(&client, &watches).await && of_plugins;
        let again = if done { RESYNC } else { AGAIN };
        let again = due.map_or(again, |due| again.min(due.saturating_duration_since(Instant::now())));
        tokio::select! {
            () = watches.references.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(again) => {}
        }
    }
}

/// What each plugin's step pods need. Where no pod can be made nothing is asked: the status says why.
fn needs(watches: &Watches, settings: &StepSettings) -> Vec<Need> {
    let need = |plugin: Arc<ResourcePlugin>| Need {
        uid: plugin.uid().unwrap_or_default(),
        generation: plugin.metadata.generation.unwrap_or_default(),
        objects: step::references(&plugin.spec, settings).unwrap_or_default(),
    };
    watches.plugins.all().into_iter().map(need).collect()
}

/// Answers whether everything is written.
async fn plugins(client: &Client, watches: &Watches, settings: &StepSettings, preflight: &Preflight) -> bool {
    let mut instances: HashMap<String, usize> = HashMap::new();
    for record in watches.records.all() {
        if let Some(pinned) = &record.status.plugin {
            *instances.entry(pinned.identity.clone()).or_default() += 1;
        }
    }
    let now = Timestamp::now();
    let changed = watches.plugins.all().into_iter().filter_map(|plugin| {
        let count = instances.get(&plugin.spec.identity()).copied().unwrap_or_default();
        let status = plugin_status(&plugin, settings, |one| preflight.presence(one), count, now);
        (plugin.status.as_ref() != Some(&status)).then_some((plugin, status))
    });
    let api: &Api<ResourcePlugin> = &Api::all(client.clone());
    let writes = changed.map(|(plugin, status)| async move { write(api, &*plugin, &status).await });
    all_done(futures::stream::iter(writes).buffer_unordered(AT_ONCE)).await
}

/// Answers whether everything is written.
async fn bindings(client: &Client, watches: &Watches) -> bool {
    let system = watches.system_namespace();
    let sight = Sight::new(watches);
    let now = Timestamp::now();
    let namespaces = watches.namespaces.all();
    let changed = watches.bindings.all().into_iter().filter_map(|object| {
        let binding = Arc::new(Binding::new((*object).clone(), system));
        let view = |name: &str| sight.view(&Key::new(name, ""));
        let views: Vec<View> = if binding.is_cluster_wide() {
            let holds =
                namespaces.iter().filter(|facts| !facts.deleting && holds_in(&binding, &facts.labels));
            holds.filter_map(|facts| view(&facts.name)).collect()
        } else {
            view(&binding.namespace).into_iter().collect()
        };
        let status = binding_status(&object, &binding, &views, now);
        (object.status.as_ref() != Some(&status)).then_some((object, status))
    });
    // The views hold a lock of the sight only while they are made; what is to be written does not.
    let changed: Vec<_> = changed.collect();
    let writes = changed.into_iter().map(|(object, status)| async move {
        let api = namespaced::<ResourceBinding>(client, &object.namespace().unwrap_or_default());
        write(&api, &*object, &status).await
    });
    all_done(futures::stream::iter(writes).buffer_unordered(AT_ONCE)).await
}

fn namespaced<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
    client: &Client,
    namespace: &str,
) -> Api<K> {
    Api::namespaced(client.clone(), namespace)
}

/// Whether every write was made.
async fn all_done(written: impl Stream<Item = Answer<()>>) -> bool {
    let each = written.map(|written| {
        written
            .inspect_err(|error| {
                tracing::debug!(error = error as &dyn std::error::Error, "a status is written later");
            })
            .is_ok()
    });
    each.fold(true, |all, one| std::future::ready(all && one)).await
}

async fn write<K, S>(api: &Api<K>, seen: &K, status: &S) -> Answer<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    S: Serialize,
{
    let name = seen.name_any();
    // A uid in what is to be stored makes the write conditional: another one answers 409.
    let patch: Patch<()> = json_patch(json!([
        {"op": "replace", "path": "/metadata/uid", "value": seen.uid()},
        {"op": "add", "path": "/status", "value": status},
    ]))?;
    let what = format!("writing the status of {} {name}", K::kind(&()));
    call_opt(&what, api.patch_status(&name, &PatchParams::default(), &patch)).await.map(drop)
}
