//! The `sandbind` command: arguments, commands, installation manifests. Rules are in `core`; this crate asks and shows.
//!
//! [`args`] is what can be typed, `command` what each of it does, `input` what `-f` names, [`install`] the objects of an installation, `stack` the engine on
//! this machine, `reference` the generated pages below `docs/reference/`.

pub mod args;
mod client;
mod command;
mod exit;
mod input;
pub mod install;
mod output;
mod progress;
mod reference;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

/// Reads the arguments, does what they say, and answers the exit code: 0 done, 1 failed, 2 wrong usage, 3 not in time.
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return output::usage(&error),
    };
    let shell = output::Shell::new(args.global.output);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return shell.end(Err(error.into())),
    };
    shell.end(runtime.block_on(command::run(args, &shell)))
}
