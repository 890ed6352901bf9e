//! The variables that a template is given.

use std::collections::{BTreeMap, BTreeSet};

use super::{directive::is_variable, quote::quote};
use crate::problem::Problem;

/// Values by name. `Debug` does not show them: a value may be a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Reads `name=value`, each as it was typed after `--set`. A name may be given again with the same value.
    pub fn parse(typed: &[impl AsRef<str>]) -> Result<Self, Vec<Problem>> {
        let (mut given, mut problems) = (BTreeMap::<String, String>::new(), Vec::new());
        let wrong = |reason: String, way_out: &str| Problem::error("WrongVariable", "--set", reason, way_out);
        for typed in typed.iter().map(AsRef::as_ref) {
            let Some((name, value)) = typed.split_once('=') else {
                let reason = format!("--set expects <var>=<val> syntax, got {}", quote(typed));
                problems.push(wrong(reason, "write `--set NAME=VALUE`"));
                continue;
            };
            if !is_variable(name) {
                let reason =
                    format!("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got {}", quote(name));
                problems.push(wrong(
                    reason,
                    "begin the name with a letter, then letters, digits, `_`, `.` and `-`",
                ));
                continue;
            }
            match given.get(name) {
                Some(there) if there != value => {
                    let reason = format!("conflicting variable defs: `{name}` has two values");
                    problems.push(wrong(reason, "give each variable once"));
                }
                _ => {
                    given.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        if problems.is_empty() { Ok(Self(given)) } else { Err(problems) }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be said of those that were given and are not used.
    pub fn unused(&self, used: &Used) -> Vec<Problem> {
        // Where a placeholder cannot be read, a variable may be meant there.
        let names = self.0.keys().filter(|name| !used.unclear && !used.names.contains(*name));
        let tell = |name: &String| {
            let reason = format!("nothing takes the variable `{name}`");
            let way_out = format!("leave it out, or write `@{{{name}}}` where it is meant");
            Problem::warning("UnusedVariable", format!("--set {name}"), reason, way_out)
        };
        names.map(tell).collect()
    }
}

/// Which variables documents have taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    names: BTreeSet<String>,
    unclear: bool,
}

impl Used {
    /// A placeholder takes it.
    pub(super) fn take(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// There is a placeholder that cannot be read.
    pub(super) const fn unreadable(&mut self) {
        self.unclear = true;
    }
}
