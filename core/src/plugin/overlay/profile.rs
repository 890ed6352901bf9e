//! What an overlay may ask for: profile `standard`. ServiceAccount, Secrets, ConfigMaps, node selection, resources, labels and
//! annotations are allowed; whatever reaches out of the pod, or into what sandbind puts there, is not.

use std::collections::BTreeSet;

use sandbind_wire::name::{
    AGENT_DIR, CONTAINER_AGENT, CONTAINER_SIDECAR, CONTAINER_STEP, GROUP, TOKEN_DIR, VOLUME_AGENT,
    VOLUME_TOKEN,
};
use serde_json::Value;

use crate::{api::plugin::Runner, problem::Problem};

/// When a field is refused.
#[derive(Clone, Copy)]
enum When {
    /// It is there, and neither empty nor null.
    Set,
    /// It is true.
    True,
    /// It is not this.
    Not(&'static str),
    /// It is this.
    Is(&'static str),
}

/// Refused fields by path; `[]` stands for every item.
const REFUSED: &[(&str, When, &str)] = &[
    ("spec.hostNetwork", When::True, "step pods have a network of their own"),
    ("spec.hostPID", When::True, "step pods see only their own processes"),
    ("spec.hostIPC", When::True, "step pods have an IPC namespace of their own"),
    ("spec.shareProcessNamespace", When::True, "the agent reaps every process of its own container only"),
    ("spec.nodeName", When::Set, "the scheduler chooses the node; `nodeSelector` and `affinity` are allowed"),
    ("spec.runtimeClassName", When::Set, "the installation chooses the runtime"),
    ("spec.ephemeralContainers", When::Set, "a template has no ephemeral containers"),
    ("spec.restartPolicy", When::Not("Never"), "a step runs once per pod"),
    ("spec.securityContext.sysctls", When::Set, "kernel settings are the node's"),
    ("spec.securityContext.windowsOptions", When::Set, "step pods run on Linux"),
    ("spec.securityContext.seccompProfile.type", When::Is("Unconfined"), "system calls stay filtered"),
    ("spec.securityContext.appArmorProfile.type", When::Is("Unconfined"), "the node's profile stays"),
    ("spec.volumes[].hostPath", When::Set, "the node's files are the node's"),
    ("metadata.name", When::Set, "the runner names step pods"),
    ("metadata.generateName", When::Set, "the runner names step pods"),
    ("metadata.finalizers", When::Set, "nobody would take them off, and the pod would stay for ever"),
    ("metadata.ownerReferences", When::Set, "the record owns the step"),
];

/// The same within every container and init container.
const REFUSED_IN_CONTAINERS: &[(&str, When, &str)] = &[
    ("securityContext.privileged", When::True, "a privileged container owns the node"),
    ("securityContext.capabilities.add", When::Set, "no capabilities are added; `drop` is allowed"),
    ("securityContext.procMount", When::Not("Default"), "`/proc` stays masked"),
    ("securityContext.windowsOptions", When::Set, "step pods run on Linux"),
    ("securityContext.seccompProfile.type", When::Is("Unconfined"), "system calls stay filtered"),
    ("securityContext.appArmorProfile.type", When::Is("Unconfined"), "the node's profile stays"),
    ("ports[].hostPort", When::Set, "the node's ports are the node's"),
    ("livenessProbe.httpGet.host", When::Set, "probes stay within the pod"),
    ("livenessProbe.tcpSocket.host", When::Set, "probes stay within the pod"),
    ("readinessProbe.httpGet.host", When::Set, "probes stay within the pod"),
    ("readinessProbe.tcpSocket.host", When::Set, "probes stay within the pod"),
    ("startupProbe.httpGet.host", When::Set, "probes stay within the pod"),
    ("startupProbe.tcpSocket.host", When::Set, "probes stay within the pod"),
    ("lifecycle.postStart.httpGet.host", When::Set, "hooks stay within the pod"),
    ("lifecycle.postStart.tcpSocket.host", When::Set, "hooks stay within the pod"),
    ("lifecycle.preStop.httpGet.host", When::Set, "hooks stay within the pod"),
    ("lifecycle.preStop.tcpSocket.host", When::Set, "hooks stay within the pod"),
];

const RESERVED_CONTAINERS: &[&str] = &[
    CONTAINER_AGENT,
    CONTAINER_SIDECAR,
    "signadot-execunit-input-manager",
    "signadot-execunit-output-manager",
];
const RESERVED_VOLUMES: &[&str] = &[VOLUME_AGENT, VOLUME_TOKEN, "signadot-execunit-io"];

/// Everything that profile `standard` refuses; places are those within the overlay.
pub(super) fn check(overlay: &Value, runner: &Runner) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, when, reason) in REFUSED {
        refuse(overlay, "", path, *when, reason, &mut problems);
    }
    for field in ["containers", "initContainers"] {
        let mut names = BTreeSet::new();
        for (at, container) in items(overlay, &format!("/spec/{field}")) {
            let place = format!("spec.{field}[{at}]");
            for (path, when, reason) in REFUSED_IN_CONTAINERS {
                refuse(container, &place, path, *when, reason, &mut problems);
            }
            check_container(container, &place, field == "containers", runner, &mut problems);
            unique(container, &place, &mut names, &mut problems);
        }
    }
    let mut names = BTreeSet::new();
    for (at, volume) in items(overlay, "/spec/volumes") {
        let place = format!("spec.volumes[{at}]");
        reserved(volume, &place, RESERVED_VOLUMES, &mut problems);
        unique(volume, &place, &mut names, &mut problems);
    }
    check_metadata(overlay, runner, &mut problems);
    problems
}

