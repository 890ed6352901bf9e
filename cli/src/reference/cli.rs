//! The reference of the command line, made from what the parser knows.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::flags::{table, word};
use crate::args::Args;

/// Markdown: one section for each command, hidden ones left out.
pub(super) fn markdown() -> String {
    let mut root = Args::command();
    root.build();
    let mut text = String::from(
        "# Command line\n\n\
         Data goes to stdout, everything else to stderr. `-o human|json|yaml` says how data is shown. A problem is told with its code and reason \
         in a line that begins with `error:`, then its place (`at:`) and its way out. Unless a command says otherwise:\n\n\
         | exit code | meaning |\n|---|---|\n\
         | 0 | done |\n| 1 | failed |\n| 2 | wrong usage |\n| 3 | not within `--timeout` |\n\n\
         ## Flags of every command\n\n",
    );
    table(&mut text, "flag", root.get_arguments().filter(|arg| arg.is_global_set()));
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
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    let about = match aliases.as_slice() {
        [] => about,
        aliases => format!("{about}. Also {}", aliases.join(", ")),
    };
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
        let value = word(arg);
        let several = if arg.get_num_args().is_some_and(|range| range.max_values() > 1) { "…" } else { "" };
        let _infallible = if arg.is_required_set() {
            write!(usage, " {value}{several}")
        } else {
            write!(usage, " [{value}{several}]")
        };
    }
    let _infallible = write!(text, "\n{level} {name}\n\n{about}.\n\n```\n{usage}\n```\n");
    let (words, flags): (Vec<&Arg>, Vec<&Arg>) = own(command).partition(|arg| arg.is_positional());
    if !words.is_empty() {
        text.push('\n');
        table(text, "argument", words.into_iter());
    }
    if !flags.is_empty() {
        text.push('\n');
        table(text, "flag", flags.into_iter());
    }
    if let Some(after) = command.get_after_help() {
        let _infallible = write!(text, "\n{after}\n");
    }
}

/// The arguments that are this command's alone.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        !arg.is_global_set() && !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
    })
}
