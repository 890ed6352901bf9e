//! Flags as the parser knows them.

use std::fmt::Write as _;

use clap::Arg;

use super::cell;

/// What stands for a positional argument.
pub(super) fn word(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
    value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase()).replace(['<', '>'], "")
}

/// A row for each argument, below a head that says what they are.
pub(super) fn table<'a>(text: &mut String, head: &str, args: impl Iterator<Item = &'a Arg>) {
    let _infallible = write!(text, "| {head} | meaning |\n|---|---|\n");
    for arg in args {
        let takes_value = arg.get_action().takes_values();
        let value = arg.get_value_names().and_then(<[_]>::first).filter(|_| takes_value);
        let mut flag = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (None, Some(long)) => format!("--{long}"),
            (Some(short), None) => format!("-{short}"),
            (None, None) => word(arg),
        };
        for alias in arg.get_visible_aliases().unwrap_or_default() {
            let _infallible = write!(flag, ", --{alias}");
        }
        if let Some(value) = value.filter(|_| !arg.is_positional()) {
            let _infallible = write!(flag, " {value}");
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.trim_end_matches('.');
        let possible: Vec<String> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let possible = if takes_value && !possible.is_empty() {
            format!(": {}", possible.join(", "))
        } else {
            String::new()
        };
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let default = if takes_value && !defaults.is_empty() {
            format!("; default `{}`", defaults.join(" "))
        } else {
            String::new()
        };
        let env = arg.get_env().map(|name| format!("; or `${}`", name.to_string_lossy())).unwrap_or_default();
        let required = if arg.is_required_set() && !arg.is_positional() { "; required" } else { "" };
        let _infallible = writeln!(text, "| `{flag}` | {}{possible}{default}{env}{required} |", cell(help));
    }
}
