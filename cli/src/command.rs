//! What each command does: `<noun>/<verb>`.

mod install;
mod internal;
mod sandbox;

use crate::{
    args::{Args, Command},
    exit::Outcome,
    output::Shell,
};

/// Does what was typed.
pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Args { global, command } = args;
    match command {
        Command::Sandbox(command) => sandbox::run(&global, command, shell).await,
        Command::Install(args) => install::run(&global, args, shell).await,
        Command::Internal(command) => internal::run(&command, shell),
    }
}
