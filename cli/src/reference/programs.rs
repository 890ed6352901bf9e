//! The reference of the programs inside the cluster, made from what their parsers know.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::flags::table;

/// Markdown: one table for each server.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# Programs in the cluster\n\n\
         `sandbind install` sets what an installation needs; anything else goes through `--webhook-arg` and `--runner-arg`. Both serve `/live`, \
         `/ready` and `/metrics` by plain HTTP on port 8080. The sidecar and the step agent have no flags: they are told by their environment.\n",
    );
    for command in [sandbind_webhook::args::Args::command(), sandbind_plugin_runner::args::Args::command()] {
        section(&mut text, command);
    }
    text
}

fn section(text: &mut String, mut command: Command) {
    command.build();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let about = about.trim_end_matches('.');
    let _infallible = write!(text, "\n## {}\n\n{about}.\n\n", command.get_name());
    let shown = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"));
    table(text, "flag", shown);
}
