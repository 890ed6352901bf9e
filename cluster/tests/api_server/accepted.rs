//! The statuses of plugins and bindings as the runner keeps them.

use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin},
    identity,
};
use serde_json::json;

use crate::bed::{bed, eventually};

#[tokio::test]
async fn a_binding_is_resolved_as_soon_as_its_plugin_is_there() {
    let bed = bed().await;
    let plugin = format!("acc{}", identity::hash(&[&bed.shop], 10));
    let object_name = format!("{plugin}-1.0.0");
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    let bindings: Api<ResourceBinding> = Api::namespaced(bed.client.clone(), &bed.shop);
    let resolved = || async {
        let status = bindings.get("orders").await.unwrap().status.unwrap_or_default();
        let found = status.conditions.into_iter().find(|one| one.type_ == "ResolvedRefs");
        found.map(|one| (one.status, one.reason)).unwrap_or_default()
    };
    let part = async {
        let binding = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": "orders"},
            "spec": {"resources": [{"name": "db", "plugin": plugin}]}});
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
        eventually("the binding lacks its plugin", || async {
            resolved().await == ("False".to_owned(), "UnknownPlugin".to_owned())
        })
        .await;
        let object: ResourcePlugin = serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": object_name},
            "spec": {"name": plugin, "version": "1.0.0", "runner": {"image": "i"},
                "create": [{"name": "provision", "script": "#!/bin/sh\n"}]}}))
        .unwrap();
        plugins.create(&PostParams::default(), &object).await.unwrap();
        eventually("the binding is resolved", || async { resolved().await.0 == "True" }).await;
        let status = plugins.get_status(&object_name).await.unwrap().status.unwrap();
        assert_eq!(status.observed_generation, 1);
        assert!(status.conditions.iter().all(|one| one.status == "True"), "{:?}", status.conditions);
    };
    bed.keeping_statuses(&bed.system, part).await;
    plugins.delete(&object_name, &DeleteParams::default()).await.unwrap();
    bed.end().await;
}
