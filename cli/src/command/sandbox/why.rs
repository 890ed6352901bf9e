//! `sandbind sandbox why`: gathers what the namespace knows, and shows what it means.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    core::{DynamicObject, GroupVersionKind},
    discovery::ApiResource,
};
use sandbind_wire::name::LABEL_SANDBOX;
use serde_json::json;

use super::{
    absent, api,
    explain::{Denial, Facts, explain},
    holders, place, show,
};
use crate::{
    client::Cluster,
    exit::Outcome,
    output::{self, Shell},
};

/// Explains. Ends with 1 only when there is nothing of that name at all.
pub(super) async fn run(cluster: &Cluster, name: &str, shell: &Shell) -> Outcome {
    let facts = gather(cluster, name).await?;
    if facts.sandbox.is_none() && facts.pods.is_empty() && facts.denials.is_empty() {
        return Err(absent(cluster, name));
    }
    let findings = explain(&facts);
    let phase = facts.sandbox.as_ref().map_or_else(|| "none".to_owned(), show::phase);
    let status = facts.sandbox.as_ref().and_then(|sandbox| sandbox.status.clone()).unwrap_or_default();
    let message = status.message.unwrap_or_default();
    let answer = json!({
        "sandbox": name, "namespace": cluster.namespace, "phase": phase, "message": message, "findings": findings,
    });
    shell.show(&answer, || {
        let mut text = format!("{}: {phase}", place(cluster, name));
        if let Some(summary) = &status.summary {
            text.push_str(", ");
            text.push_str(summary);
        }
        if !message.is_empty() {
            text.push_str(": ");
            text.push_str(&message);
        }
        text.push('\n');
        if findings.is_empty() {
            text.push_str("nothing stops it\n");
        }
        for finding in &findings {
            text.push('\n');
            text.push_str(&output::human(finding));
        }
        text
    })
}

async fn gather(cluster: &Cluster, name: &str) -> Outcome<Facts> {
    let sandbox = api(cluster).get_opt(name).await?;
    let pods = holders::pods(cluster, name).await?;
    let events: Vec<Event> = Api::<Event>::namespaced(cluster.client.clone(), &cluster.namespace)
        .list(&ListParams::default())
        .await?
        .items;
    let deleting = sandbox.as_ref().is_some_and(|sandbox| sandbox.metadata.deletion_timestamp.is_some());
    let holders =
        if deleting { holders::sentence(&holders::of(cluster, name).await?) } else { String::new() };
    Ok(Facts {
        name: name.to_owned(),
        namespace: cluster.namespace.clone(),
        denials: denials(cluster, name, &events, &pods).await?,
        said: said(&events, &pods),
        holders,
        sandbox,
        pods,
    })
}

/// The latest message of each pod's events, by pod and reason.
fn said(events: &[Event], pods: &[Pod]) -> BTreeMap<(String, String), String> {
    let mut latest: BTreeMap<(String, String), (Option<Timestamp>, String)> = BTreeMap::new();
    for event in events {
        let about = &event.involved_object;
        if !pods.iter().any(|pod| pod.metadata.uid == about.uid) {
            continue;
        }
        let key = (about.name.clone().unwrap_or_default(), event.reason.clone().unwrap_or_default());
        let entry = (time(event), event.message.clone().unwrap_or_default());
        let slot = latest.entry(key).or_insert_with(|| entry.clone());
        if entry.0 >= slot.0 {
            *slot = entry;
        }
    }
    latest.into_iter().map(|(key, (_, message))| (key, message)).collect()
}

/// Pods of the sandbox that were refused since the last one was made: the controllers' own events say so.
async fn denials(cluster: &Cluster, name: &str, events: &[Event], pods: &[Pod]) -> Outcome<Vec<Denial>> {
    let newest_pod = pods.iter().filter_map(|pod| pod.creation_timestamp().map(|time| time.0)).max();
    let mut denials: BTreeMap<(String, String), Denial> = BTreeMap::new();
    for event in events {
        let message = event.message.as_deref().unwrap_or_default();
        let refused = event.reason.as_deref() == Some("FailedCreate") && message.contains("sandbind.dev");
        let at = time(event);
        if !refused || at < newest_pod {
            continue;
        }
        let about = &event.involved_object;
        let (kind, owner) = (about.kind.clone().unwrap_or_default(), about.name.clone().unwrap_or_default());
        let known = denials.contains_key(&(kind.clone(), owner.clone()));
        if !known
            && !makes(cluster, about.api_version.as_deref().unwrap_or_default(), &kind, &owner, name).await
        {
            continue;
        }
        let denial = Denial { owner: format!("{kind} {owner}"), message: message.to_owned(), at };
        let slot = denials.entry((kind, owner)).or_insert_with(|| denial.clone());
        if denial.at >= slot.at {
            *slot = denial;
        }
    }
    Ok(denials.into_values().collect())
}

/// Whether the template of this object carries the label of the sandbox. An object that cannot be read does not.
async fn makes(cluster: &Cluster, api_version: &str, kind: &str, name: &str, sandbox: &str) -> bool {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    let Ok(Some(object)) = api.get_opt(name).await else { return false };
    let labels = object.data.pointer("/spec/template/metadata/labels");
    labels.and_then(|labels| labels.get(LABEL_SANDBOX)).and_then(serde_json::Value::as_str) == Some(sandbox)
}

fn time(event: &Event) -> Option<Timestamp> {
    let series =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    series.max(last).max(first)
}
