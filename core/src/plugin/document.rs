//! Plugins as people write them: the published document (`name: postgres@1.2.0` and `spec`), or a ResourcePlugin object.

mod fields;
mod fit;
mod render;

use serde_json::{Map, Value, json};

use crate::{
    api::{
        ResourcePluginSpec,
        plugin::{Input, Step},
    },
    plugin::validate,
    problem::Problem,
    version::Identity,
    yaml::Document,
};

pub use render::{as_document, as_object};

/// How something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The published document.
    Document,
    /// A ResourcePlugin object.
    Object,
}

/// A plugin that was read, with everything there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// How it was written.
    pub form: Form,
    /// `metadata.name` of the object that it is or becomes.
    pub object_name: String,
    /// `metadata.labels` and `metadata.annotations`, where it is an object: kept as written.
    pub metadata: Map<String, Value>,
    /// The content.
    pub plugin: ResourcePluginSpec,
    /// Warnings; their places begin with `file:line:column`.
    pub warnings: Vec<Problem>,
}

/// Whether a document is a plugin: an object of that kind, or anything without `kind` that has a name or a spec.
pub fn is_plugin(document: &Document) -> bool {
    match document.value.get("kind").and_then(Value::as_str) {
        Some(kind) => kind == "ResourcePlugin",
        None => document.value.get("apiVersion").is_none() && document.value.get("spec").is_some(),
    }
}

/// Reads a plugin, or says everything that is wrong with it; places begin with `file:line:column`. Templates are to be
/// expanded before: see [`map_strings`].
pub fn read(document: &Document) -> Result<Read, Vec<Problem>> {
    let form = if document.value.get("kind").is_some() { Form::Object } else { Form::Document };
    let (spec, object_name, mut problems) = match form {
        Form::Document => from_document(&document.value),
        Form::Object => from_object(&document.value),
    };
    let mut plugin = None;
    match serde_json::from_value::<ResourcePluginSpec>(spec) {
        Ok(spec) => {
            let known: Vec<String> = problems.iter().map(|problem| problem.place.clone()).collect();
            let more = validate(&spec, object_name.as_deref());
            // What is missing or of a wrong type need not be called invalid too.
            problems.extend(
                more.into_iter().filter(|problem| !known.iter().any(|place| covers(place, &problem.place))),
            );
            plugin = Some(spec);
        }
        Err(error) if problems.iter().all(|problem| !problem.is_error()) => {
            problems.push(Problem::error(
                "BadPlugin",
                "spec",
                error.to_string(),
                "write it as the reference says",
            ));
        }
        Err(_) => {}
    }
    let mut problems: Vec<Problem> =
        problems.into_iter().map(|problem| locate(document, form, problem)).collect();
    problems.splice(0..0, document.warnings.iter().cloned());
    match plugin {
        Some(plugin) if problems.iter().all(|problem| !problem.is_error()) => {
            let object_name = object_name.unwrap_or_else(|| object_name_of(&plugin));
            let metadata = kept_metadata(&document.value, form);
            Ok(Read { form, object_name, metadata, plugin, warnings: problems })
        }
        _ => Err(problems),
    }
}

/// The name of the object that a plugin stands in.
pub fn object_name_of(plugin: &ResourcePluginSpec) -> String {
    match &plugin.version {
        Some(version) => format!("{}-{version}", plugin.name),
        None => plugin.name.clone(),
    }
    .to_ascii_lowercase()
}

/// Applies a function to every string *value* of a document, keys left alone: where templates are expanded before a document
/// is read. The function gets the field path, for messages; what it returns takes the string's place and is not visited.
pub fn map_strings<E>(
    value: Value,
    path: &str,
    map: &mut impl FnMut(&str, String) -> Result<Value, E>,
) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => map(path, text)?,
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(at, item)| map_strings(item, &format!("{path}[{at}]"), map));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let path = crate::yaml::field(path, &key);
                out.insert(key, map_strings(value, &path, map)?);
            }
            Value::Object(out)
        }
        other => other,
    })
}

