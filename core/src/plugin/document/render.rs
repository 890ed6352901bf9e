//! A plugin in either form, as JSON to be written.

use sandbind_wire::name::{GROUP, VERSION};
use serde_json::{Map, Value, json};

use super::{Read, object_name_of};
use crate::{api::ResourcePluginSpec, problem::Problem, template::has_placeholder};

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

/// What a reader of a document would take for placeholders: the language has no escape for them.
pub fn placeholders(document: &Value) -> Vec<Problem> {
    fn walk(value: &Value, path: &str, found: &mut Vec<Problem>) {
        match value {
            Value::String(text) if has_placeholder(text) => {
                let reason = "in a document `@{…}` is a placeholder, and here it is text";
                let way_out = "render it as an object, or embed the text as a file";
                found.push(Problem::warning("LiteralPlaceholder", path, reason, way_out));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(at, item)| walk(item, &format!("{path}[{at}]"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| walk(value, &crate::yaml::field(path, key), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(document, "", &mut found);
    found
}

fn fields(plugin: &ResourcePluginSpec) -> Map<String, Value> {
    match serde_json::to_value(plugin) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
