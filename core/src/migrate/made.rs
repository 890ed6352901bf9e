//! An object that is made, and where in the document its parts come from.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    api_version,
    fields::Resource,
    names::{Names, free},
};
use crate::{
    api::{ResourceBinding, Sandbox},
    binding,
    problem::Problem,
    sandbox,
};

/// An object that is made.
pub(super) struct Made {
    kind: &'static str,
    pub(super) name: String,
    namespace: Option<String>,
    pub(super) labels: Map<String, Value>,
    pub(super) spec: Map<String, Value>,
    /// Names of the resources that it declares.
    pub(super) resources: Vec<String>,
    /// Field paths of the object, and where in the document they come from.
    origins: Vec<(String, String)>,
}

impl Made {
    /// An object without content.
    pub(super) fn new(kind: &'static str, name: &str, namespace: Option<&str>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            labels: Map::new(),
            spec: Map::new(),
            resources: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// A binding that gives nothing yet.
    pub(super) fn binding(name: &str, namespace: Option<&str>, selector: &Value) -> Self {
        let mut made = Self::new("ResourceBinding", name, namespace);
        made.spec.insert("selector".to_owned(), selector.clone());
        made.spec.insert("resources".to_owned(), json!([]));
        made
    }

    /// As it is written.
    pub(super) fn object(&self) -> Value {
        let mut metadata = Map::from_iter([("name".to_owned(), json!(self.name))]);
        if let Some(namespace) = &self.namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        if !self.labels.is_empty() {
            metadata.insert("labels".to_owned(), Value::Object(self.labels.clone()));
        }
        json!({"apiVersion": api_version(), "kind": self.kind, "metadata": metadata, "spec": self.spec})
    }

    /// Says where a part comes from.
    pub(super) fn from(&mut self, path: &str, origin: &str) {
        self.origins.push((path.to_owned(), origin.to_owned()));
    }

    /// Adds an item to a list of the content; where it comes from is said with it.
    pub(super) fn push(&mut self, list: &str, item: Value, origin: &str) {
        let field = self.spec.entry(list).or_insert_with(|| json!([]));
        let Some(items) = field.as_array_mut() else { return };
        items.push(item);
        let path = format!("spec.{list}[{}]", items.len() - 1);
        self.from(&path, origin);
    }

    /// Lets a binding declare the resource that stands there in the document, once.
    pub(super) fn declare(&mut self, names: &Names<'_>, resources: &[Resource], at: usize) {
        let Some(resource) = resources.get(at) else { return };
        let name = names.resource(&resource.name);
        if self.resources.contains(&name) {
            return;
        }
        let item = json!({"name": name, "plugin": resource.plugin});
        self.push("resources", item, &format!("spec.resources[{at}]"));
        self.resources.push(name);
    }

    /// Whether a binding passes any output.
    pub(super) fn gives_outputs(&self) -> bool {
        let env = self.spec.get("env").and_then(Value::as_array).into_iter().flatten();
        self.spec.contains_key("files") || env.into_iter().any(|env| env.get("valueFrom").is_some())
    }

    /// What the rules of its kind say, at the places in the document.
    pub(super) fn check(&self) -> Vec<Problem> {
        let object = self.object();
        let told = if self.kind == "Sandbox" {
            serde_json::from_value::<Sandbox>(object).map(|object| {
                sandbox::validate::validate(&object.metadata.name.unwrap_or_default(), &object.spec)
            })
        } else {
            serde_json::from_value::<ResourceBinding>(object)
                .map(|object| binding::validate(&object.spec, false))
        };
        let problems = told.unwrap_or_else(|error| {
            vec![Problem::error("InvalidObject", "spec", error.to_string(), "write it as the reference says")]
        });
        problems
            .into_iter()
            .map(|problem| Problem { place: self.origin(&problem.place), ..problem })
            .collect()
    }

    /// Where in the document a part comes from.
    fn origin(&self, path: &str) -> String {
        let below = |(part, origin): &(String, String)| {
            let rest = path.strip_prefix(part.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| (part.len(), format!("{origin}{rest}")))
        };
        let nearest = self.origins.iter().filter_map(below).max_by_key(|(length, _)| *length);
        nearest.map_or_else(|| "spec".to_owned(), |(_, origin)| origin)
    }
}

/// Gives each object of a namespace a name of its own.
pub(super) fn distinguish(made: &mut [Made]) {
    let mut taken = BTreeSet::new();
    for one in made {
        one.name = free(&one.name, &taken);
        taken.insert(one.name.clone());
    }
}