/// The inputs that take params, for `plugin test --param`.
pub fn sandbox_inputs(steps: &[Step]) -> impl Iterator<Item = &Input> {
    steps.iter().flat_map(|step| &step.inputs).filter(|input| input.value_from_sandbox == Some(true))
}

/// Whether a problem at `place` says enough about `other`.
fn covers(place: &str, other: &str) -> bool {
    other.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ':']))
        || place.strip_prefix(other).is_some_and(|rest| rest.starts_with('.') && !rest.contains('['))
}

fn locate(document: &Document, form: Form, problem: Problem) -> Problem {
    let own = matches!(problem.place.as_str(), "spec.name" | "spec.version" | "metadata.name");
    if form == Form::Document && own {
        let problem = Problem { place: "name".to_owned(), ..problem };
        return document.locate(problem, None);
    }
    document.locate(problem, None)
}

type Parts = (Value, Option<String>, Vec<Problem>);

fn from_document(value: &Value) -> Parts {
    let mut problems = Vec::new();
    let top = fit::top(value, &["name", "spec"], &mut problems);
    let mut spec =
        fit::fit(top.get("spec").cloned().unwrap_or_default(), &fields::SPEC, "spec", &mut problems);
    match top.get("name").map(|name| name.as_str().map(str::parse::<Identity>)) {
        Some(Some(Ok(identity))) => {
            spec.insert("name".to_owned(), json!(identity.name));
            if let Some(version) = identity.version {
                spec.insert("version".to_owned(), json!(version.to_string()));
            }
        }
        Some(Some(Err(error))) => {
            let way_out = "write `name` or `name@1.2.0`";
            problems.push(Problem::error("BadName", "spec.name", error.to_string(), way_out));
            spec.insert("name".to_owned(), json!("invalid"));
        }
        other => {
            let reason = if other.is_some() { "the name is not a string" } else { "the name is missing" };
            problems.push(Problem::error(
                "MissingName",
                "spec.name",
                reason,
                "write `name: my-plugin@1.0.0` at the top",
            ));
            spec.insert("name".to_owned(), json!("invalid"));
        }
    }
    (Value::Object(spec), None, problems)
}

fn from_object(value: &Value) -> Parts {
    let mut problems = Vec::new();
    let top = fit::top(value, &["apiVersion", "kind", "metadata", "spec", "status"], &mut problems);
    let text = |field: &str| top.get(field).and_then(Value::as_str).unwrap_or_default();
    let version = format!("{}/{}", sandbind_wire::name::GROUP, sandbind_wire::name::VERSION);
    if text("kind") != "ResourcePlugin" {
        let reason = format!("`{}` is not a ResourcePlugin", text("kind"));
        problems.push(Problem::error("WrongKind", "kind", reason, "name a file that holds one"));
    }
    if text("apiVersion") != version {
        let reason = format!("`{}` is not served", text("apiVersion"));
        problems.push(Problem::error("WrongKind", "apiVersion", reason, format!("write `{version}`")));
    }
    let name = top.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    if name.is_none() {
        let way_out = "write the lower case of `name-version`";
        problems.push(Problem::error("MissingName", "metadata.name", "the object has no name", way_out));
    }
    let spec =
        fit::fit(top.get("spec").cloned().unwrap_or_default(), &fields::OBJECT_SPEC, "spec", &mut problems);
    (Value::Object(spec), name.map(str::to_owned), problems)
}

/// What an object says about itself and a plugin keeps.
fn kept_metadata(value: &Value, form: Form) -> Map<String, Value> {
    let metadata = value.get("metadata").and_then(Value::as_object).filter(|_| form == Form::Object);
    let mut kept = Map::new();
    for field in ["labels", "annotations"] {
        if let Some(value) =
            metadata.and_then(|metadata| metadata.get(field)).filter(|value| value.is_object())
        {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests;
