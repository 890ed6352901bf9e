//! Asking whether what step pods name is there.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use sandbind_cluster::preflight::{Need, Patience, Preflight};
use sandbind_core::{
    api::ResourcePlugin,
    identity,
    plugin::references::{Kind, Presence, Reference},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::bed::{Bed, bed, eventually};

const KINDS: [Kind; 3] = [Kind::ConfigMap, Kind::Secret, Kind::ServiceAccount];

fn reference(kind: Kind, namespace: &str, name: &str) -> Reference {
    Reference { kind, namespace: namespace.to_owned(), name: name.to_owned() }
}

fn need(generation: i64, objects: impl IntoIterator<Item = Reference>) -> Need {
    Need { uid: "p".to_owned(), generation, objects: objects.into_iter().collect() }
}

/// A Secret with a value, a ConfigMap and a ServiceAccount of one name.
async fn make(bed: &Bed, name: &str) {
    let object = json!({"metadata": {"name": name}});
    let secret = json!({"metadata": {"name": name}, "stringData": {"password": "hush"}});
    let params = PostParams::default();
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    secrets.create(&params, &serde_json::from_value(secret).unwrap()).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(bed.client.clone(), &bed.shop);
    maps.create(&params, &serde_json::from_value(object.clone()).unwrap()).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.shop);
    accounts.create(&params, &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// Whether any of the three is there.
async fn any(bed: &Bed, name: &str) -> bool {
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    let maps: Api<ConfigMap> = Api::namespaced(bed.client.clone(), &bed.shop);
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.shop);
    secrets.get_opt(name).await.unwrap().is_some()
        || maps.get_opt(name).await.unwrap().is_some()
        || accounts.get_opt(name).await.unwrap().is_some()
}

#[tokio::test]
async fn each_kind_is_told_to_be_there_or_absent_and_asking_makes_nothing() {
    let bed = bed().await;
    let mut preflight = Preflight::new(bed.client.clone(), Patience::default());
    make(&bed, "there").await;
    let of = |name: &'static str| KINDS.map(|kind| reference(kind, &bed.shop, name));
    let both: BTreeSet<Reference> = of("there").into_iter().chain(of("absent")).collect();
    preflight.look(&[need(1, both.clone())]).await;
    for (name, expected) in [("there", Presence::There), ("absent", Presence::Absent)] {
        for one in of(name) {
            assert_eq!(preflight.presence(&one), expected, "{one:?}");
        }
    }
    assert!(!any(&bed, "absent").await);
    // The answer holds, and a plugin that changes has it asked for anew.
    make(&bed, "absent").await;
    preflight.look(&[need(1, both.clone())]).await;
    assert!(of("absent").iter().all(|one| preflight.presence(one) == Presence::Absent));
    preflight.look(&[need(2, both)]).await;
    assert!(of("absent").iter().all(|one| preflight.presence(one) == Presence::There));
    bed.end().await;
}

#[tokio::test]
async fn an_answer_is_asked_for_again_when_its_time_is_over() {
    let bed = bed().await;
    let known = Duration::from_millis(100);
    let preflight = Mutex::new(Preflight::new(bed.client.clone(), Patience { there: known, lacking: known }));
    let one = reference(Kind::Secret, &bed.shop, "late");
    let needs = [need(1, [one.clone()])];
    let is = async |expected: Presence| {
        let mut preflight = preflight.lock().await;
        preflight.look(&needs).await;
        preflight.presence(&one) == expected
    };
    assert!(is(Presence::Absent).await);
    make(&bed, "late").await;
    eventually("the new Secret is seen", || is(Presence::There)).await;
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), &bed.shop);
    secrets.delete("late", &DeleteParams::default()).await.unwrap();
    eventually("its end is seen", || is(Presence::Absent)).await;
    bed.end().await;
}

#[tokio::test]
async fn a_question_that_is_refused_is_no_absence() {
    let bed = bed().await;
    let mut preflight = Preflight::new(bed.client.clone(), Patience::default());
    for (namespace, name, why) in
        [(&*bed.shop, "Not_A_Name", "Not_A_Name"), ("no-such-namespace", "a", "no-such-namespace")]
    {
        for kind in KINDS {
            let one = reference(kind, namespace, name);
            preflight.look(&[need(1, [one.clone()])]).await;
            match preflight.presence(&one) {
                Presence::Unknown(reason) => assert!(reason.contains(why), "{reason}"),
                other => panic!("{one:?}: {other:?}"),
            }
        }
    }
    bed.end().await;
}

#[tokio::test]
async fn a_plugin_says_what_its_steps_lack_and_a_changed_one_is_looked_at_anew() {
    let bed = bed().await;
    let name = format!("lack{}", identity::hash(&[&bed.shop], 10));
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    let resolved = async |generation: i64| {
        let status = plugins.get(&name).await.unwrap().status.unwrap_or_default();
        let of_now = status.conditions.into_iter().filter(|one| one.observed_generation == Some(generation));
        let found = of_now.into_iter().find(|one| one.type_ == "ResolvedRefs");
        found.map(|one| (one.status, one.reason, one.message)).unwrap_or_default()
    };
    let part = async {
        let overlay = "spec: {serviceAccountName: admin, volumes: [{name: v, secret: {secretName: admin}}]}";
        let object: Value = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": name},
            "spec": {"name": name, "runner": {"image": "i", "podTemplateOverlay": overlay},
                "create": [{"name": "provision", "script": "#!/bin/sh\n"}]}});
        let made =
            plugins.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        assert_eq!(made.name_any(), name);
        eventually("what is missing is told", || async {
            let (status, reason, message) = resolved(1).await;
            (&*status, &*reason) == ("False", "ReferenceNotFound")
                && ["Secret `admin`", "ServiceAccount `admin`", "`provision`", &bed.shop]
                    .iter()
                    .all(|part| message.contains(part))
        })
        .await;
        make(&bed, "admin").await;
        let change = json!({"spec": {"description": "what it lacked is there now"}});
        plugins.patch(&name, &PatchParams::default(), &Patch::Merge(&change)).await.unwrap();
        eventually("nothing is missing", || async { resolved(2).await.0 == "True" }).await;
    };
    bed.keeping_statuses(&bed.shop, part).await;
    plugins.delete(&name, &DeleteParams::default()).await.unwrap();
    bed.end().await;
}
