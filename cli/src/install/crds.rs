//! The five kinds.
#![expect(clippy::indexing_slicing, reason = "indexing a Value by a key answers Null, it cannot panic")]

use sandbind_core::api::crd;
use serde_json::{Value, json};

use super::{labels, without_server_fields};

/// The CustomResourceDefinitions.
pub(super) fn all() -> Vec<Value> {
    crd::all()
        .into_iter()
        .filter_map(|crd| serde_json::to_value(crd).ok())
        .map(without_server_fields)
        .map(|mut crd| {
            if let Some(Value::Object(metadata)) = crd.get_mut("metadata") {
                metadata.insert("labels".to_owned(), labels("api"));
            }
            // Field order as people expect it.
            json!({
                "apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": crd["metadata"], "spec": crd["spec"],
            })
        })
        .collect()
}
