//! `sandbind completion`.

use clap::CommandFactory as _;

use crate::{
    args::{Args, CompletionArgs},
    output::Shell,
};

/// Prints the script.
pub(crate) fn run(args: &CompletionArgs, shell: &Shell) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "sandbind", &mut script);
    shell.data(&String::from_utf8_lossy(&script));
}