fn check_metadata(overlay: &Value, runner: &Runner, problems: &mut Vec<Problem>) {
    let namespace = overlay.pointer("/metadata/namespace").and_then(Value::as_str);
    if let Some(namespace) = namespace.filter(|namespace| Some(*namespace) != runner.namespace.as_deref()) {
        problems.push(Problem::error(
            "OverlayConflict",
            "metadata.namespace",
            format!("`{namespace}` is not what `spec.runner.namespace` says"),
            "say it there only",
        ));
    }
    let labels = overlay.pointer("/metadata/labels").and_then(Value::as_object);
    for label in labels.into_iter().flat_map(serde_json::Map::keys) {
        let ours = label.split('/').next().is_some_and(|prefix| prefix == GROUP);
        if ours && label.contains('/') {
            problems.push(Problem::error(
                "ReservedName",
                format!("metadata.labels.{label}"),
                format!("labels of `{GROUP}` are the runner's"),
                "use another prefix",
            ));
        }
    }
}

fn check_container(container: &Value, place: &str, app: bool, runner: &Runner, problems: &mut Vec<Problem>) {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    let image = container.get("image").and_then(Value::as_str).filter(|image| !image.is_empty());
    let removed = container.get("$patch").and_then(Value::as_str) == Some("delete");
    reserved(container, place, RESERVED_CONTAINERS, problems);
    if app && name == CONTAINER_STEP {
        if removed {
            let way_out = "leave it: the scripts run in it";
            problems.push(Problem::error("OverlayConflict", place, "`main` cannot be removed", way_out));
        }
        if let Some(image) = image.filter(|image| !runner.image.is_empty() && *image != runner.image) {
            problems.push(Problem::error(
                "OverlayConflict",
                format!("{place}.image"),
                format!("`{image}` is not what `spec.runner.image` says"),
                "say it there only",
            ));
        }
        for field in ["command", "args"] {
            if set(container.get(field)) {
                problems.push(Problem::error(
                    "OverlayConflict",
                    format!("{place}.{field}"),
                    format!("the agent is the `{field}` of `main`; it runs the step's script"),
                    "put the call into the step's `script`",
                ));
            }
        }
    } else if !removed && image.is_none() && !name.is_empty() {
        let reason = format!("container `{name}` has no image");
        problems.push(Problem::error(
            "OverlayContainer",
            place,
            reason,
            "give it one; the scripts run in `main`",
        ));
    } else if app && !removed && name == CONTAINER_STEP {
        // An init container may not be called as the step container either.
        problems.push(Problem::error(
            "ReservedName",
            place,
            "`main` is the step container",
            "choose another name",
        ));
    }
    for (at, variable) in items(container, "/env") {
        let name = variable.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some(reason) = reserved_env(name) {
            let place = format!("{place}.env[{at}].name");
            problems.push(Problem::error("ReservedName", place, reason, "choose another name"));
        }
    }
    for (at, mount) in items(container, "/volumeMounts") {
        let place = format!("{place}.volumeMounts[{at}]");
        reserved(mount, &place, RESERVED_VOLUMES, problems);
        let path = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
        if is_reserved_path(path) {
            let reason = format!("`{path}` is where the agent lives");
            problems.push(Problem::error(
                "ReservedName",
                format!("{place}.mountPath"),
                reason,
                "mount elsewhere",
            ));
        }
    }
}

