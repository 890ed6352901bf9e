//! `/validate`: somebody writes one of our own kinds. Mistakes inside an object are refused, all of them at once; references to other
//! objects are warnings, so that the order in which objects are applied does not matter.

use std::{sync::Arc, time::Duration};

use sandbind_core::{
    api::{ResourceBinding, ResourcePlugin, Sandbox},
    binding::{self, Binding, View},
    hub::{Write, guard},
    plugin,
    problem::Problem,
    sandbox,
    step::{self, StepSettings},
};
use sandbind_engine::admission::ports::Surroundings;
use sandbind_wire::name::RUNNER_SERVICE;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    app::{App, Settings},
    review::{Answer, Request, join},
};

/// Looks at the review's object.
pub(crate) async fn answer<W: Surroundings>(app: &Arc<App<W>>, request: Request) -> Answer {
    let leaving = request.object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null());
    let deleting = (&*request.operation, &*request.kind.kind) == ("DELETE", "ResourcePlugin");
    if leaving || !deleting && !matches!(request.operation.as_str(), "CREATE" | "UPDATE") {
        app.metrics.decided("validate", "allowed", "Leaving");
        return Answer::allow();
    }
    let checked = match request.kind.kind.as_str() {
        "ResourcePlugin" if deleting => Ok(deleted(app, &request).into_iter().collect()),
        "ResourcePlugin" => plugin(app, &request).await,
        "ResourceBinding" => binding(app, &request).await,
        "Sandbox" => sandbox(app, &request).await,
        _ => Ok(Vec::new()),
    };
    let problems = checked.unwrap_or_else(|problem| vec![problem]);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_error);
    let Some(first) = errors.first() else {
        app.metrics.decided("validate", "allowed", "Valid");
        return Answer::allow().with_warnings(&warnings);
    };
    app.metrics.decided("validate", "denied", &first.code);
    Answer::deny(join(&errors)).with_warnings(&warnings)
}

type Checked = Result<Vec<Problem>, Problem>;

async fn plugin<W: Surroundings>(app: &App<W>, request: &Request) -> Checked {
    let object: ResourcePlugin = parse(&request.object)?;
    let name = object.metadata.name.as_deref().unwrap_or(&request.name);
    let mut problems = plugin::validate(&object.spec, Some(name));
    problems.extend(step::namespace(&object.spec, &step_settings(&app.settings)).err());
    let old =
        (request.operation == "UPDATE").then(|| parse::<ResourcePlugin>(&request.old_object).ok()).flatten();
    if let Some(old) = &old {
        problems.extend(plugin::validate_update(&old.spec, &object.spec));
    }
    if !is_runner(app, request) {
        problems.extend(guard(match &old {
            Some(old) => Write::Update { old, new: &object },
            None => Write::Create(&object),
        }));
    }
    if let Some(view) = view(app, &app.settings.system_namespace, "").await {
        let wanted = &object.spec.name;
        let other = view.plugins.iter().map(|plugin| &plugin.spec.name);
        if let Some(other) =
            other.filter(|other| *other != wanted).find(|other| other.eq_ignore_ascii_case(wanted))
        {
            problems.push(Problem::error(
                "NameTaken",
                "spec.name",
                format!("there is a plugin `{other}`, and two names may not differ in case only"),
                format!("name it `{other}` or otherwise"),
            ));
        }
    }
    Ok(problems)
}

/// A plugin that does not parse cannot be a copy that the runner made.
fn deleted<W: Surroundings>(app: &App<W>, request: &Request) -> Option<Problem> {
    let old = parse::<ResourcePlugin>(&request.old_object).ok().filter(|_| !is_runner(app, request));
    old.and_then(|old| guard(Write::Delete(&old)))
}

/// The runner's writes do not come here in an installation; where they do, copies are its own.
fn is_runner<W: Surroundings>(app: &App<W>, request: &Request) -> bool {
    let system = &app.settings.system_namespace;
    request.user_info.username == format!("system:serviceaccount:{system}:{RUNNER_SERVICE}")
}

async fn binding<W: Surroundings>(app: &App<W>, request: &Request) -> Checked {
    let system = &app.settings.system_namespace;
    let object: ResourceBinding = parse(&request.object)?;
    let mut problems = binding::validate(&object.spec, request.namespace == *system);
    let cluster_wide = object.spec.namespace_selector.is_some();
    if problems.iter().any(Problem::is_error) || cluster_wide {
        // A cluster-wide binding is another matter in each namespace: its status says more than a warning could.
        return Ok(problems);
    }
    let Some(view) = view(app, &request.namespace, "").await else { return Ok(problems) };
    let name = object.metadata.name.clone();
    let binding = Arc::new(Binding::new(object, system));
    let others = view
        .bindings
        .iter()
        .filter(|other| other.namespace != request.namespace || Some(&other.name) != name.as_ref());
    let bindings = others.cloned().chain([Arc::clone(&binding)]).collect();
    problems.extend(binding::warnings(&View { bindings, ..(*view).clone() }, &binding));
    Ok(problems)
}

async fn sandbox<W: Surroundings>(app: &App<W>, request: &Request) -> Checked {
    let object: Sandbox = parse(&request.object)?;
    // A generated name is not there yet; it is made of valid characters.
    let name = object.metadata.name.as_deref().unwrap_or("generated");
    let mut problems = sandbox::validate(name, &object.spec);
    if !problems.iter().any(Problem::is_error)
        && let Some(view) = view(app, &request.namespace, name).await
    {
        problems.extend(sandbox::warnings(&view, &object.spec));
    }
    Ok(problems)
}

/// References are looked at when they can be: a validation never fails because of them.
async fn view<W: Surroundings>(app: &App<W>, namespace: &str, sandbox: &str) -> Option<Arc<View>> {
    app.admissions.view(namespace, sandbox).await.ok()
}

fn parse<T: DeserializeOwned>(object: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let place = error.path().to_string();
        Problem::error(
            "InvalidObject",
            place,
            error.into_inner().to_string(),
            "compare with `kubectl explain`",
        )
    })
}

fn step_settings(settings: &Settings) -> StepSettings {
    StepSettings {
        image: String::new(),
        runner_url: String::new(),
        runner_name: String::new(),
        runner_ca: String::new(),
        namespaces: settings.step_namespaces.clone(),
        image_pull_secrets: Vec::new(),
        start: Duration::ZERO,
        margin: Duration::ZERO,
    }
}
