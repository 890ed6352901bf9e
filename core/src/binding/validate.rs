//! Mistakes inside a ResourceBinding: all of them at once, each with its field and the way out.

mod env;
mod files;
mod resources;

pub(crate) use files::{below, mode};

use std::collections::BTreeSet;

use crate::{
    api::{
        ResourceBindingSpec,
        binding::{DEFAULT_BLOCK, OnRefresh, Wait, WaitMode},
        duration::Span,
    },
    problem::Problem,
    selector,
};

/// The shortest time a gated pod may be told to wait.
const SHORTEST_READY: Span = Span::from_secs(10);
/// The longest.
const LONGEST_READY: Span = Span::from_secs(86_400);
/// Signals that an app may be sent when its files changed.
pub const SIGNALS: &[&str] =
    &["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGCONT", "SIGWINCH"];

/// Every mistake inside a binding, and what is worth a warning in it. Places are field paths.
pub fn validate(spec: &ResourceBindingSpec, in_system_namespace: bool) -> Vec<Problem> {
    let mut problems = selector::validate(&spec.selector, "spec.selector");
    match (&spec.namespace_selector, in_system_namespace) {
        (Some(wanted), true) => problems.extend(selector::validate(wanted, "spec.namespaceSelector")),
        (None, false) => {}
        (Some(_), false) => problems.push(Problem::error(
            "NamespaceSelectorNotAllowed",
            "spec.namespaceSelector",
            "only a binding in the system namespace may hold in other namespaces",
            "remove it, or ask a cluster admin to make the binding in the system namespace",
        )),
        (None, true) => problems.push(Problem::error(
            "NamespaceSelectorMissing",
            "spec.namespaceSelector",
            "in the system namespace a binding holds nowhere without it",
            "say in which namespaces it holds; `{}` means all",
        )),
    }
    resources::check(spec, &mut problems);
    env::check(spec, &mut problems);
    files::check(spec, &mut problems);
    containers(spec, &mut problems);
    if let Some(given) = &spec.wait {
        wait(given, &mut problems);
    }
    if let Some(given) = &spec.on_refresh {
        on_refresh(given, &mut problems);
        if spec.files.is_empty() {
            problems.push(Problem::warning(
                "NothingToNotify",
                "spec.onRefresh",
                "the binding gives no files, and env vars stay as they were when the container started",
                "give the values as `files`, or remove `onRefresh`",
            ));
        }
    }
    problems
}

/// Whether a binding of this spec has a resource of that name; if not, says which there are.
fn resource_exists(spec: &ResourceBindingSpec, name: &str, place: &str, problems: &mut Vec<Problem>) {
    if spec.resources.iter().any(|resource| resource.name == name) {
        return;
    }
    let names: Vec<_> = spec.resources.iter().map(|resource| format!("`{}`", resource.name)).collect();
    problems.push(Problem::error(
        "UnknownResource",
        place,
        format!("this binding has no resource `{name}`"),
        format!("use one of {}, or add it to `spec.resources`", names.join(", ")),
    ));
}

/// `<step>.<output>`, both by the published grammar.
fn output_key(key: &str, place: &str, problems: &mut Vec<Problem>) {
    let word = |text: &str| text.len() <= 30 && crate::version::is_word(text);
    if !key.split_once('.').is_some_and(|(step, output)| word(step) && word(output)) {
        problems.push(Problem::error(
            "InvalidOutputKey",
            place,
            format!("`{key}` is not an output key"),
            "write `<step>.<output>`, such as `provision.url`",
        ));
    }
}

fn duplicate(place: String, what: &str, name: &str) -> Problem {
    Problem::error(
        "Duplicate",
        place,
        format!("{what} `{name}` is given twice"),
        "remove one of them, or rename it",
    )
}

fn containers(spec: &ResourceBindingSpec, problems: &mut Vec<Problem>) {
    let Some(containers) = &spec.containers else { return };
    if containers.is_empty() {
        problems.push(Problem::error(
            "NoContainers",
            "spec.containers",
            "an empty list selects no container",
            "name the containers, or leave the field out for all of them",
        ));
    }
    let mut seen = BTreeSet::new();
    for (index, name) in containers.iter().enumerate() {
        let place = format!("spec.containers[{index}]");
        if !selector::is_dns_label(name) {
            problems.push(bad_container(place, name));
        } else if name == sandbind_wire::name::CONTAINER_SIDECAR {
            problems.push(Problem::error(
                "ReservedName",
                place,
                format!("`{name}` is the sidecar's own name"),
                "name the app's containers",
            ));
        } else if !seen.insert(name) {
            problems.push(duplicate(place, "container", name));
        }
    }
}

fn bad_container(place: String, name: &str) -> Problem {
    Problem::error(
        "InvalidName",
        place,
        format!("`{name}` is not a container name"),
        "use 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
    )
}

fn wait(wait: &Wait, problems: &mut Vec<Problem>) {
    if let Some(block) = wait.block {
        if block > DEFAULT_BLOCK {
            problems.push(Problem::error(
                "WaitTooLong",
                "spec.wait.block",
                format!("an admission can be held for {DEFAULT_BLOCK} at most, not {block}"),
                "shorten it; with `mode: Auto` the pod then waits gated, as long as `ready` says",
            ));
        }
        if wait.mode == WaitMode::Gate {
            problems.push(Problem::warning(
                "WaitUnused",
                "spec.wait.block",
                "`mode: Gate` never holds an admission",
                "remove `block`, or use `mode: Auto`",
            ));
        }
    }
    if let Some(ready) = wait.ready
        && !(SHORTEST_READY..=LONGEST_READY).contains(&ready)
    {
        problems.push(Problem::error(
            "WaitOutOfRange",
            "spec.wait.ready",
            format!("a gated pod waits between {SHORTEST_READY} and {LONGEST_READY}, not {ready}"),
            "give a time in that range",
        ));
    }
}

fn on_refresh(given: &OnRefresh, problems: &mut Vec<Problem>) {
    if given.http.is_some() == given.signal.is_some() {
        problems.push(Problem::error(
            "NotifyAmbiguous",
            "spec.onRefresh",
            "it takes exactly one of `http` and `signal`",
            "keep one of them, or leave `onRefresh` out",
        ));
    }
    if let Some(http) = &given.http {
        if http.port == 0 {
            problems.push(Problem::error(
                "InvalidPort",
                "spec.onRefresh.http.port",
                "0 is not a port",
                "give the port the app listens on, 1 to 65535",
            ));
        }
        let path = http.path.as_deref().unwrap_or("/");
        let plain = path.bytes().all(|c| c.is_ascii_graphic() && c != b'#');
        if !path.starts_with('/') || !plain || path.len() > 512 {
            problems.push(Problem::error(
                "InvalidPath",
                "spec.onRefresh.http.path",
                "it is not the path of a URL",
                "begin with `/` and use visible ASCII characters, at most 512",
            ));
        }
    }
    if let Some(signal) = &given.signal {
        if !selector::is_dns_label(&signal.container) {
            problems.push(bad_container("spec.onRefresh.signal.container".to_owned(), &signal.container));
        }
        if !SIGNALS.contains(&signal.name.as_str()) {
            problems.push(Problem::error(
                "InvalidSignal",
                "spec.onRefresh.signal.name",
                format!("`{}` is not a signal an app may be sent", signal.name),
                format!("use one of {}", SIGNALS.join(", ")),
            ));
        }
    }
}

#[cfg(test)]
mod tests;
