//! Names of the older framework as names of ours.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Resource;
use crate::{
    identity::slug,
    problem::{Problem, Problems},
    selector::is_dns_label,
};

/// The longest name of a sandbox or resource, in bytes.
const LONGEST: usize = 63;

/// What sandbox and resources are called from now on.
pub(super) struct Names<'d> {
    /// The sandbox.
    pub(super) sandbox: String,
    resources: BTreeMap<&'d str, String>,
}

impl<'d> Names<'d> {
    /// Names that are labels stay; others are written as such, and that is told.
    pub(super) fn of(sandbox: &str, resources: &'d [Resource], problems: &mut Problems) -> Self {
        let way_out = "nothing, if nobody relies on the old name; a plugin sees the new one";
        let mut changed = |place: String, old: &str, new: &str| {
            if old != new {
                let reason =
                    format!("`{old}` is called `{new}`: names here are lower-case letters, digits and `-`");
                problems.push(Problem::warning("NameChanged", place, reason, way_out));
            }
        };
        let name = label(sandbox);
        changed("name".to_owned(), sandbox, &name);
        let (mut new, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (at, resource) in resources.iter().enumerate() {
            let old = resource.name.as_str();
            if new.contains_key(old) {
                continue;
            }
            let name = free(&label(old), &taken);
            changed(format!("spec.resources[{at}].name"), old, &name);
            taken.insert(name.clone());
            new.insert(old, name);
        }
        Self { sandbox: name, resources: new }
    }

    /// What a resource is called; one that there is not, as the document says.
    pub(super) fn resource(&self, old: &str) -> String {
        self.resources.get(old).cloned().unwrap_or_else(|| label(old))
    }
}

/// A text as a label, if one can be made of it.
pub(super) fn label(text: &str) -> String {
    let made = || slug(text, LONGEST);
    if is_dns_label(text) {
        text.to_owned()
    } else {
        Some(made()).filter(|made| !made.is_empty()).unwrap_or_else(|| text.to_owned())
    }
}

/// The name, with a number if it is taken.
pub(super) fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| {
        let suffix = format!("-{number}");
        let head: String = name.chars().take(LONGEST.saturating_sub(suffix.len())).collect();
        format!("{}{suffix}", head.trim_end_matches('-'))
    });
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

/// A text so that nothing in it stands for something else.
pub(super) fn literal(text: &str) -> String {
    if text.contains("$$") || text.contains("$(") { text.replace('$', "$$") } else { text.to_owned() }
}
