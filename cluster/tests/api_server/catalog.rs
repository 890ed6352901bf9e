use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use sandbind_cluster::{catalog::ClusterCatalog, clock::random_bytes};
use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin, Sandbox, SandboxSpec},
    identity,
    lifecycle::observed::Plan,
};
use sandbind_engine::ports::{Catalog, View, Wishes};
use sandbind_wire::name;
use serde_json::json;

use crate::bed::{bed, eventually};

#[tokio::test]
async fn a_plan_is_made_of_what_is_there_now_and_the_caches_follow() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let catalog = ClusterCatalog::new(bed.client.clone(), bed.watches.clone());
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    let plugin_name = format!("db-{}", identity::incarnation(random_bytes().unwrap()));
    bed.watching(async {
        let fresh = catalog.plan(&record.spec, View::Fresh).await.unwrap();
        assert!(matches!(fresh, Plan::Impossible(_)), "nothing declares it: {fresh:?}");
        let plugin = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
            "metadata": {"name": plugin_name}, "spec": {
                "name": plugin_name, "runner": {"image": "localhost/none"},
                "create": [{"name": "provision", "script": "true", "outputs": [{"name": "url", "valueFromPath": "/tmp/u"}]}],
                "limits": {"concurrency": 3},
            }});
        let plugin: ResourcePlugin = serde_json::from_value(plugin).unwrap();
        plugins.create(&PostParams::default(), &plugin).await.unwrap();
        let binding = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
            "metadata": {"name": "orders"}, "spec": {"resources": [{"name": "db", "plugin": plugin_name}]}});
        let bindings: Api<ResourceBinding> = Api::namespaced(bed.client.clone(), &bed.shop);
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
        let Plan::Found(snapshot) = catalog.plan(&record.spec, View::Fresh).await.unwrap() else {
            panic!("a fresh look sees what was written before it")
        };
        let identity = format!("{plugin_name}@0.0.0");
        assert_eq!(snapshot.identity, identity);
        eventually("the caches follow", || async {
            let cached = catalog.plan(&record.spec, View::Cached).await.unwrap();
            cached == Plan::Found(snapshot.clone()) && catalog.limits(&identity).concurrency == Some(3)
        })
        .await;
        assert!(catalog.plugin(&identity).await.unwrap().is_some());
        assert!(catalog.plugin(&format!("{plugin_name}@9.9.9")).await.unwrap().is_none());
        let mut moved = record.spec.clone();
        moved.key.namespace_uid = "of-an-earlier-one".into();
        for view in [View::Fresh, View::Cached] {
            assert!(matches!(catalog.plan(&moved, view).await.unwrap(), Plan::Impossible(_)));
        }
    })
    .await;
    plugins.delete(&plugin_name, &kube::api::DeleteParams::default()).await.unwrap();
    bed.end().await;
}

#[tokio::test]
async fn a_sandbox_says_when_it_is_to_be_tried_again_and_when_it_goes() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let catalog = ClusterCatalog::new(bed.client.clone(), bed.watches.clone());
    let api: Api<Sandbox> = Api::namespaced(bed.client.clone(), &bed.shop);
    let key = &record.spec.key;
    bed.watching(async {
        assert_eq!(catalog.wishes(key).await.unwrap(), Wishes::default());
        let mut sandbox = Sandbox::new("pr-1", SandboxSpec::default());
        sandbox.metadata.finalizers = Some(vec![name::FINALIZER_SANDBOX.into()]);
        sandbox.metadata.annotations = Some([(name::ANNOTATION_RETRY.to_owned(), "now".to_owned())].into());
        api.create(&PostParams::default(), &sandbox).await.unwrap();
        let retry = Wishes { retry: Some("now".into()), deleted: false };
        eventually("the wish is known", || async { catalog.wishes(key).await.unwrap() == retry }).await;
        api.delete("pr-1", &kube::api::DeleteParams::default()).await.unwrap();
        eventually("its end is known", || async { catalog.wishes(key).await.unwrap().deleted }).await;
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.patch("pr-1", &PatchParams::default(), &free).await.unwrap();
    })
    .await;
    bed.end().await;
}
