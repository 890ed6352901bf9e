//! Plugins as people write them: the published document (`name: postgres@1.2.0` and `spec`), or a ResourcePlugin object.

pub(crate) mod fields;
pub(crate) mod fit;
mod render;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    api::{
        ResourcePluginSpec,
        plugin::{Input, Step},
    },
    plugin::{lint, validate},
    problem::{MOST_PROBLEMS, Problem, Problems},
    template::{self, Files, Reading, Used, Variables},
    version::Identity,
    yaml::{Document, Locator},
};

pub use render::{as_document, as_object, placeholders};

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

/// The document with its placeholders replaced. Only the published document has any: in an object `@{` is text like any other.
/// What is wrong is in the problems of the answer, for [`read`] to tell.
pub fn expand(
    document: &Document,
    variables: &Variables,
    reading: Reading,
    files: &mut dyn Files,
    used: &mut Used,
) -> Document {
    match form_of(document) {
        Form::Document => template::expand(document, variables, reading, files, used),
        Form::Object => document.clone(),
    }
}

fn form_of(document: &Document) -> Form {
    if document.value.get("kind").is_some() { Form::Object } else { Form::Document }
}

/// Reads a plugin, or says everything that is wrong with it; places begin with `file:line:column`. Its template is expanded
/// before: see [`expand`].
pub fn read(document: &Document) -> Result<Read, Vec<Problem>> {
    let form = form_of(document);
    let (spec, object_name, mut problems) = match form {
        Form::Document => from_document(&document.value),
        Form::Object => from_object(&document.value),
    };
    let mut plugin = None;
    match serde_json::from_value::<ResourcePluginSpec>(spec) {
        // With so much wrong, the rest would be guesses.
        Ok(_) if problems.is_full() => {}
        Ok(spec) => {
            // What is missing or of a wrong type need not be called invalid too. A warning says nothing of the kind.
            let known = problems.iter().filter(|problem| problem.is_error());
            let known: Vec<String> = known.map(|problem| problem.place.clone()).collect();
            let more = validate(&spec, object_name.as_deref());
            let more =
                more.into_iter().filter(|problem| !known.iter().any(|place| covers(place, &problem.place)));
            problems.extend(
                more.map(|problem| if form == Form::Document { left_open(problem) } else { problem }),
            );
            plugin = Some(spec);
        }
        Err(error) if !problems.has_errors() => {
            problems.push(Problem::error(
                "BadPlugin",
                "spec",
                error.to_string(),
                "write it as the reference says",
            ));
        }
        Err(_) => {}
    }
    let problems = told(document, form, problems.into_vec());
    match plugin {
        Some(plugin) if problems.iter().all(|problem| !problem.is_error()) => {
            let object_name = object_name.unwrap_or_else(|| object_name_of(&plugin));
            let metadata = kept_metadata(&document.value, form);
            Ok(Read { form, object_name, metadata, plugin, warnings: problems })
        }
        _ => Err(problems),
    }
}

/// Findings about a plugin that was read from this document, with their places; see [`lint`].
pub fn findings(document: &Document, read: &Read) -> Vec<Problem> {
    told(&Document { problems: Vec::new(), ..document.clone() }, read.form, lint(&read.plugin))
}

/// Published documents leave the namespace to whoever applies them: `namespace: CHANGE_ME`. Nothing but applying them needs it.
fn left_open(problem: Problem) -> Problem {
    if problem.code != "BadNamespace" {
        return problem;
    }
    let way_out = format!("{}; or name one with `sandbind plugin apply --step-namespace`", problem.way_out);
    Problem::warning("BadNamespace", problem.place, problem.reason, way_out)
}

/// What is told, with its places: nothing about strings whose placeholders could not be replaced, nothing twice because of an
/// alias, and not without end.
fn told(document: &Document, form: Form, problems: Vec<Problem>) -> Vec<Problem> {
    let mut locator = Locator::new(document);
    let found = problems.into_iter().filter_map(|problem| {
        let own = matches!(problem.place.as_str(), "spec.name" | "spec.version" | "metadata.name");
        let own = form == Form::Document && own;
        let problem = if own { Problem { place: "name".to_owned(), ..problem } } else { problem };
        (!document.is_failed(&problem.place)).then_some(problem)
    });
    let mut all: Vec<Problem> = document.problems.iter().cloned().chain(found).collect();
    let errors = all.iter().filter(|problem| problem.is_error()).count();
    let cut = all.len() > MOST_PROBLEMS || errors >= MOST_PROBLEMS;
    if cut {
        // Errors first, so that none of them is cut off for a warning.
        all.sort_by_key(|problem| !problem.is_error());
        all.truncate(MOST_PROBLEMS);
    }
    let locate = |problem: Problem| match problem.location() {
        Some(_) => problem,
        None => locator.locate(problem, None),
    };
    let mut all: Vec<Problem> = all.into_iter().map(locate).collect();
    let mut said = BTreeSet::new();
    all.retain(|problem| {
        let at = problem.location().map(|at| (at.file.clone(), at.line, at.column, at.end_column));
        at.is_none_or(|at| said.insert((at, problem.code.clone(), problem.reason.clone())))
    });
    if cut {
        let reason = format!("there are more problems than the {MOST_PROBLEMS} that are told");
        all.push(Problem::warning("MoreProblems", document.file(), reason, "correct those first"));
    }
    all
}

/// The name of the object that a plugin stands in.
pub fn object_name_of(plugin: &ResourcePluginSpec) -> String {
    match &plugin.version {
        Some(version) => format!("{}-{version}", plugin.name),
        None => plugin.name.clone(),
    }
    .to_ascii_lowercase()
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

type Parts = (Value, Option<String>, Problems);

fn from_document(value: &Value) -> Parts {
    let mut problems = Problems::default();
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
    let mut problems = Problems::default();
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
