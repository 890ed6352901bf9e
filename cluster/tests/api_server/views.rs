//! What admissions see of the live objects: now, and as of a revision.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use sandbind_cluster::view::Cluster;
use sandbind_core::{api::ResourceBinding, binding::View, inject::Installation};
use sandbind_engine::{
    admission::ports::{Surroundings as _, Unwatched, Views as _},
    trace::Untraced,
};
use serde_json::json;

use crate::bed::{Bed, bed};

/// More than a page of a listing.
const MANY: usize = 501;

fn cluster(bed: &Bed) -> Arc<Cluster<Unwatched, Untraced>> {
    Cluster::new(bed.client.clone(), &bed.system, Installation::default(), Arc::new(Unwatched), Untraced)
}

fn bindings(bed: &Bed) -> Api<ResourceBinding> {
    Api::namespaced(bed.client.clone(), &bed.shop)
}

async fn bind(bed: &Bed, name: &str) {
    let object = json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "resources": [{"name": "db", "plugin": "db"}]}
    });
    let object = serde_json::from_value(object).unwrap();
    bindings(bed).create(&PostParams::default(), &object).await.unwrap();
}

fn names(view: Option<View>) -> Vec<String> {
    view.unwrap().bindings.iter().map(|binding| binding.name.clone()).collect()
}

#[tokio::test]
async fn a_look_at_the_revision_of_a_record_sees_what_was_there_when_it_was_written() {
    let bed = bed().await;
    let cluster = cluster(&bed);
    bind(&bed, "before").await;
    let record = bed.record("pr-1").await;
    bindings(&bed).delete("before", &DeleteParams::default()).await.unwrap();
    bind(&bed, "after").await;
    let views = cluster.views();
    assert_eq!(names(views.at(&bed.shop, "pr-1", &record.version).await.unwrap()), ["before"]);
    assert_eq!(names(views.fresh(&bed.shop, "pr-1").await.unwrap()), ["after"]);
    assert!(views.at("no-such-namespace", "pr-1", &record.version).await.unwrap().is_none());
    let far = "9007199254740993";
    assert!(views.at(&bed.shop, "pr-1", far).await.is_err(), "a revision that is still to come");
    bed.end().await;
}

#[tokio::test]
async fn a_look_at_a_revision_goes_on_over_pages() {
    let bed = bed().await;
    let cluster = cluster(&bed);
    let names_of_many = (0..MANY).map(|nth| format!("b{nth}"));
    stream::iter(names_of_many).for_each_concurrent(20, async |name| bind(&bed, &name).await).await;
    let record = bed.record("pr-1").await;
    bindings(&bed).delete("b500", &DeleteParams::default()).await.unwrap();
    assert_eq!(names(cluster.views().at(&bed.shop, "pr-1", &record.version).await.unwrap()).len(), MANY);
    assert_eq!(names(cluster.views().fresh(&bed.shop, "pr-1").await.unwrap()).len(), MANY - 1);
    bed.end().await;
}