/// Why a variable cannot be set by a plugin, if so.
pub(crate) fn reserved_env(name: &str) -> Option<String> {
    let published = ["SANDBOX_ID", "SANDBOX_NAME", "SANDBOX_ROUTING_KEY", "RESOURCE_NAME"];
    let taken = name.starts_with("SANDBIND_")
        || name.strip_prefix("SIGNADOT_").is_some_and(|rest| published.contains(&rest));
    taken.then(|| format!("`{name}` is set by the runner"))
}

/// Whether a path lies where the agent and its token are.
pub(crate) fn is_reserved_path(path: &str) -> bool {
    let below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below(AGENT_DIR) || below(TOKEN_DIR)
}

fn reserved(item: &Value, place: &str, names: &[&str], problems: &mut Vec<Problem>) {
    if let Some(name) = item.get("name").and_then(Value::as_str).filter(|name| names.contains(name)) {
        problems.push(Problem::error(
            "ReservedName",
            format!("{place}.name"),
            format!("`{name}` is reserved"),
            "choose another name",
        ));
    }
}

fn unique(item: &Value, place: &str, names: &mut BTreeSet<String>, problems: &mut Vec<Problem>) {
    let directive = item.get("$patch").is_some();
    match item.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        Some(name) if names.insert(name.to_owned()) => {}
        Some(name) => problems.push(Problem::error(
            "DuplicateName",
            format!("{place}.name"),
            format!("`{name}` is there twice"),
            "make it one item",
        )),
        None if directive => {}
        None => {
            problems.push(Problem::error(
                "MissingName",
                place,
                "the item has no name to be merged by",
                "name it",
            ));
        }
    }
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

fn refuse(value: &Value, place: &str, path: &str, when: When, reason: &str, problems: &mut Vec<Problem>) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let field = head.strip_suffix("[]").unwrap_or(head);
    let Some(value) = value.get(field) else { return };
    let here = crate::yaml::field(place, field);
    if field != head {
        let Some(rest) = rest else { return };
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            refuse(item, &format!("{here}[{at}]"), rest, when, reason, problems);
        }
        return;
    }
    if let Some(rest) = rest {
        return refuse(value, &here, rest, when, reason, problems);
    }
    let refused = match when {
        When::Set => set(Some(value)),
        When::True => value.as_bool() == Some(true),
        When::Not(text) => set(Some(value)) && value.as_str() != Some(text),
        When::Is(text) => value.as_str() == Some(text),
    };
    if refused {
        let reason = format!("`{field}` is refused here: {reason}");
        problems.push(Problem::error("OverlayRefused", here, reason, "remove it"));
    }
}
