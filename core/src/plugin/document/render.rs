//! A plugin in either form, as JSON to be written.

use sandbind_wire::name::{GROUP, VERSION};
use serde_json::{Map, Value, json};

use super::{Read, object_name_of};
use crate::api::ResourcePluginSpec;

/// The published document: `name: postgres@1.2.0`, a draft without suffix, and `spec`.
pub fn as_document(plugin: &ResourcePluginSpec) -> Value {
    let name = match &plugin.version {
        Some(version) => format!("{}@{version}", plugin.name),
        None => plugin.name.clone(),
    };
    let mut spec = fields(plugin);
    spec.shift_remove("name");
    spec.shift_remove("version");
    json!({"name": name, "spec": spec})
}

/// The ResourcePlugin object, ready to be applied.
pub fn as_object(read: &Read) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(object_name_of(&read.plugin)));
    metadata.extend(read.metadata.clone());
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "ResourcePlugin",
        "metadata": metadata,
        "spec": fields(&read.plugin),
    })
}

fn fields(plugin: &ResourcePluginSpec) -> Map<String, Value> {
    match serde_json::to_value(plugin) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
