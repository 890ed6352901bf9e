//! What a cluster lacks of what the step pods of a plugin need, told before a pod of anybody waits for it.

use super::Found;
use crate::{
    api::plugin::ResourcePluginSpec,
    plugin::references::{LACKING, Presence, Reference},
    problem::Problem,
    step::{self, StepSettings, step_names},
};

/// Where a plugin says what its pods name.
const PLACE: &str = "spec.runner";
/// Objects, and steps, that one message names: it is part of a condition, whose message has a largest length.
const NAMED: usize = 16;
/// Characters of somebody else's reason.
const REASON: usize = 512;

/// Looks at everything that the step pods of a plugin need in `namespace`.
pub(super) fn look(
    plugin: &ResourcePluginSpec,
    settings: &StepSettings,
    namespace: &str,
    presence: impl Fn(&Reference) -> Presence,
) -> Found {
    let Ok(needed) = step::references(plugin, settings) else {
        return Found { open: Some(unreadable()), ..Found::default() };
    };
    let (mut absent, mut open, mut why) = (Vec::new(), Vec::new(), String::new());
    for one in &needed {
        match presence(one) {
            Presence::There => {}
            Presence::Absent => absent.push(one),
            Presence::Unknown(reason) => {
                if open.is_empty() {
                    why = reason.chars().take(REASON).collect();
                }
                open.push(one);
            }
        }
    }
    Found {
        against: (!absent.is_empty()).then(|| missing(plugin, namespace, &absent)).into_iter().collect(),
        open: (!open.is_empty()).then(|| unknown(namespace, &open, &why)),
    }
}

fn missing(plugin: &ResourcePluginSpec, namespace: &str, absent: &[&Reference]) -> Problem {
    let steps = step_names(plugin).into_iter().map(|name| format!("`{name}`")).collect();
    let reason = format!(
        "namespace `{namespace}` has {}, needed by the pods of the steps {}",
        list(absent.iter().map(|one| format!("no {} `{}`", one.kind, one.name)).collect()),
        list(steps),
    );
    let way_out = format!("create what is missing there: it is noticed within {} seconds", LACKING.as_secs());
    Problem::error("ReferenceNotFound", PLACE, reason, way_out)
}

fn unknown(namespace: &str, open: &[&Reference], why: &str) -> Problem {
    let objects = list(open.iter().map(|one| format!("{} `{}`", one.kind, one.name)).collect());
    let reason = format!("whether namespace `{namespace}` has {objects} is not known: {why}");
    Problem::error("ReferenceUnknown", PLACE, reason, "nothing: it is asked again")
}

fn unreadable() -> Problem {
    let reason = "what the step pods need is not known as long as the overlay is not accepted";
    Problem::error("ReferenceUnknown", PLACE, reason, "correct what the condition `Accepted` says")
}

/// The first of them, and how many more there are.
fn list(mut items: Vec<String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    items.truncate(NAMED);
    let shown = items.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
