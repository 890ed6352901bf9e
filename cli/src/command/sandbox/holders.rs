//! Who keeps a sandbox from going: its pods and what makes them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::{apps::v1::ReplicaSet, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Api, ResourceExt as _, api::ListParams};
use sandbind_wire::name::LABEL_SANDBOX;

use crate::{client::Cluster, exit::Outcome};

/// Pods by their top owner, as `Kind name`; pods without one stand for themselves.
pub(super) type Holders = BTreeMap<String, BTreeSet<String>>;

/// The labelled pods of the namespace that have not ended.
pub(super) async fn pods(cluster: &Cluster, sandbox: &str) -> Outcome<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = ListParams::default().labels(&format!("{LABEL_SANDBOX}={sandbox}"));
    let ended = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    Ok(api.list(&params).await?.items.into_iter().filter(|pod| !ended(pod)).collect())
}

/// Who holds the sandbox now.
pub(super) async fn of(cluster: &Cluster, sandbox: &str) -> Outcome<Holders> {
    let mut holders = Holders::new();
    for pod in pods(cluster, sandbox).await? {
        let owner = match controller(pod.owner_references()) {
            Some(owner) => top(cluster, owner).await?,
            None => format!("Pod {}", pod.name_any()),
        };
        holders.entry(owner).or_default().insert(pod.name_any());
    }
    Ok(holders)
}

/// `Deployment orders (pods orders-1, orders-2), Pod x`.
pub(super) fn sentence(holders: &Holders) -> String {
    let parts: Vec<String> = holders
        .iter()
        .map(|(owner, pods)| {
            if owner.starts_with("Pod ") {
                return owner.clone();
            }
            let mut names: Vec<&str> = pods.iter().map(String::as_str).take(5).collect();
            let more = pods.len().saturating_sub(names.len());
            let rest = format!("{more} more");
            if more > 0 {
                names.push(&rest);
            }
            format!("{owner} (pods {})", names.join(", "))
        })
        .collect();
    parts.join("; ")
}

/// The owner that makes the object.
pub(super) fn controller(owners: &[OwnerReference]) -> Option<&OwnerReference> {
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// A ReplicaSet stands for its Deployment.
async fn top(cluster: &Cluster, owner: &OwnerReference) -> Outcome<String> {
    let itself = format!("{} {}", owner.kind, owner.name);
    if owner.kind != "ReplicaSet" {
        return Ok(itself);
    }
    let api: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let replica_set = api.get_opt(&owner.name).await?;
    let above = replica_set.as_ref().and_then(|set| controller(set.owner_references()));
    Ok(above.map_or(itself, |above| format!("{} {}", above.kind, above.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_controllers_with_their_pods_and_bounds_the_list() {
        let pods = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let holders = Holders::from([
            ("Deployment orders".to_owned(), pods(&["a", "b", "c", "d", "e", "f", "g"])),
            ("Pod lone".to_owned(), pods(&["lone"])),
        ]);
        assert_eq!(sentence(&holders), "Deployment orders (pods a, b, c, d, e, 2 more); Pod lone");
    }
}
