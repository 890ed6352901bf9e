use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Api, api::DeleteParams};
use sandbind_cluster::delivery::{ANNOTATION_REVISION, ClusterDelivery};
use sandbind_engine::ports::{Delivery, PortError};
use sandbind_wire::{Bytes64, name};

use crate::bed::{bed, eventually};

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Bytes64> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Bytes64::from(*value))).collect()
}

#[tokio::test]
async fn the_tenants_secret_holds_exactly_what_was_delivered_last() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let delivery = ClusterDelivery::new(bed.client.clone());
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    let name = name::delivered_secret(&record.spec.incarnation);
    for (revision, given) in [(1, values(&[("a.x", "1"), ("b.y", "\u{e9}")])), (2, values(&[("a.x", "2")]))] {
        for _ in 0..2 {
            delivery.deliver(&record, revision, &given).await.unwrap();
        }
        let secret = secrets.get(&name).await.unwrap();
        let held: BTreeMap<String, Bytes64> =
            secret.data.unwrap().into_iter().map(|(key, value)| (key, Bytes64(value.0))).collect();
        assert_eq!(held, given);
        assert_eq!(secret.type_.unwrap(), "Opaque");
        assert_eq!(secret.metadata.annotations.unwrap()[ANNOTATION_REVISION], revision.to_string());
    }
    for _ in 0..2 {
        delivery.withdraw(&record).await.unwrap();
        assert!(secrets.get_opt(&name).await.unwrap().is_none());
    }
    bed.end().await;
}

#[tokio::test]
async fn another_namespace_of_the_same_name_gets_nothing() {
    let bed = bed().await;
    let mut record = bed.record("pr-1").await;
    record.spec.key.namespace_uid = "of-an-earlier-one".into();
    let delivery = ClusterDelivery::new(bed.client.clone());
    let refused = delivery.deliver(&record, 1, &values(&[("a.x", "1")])).await;
    assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    assert!(secrets.get_opt(&name::delivered_secret(&record.spec.incarnation)).await.unwrap().is_none());
    bed.end().await;
}

#[tokio::test]
async fn a_namespace_that_ends_refuses_what_is_new_and_lets_go_of_the_rest() {
    let bed = bed().await;
    let record = bed.record("pr-1").await;
    let delivery = ClusterDelivery::new(bed.client.clone());
    let namespaces: Api<Namespace> = Api::all(bed.client.clone());
    // Somebody else's finalizer keeps it terminating.
    let hold = serde_json::json!({"metadata": {"finalizers": ["tests.invalid/hold"]}});
    let hold = kube::api::Patch::Merge(hold);
    namespaces.patch(&bed.shop, &kube::api::PatchParams::default(), &hold).await.unwrap();
    namespaces.delete(&bed.shop, &DeleteParams::default()).await.unwrap();
    let refused = delivery.deliver(&record, 1, &values(&[("a.x", "1")])).await;
    assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
    delivery.withdraw(&record).await.unwrap();
    let release = serde_json::json!({"metadata": {"finalizers": null}});
    let release = kube::api::Patch::Merge(release);
    namespaces.patch(&bed.shop, &kube::api::PatchParams::default(), &release).await.unwrap();
    eventually("the namespace is gone", || async { namespaces.get_opt(&bed.shop).await.unwrap().is_none() })
        .await;
    delivery.withdraw(&record).await.unwrap();
    let refused = delivery.deliver(&record, 1, &values(&[("a.x", "1")])).await;
    assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
    bed.end().await;
}
