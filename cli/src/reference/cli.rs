//! The reference of the command line, made from what the parser knows.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::flags::table;
use crate::args::Args;

/// Markdown: one section for each command, hidden ones left out.
pub(super) fn markdown() -> String {
    let mut root = Args::command();
    root.build();
    let mut text = String::from(
        "# Command line\n\n\
         Data goes to stdout, everything else to stderr. `-o human|json|yaml` says how data is shown. Every problem has a code, a place, a \
         reason and a way out.\n\n\
         | exit code | meaning |\n|---|---|\n\
         | 0 | done |\n| 1 | failed |\n| 2 | wrong usage |\n| 3 | not within `--timeout` |\n\n\
         ## Flags of every command\n\n",
    );
    table(&mut text, root.get_arguments().filter(|arg| arg.is_global_set()));
    for command in visible(&root) {
        section(&mut text, command, "sandbind");
    }
    text
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn section(text: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let children: Vec<&Command> = visible(command).collect();
    if !children.is_empty() {
        let _infallible = write!(text, "\n## {name}\n\n{about}.\n");
        for child in children {
            section(text, child, &name);
        }
        return;
    }
    let level = if parent == "sandbind" { "##" } else { "###" };
    let mut usage = name.clone();
    for arg in own(command).filter(|arg| arg.is_positional()) {
        let value = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
        let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase()).replace(['<', '>'], "");
        let several = if arg.get_num_args().is_some_and(|range| range.max_values() > 1) { "…" } else { "" };
        let _infallible = if arg.is_required_set() {
            write!(usage, " {value}{several}")
        } else {
            write!(usage, " [{value}{several}]")
        };
    }
    let _infallible = write!(text, "\n{level} {name}\n\n{about}.\n\n```\n{usage}\n```\n");
    let flags_of: Vec<&Arg> = own(command).filter(|arg| !arg.is_positional()).collect();
    if !flags_of.is_empty() {
        text.push('\n');
        table(text, flags_of.into_iter());
    }
}

/// The arguments that are this command's alone.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        !arg.is_global_set() && !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
    })
}
