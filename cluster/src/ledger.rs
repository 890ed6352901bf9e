//! What people gave up: an append-only list in ConfigMaps of the system namespace. A full one is set aside under a number.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use sandbind_core::lifecycle::record::Record;
use sandbind_engine::ports::{Answer, PortError};
use serde_json::json;

use crate::client::{call, call_opt};

/// The ConfigMap that is written now.
pub const LEDGER: &str = "sandbind-ledger";
/// Its key: one JSON object per line.
const ENTRIES: &str = "entries.jsonl";
/// Its key: how many full ones were set aside.
const SET_ASIDE: &str = "setAside";
/// A ConfigMap holds 1 MiB; beyond half of it the entries are set aside.
const FULL: usize = 512 * 1024;

/// Append one entry per incarnation.
pub(crate) async fn append(client: &Client, namespace: &str, record: &Record, reason: &str) -> Answer<()> {
    let what = format!("writing ConfigMap {namespace}/{LEDGER}");
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let found = call_opt(&what, api.get(LEDGER)).await?;
    let mut ledger = found.unwrap_or_else(|| empty(LEDGER));
    let data = ledger.data.get_or_insert_default();
    let mut entries = data.remove(ENTRIES).unwrap_or_default();
    let incarnation = &record.spec.incarnation;
    if entries.contains(&format!("\"incarnation\":\"{incarnation}\"")) {
        return Ok(());
    }
    if entries.len() > FULL {
        let number = data.get(SET_ASIDE).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0) + 1;
        set_aside(&api, &what, number, std::mem::take(&mut entries)).await?;
        data.insert(SET_ASIDE.to_owned(), number.to_string());
    }
    entries.push_str(&entry(record, reason, Timestamp::now()));
    data.insert(ENTRIES.to_owned(), entries);
    let written = if ledger.metadata.resource_version.is_some() {
        call(&what, api.replace(LEDGER, &PostParams::default(), &ledger)).await
    } else {
        call(&what, api.create(&PostParams::default(), &ledger)).await
    };
    match written {
        Ok(_) => Ok(()),
        // Somebody else wrote it meanwhile: the pass is repeated.
        Err(PortError::Exists { what }) => Err(PortError::Conflict { what }),
        Err(error) => Err(error),
    }
}

/// Exists already: the same entries, of a try that did not come to its end.
async fn set_aside(api: &Api<ConfigMap>, what: &str, number: u32, entries: String) -> Answer<()> {
    let mut full = empty(&format!("{LEDGER}-{number}"));
    full.data = Some(BTreeMap::from([(ENTRIES.to_owned(), entries)]));
    full.immutable = Some(true);
    match call(what, api.create(&PostParams::default(), &full)).await {
        Ok(_) | Err(PortError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn empty(name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    ConfigMap { metadata, ..ConfigMap::default() }
}

fn entry(record: &Record, reason: &str, now: Timestamp) -> String {
    let key = &record.spec.key;
    let line = json!({
        "incarnation": record.spec.incarnation,
        "instance": record.name,
        "namespace": key.namespace,
        "namespaceUid": key.namespace_uid,
        "sandbox": key.sandbox,
        "resource": key.resource,
        "plugin": record.status.plugin.as_ref().map(|plugin| &plugin.identity),
        "round": record.status.round,
        "phase": record.status.phase,
        "reason": reason,
        "at": now.to_string(),
    });
    format!("{line}\n")
}
