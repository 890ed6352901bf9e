//! The ConfigMap `sandbind-runner` of each namespace in use: how the runner is reached now. All of it is public.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use sandbind_core::step::StepSettings;
use sandbind_wire::name;
use serde_json::json;
use tokio::sync::watch;

use crate::{client::call, delivery::FIELD_MANAGER, mirror::Key, watch::Watches};

/// Between two looks at which namespaces are in use.
const EVERY: Duration = Duration::from_secs(5);
/// What was written is written again after so many looks: somebody may have changed it.
const AGAIN: u32 = 120;

/// Keep the ConfigMaps true for as long as the future is polled and `leading` says so.
pub async fn keep(
    client: Client,
    watches: Arc<Watches>,
    settings: watch::Receiver<Arc<StepSettings>>,
    leading: watch::Receiver<bool>,
) {
    // UID of the namespace → what was written, and how many looks ago.
    let mut written: BTreeMap<String, (Arc<StepSettings>, u32)> = BTreeMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        if !*leading.borrow() {
            written.clear();
            continue;
        }
        let current = settings.borrow().clone();
        let mut in_use = BTreeMap::new();
        for record in watches.records.all() {
            let key = &record.spec.key;
            in_use.entry(key.namespace_uid.clone()).or_insert_with(|| key.namespace.clone());
        }
        written.retain(|uid, _| in_use.contains_key(uid));
        for (uid, namespace) in in_use {
            let known = watches.namespaces.get(&Key::new("", &*namespace));
            if known.is_none_or(|known| known.uid != uid || known.deleting) {
                continue;
            }
            if let Some((before, looks)) = written.get_mut(&uid)
                && *before == current
                && *looks < AGAIN
            {
                *looks += 1;
                continue;
            }
            if write(&client, &namespace, &current).await {
                written.insert(uid, (current.clone(), 0));
            }
        }
    }
}

/// Best effort: pods carry the same in their env as of their creation.
async fn write(client: &Client, namespace: &str, settings: &StepSettings) -> bool {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name::RUNNER_CONFIG_MAP,
            "labels": {"app.kubernetes.io/managed-by": name::MANAGED_BY},
        },
        "data": {"url": settings.runner_url, "name": settings.runner_name, "ca.crt": settings.runner_ca},
    });
    let what = format!("writing ConfigMap {namespace}/{}", name::RUNNER_CONFIG_MAP);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let done = call(&what, api.patch(name::RUNNER_CONFIG_MAP, &params, &Patch::Apply(&object))).await;
    done.inspect_err(|error| tracing::debug!(error = error as &dyn std::error::Error, "tried again later"))
        .is_ok()
}
