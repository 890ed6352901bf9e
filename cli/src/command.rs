//! What each command does: `<noun>/<verb>`.

mod completion;
mod demo;
mod doctor;
mod explain;
mod hub;
mod inject;
mod install;
mod internal;
mod local;
mod migrate;
mod orphans;
mod plugin;
mod run;
mod sandbox;
mod uninstall;

use crate::{
    args::{Args, Command, DemoArgs, DoctorArgs, Format, PluginCommand},
    exit::{Failure, Outcome},
    output::Shell,
};

/// Does what was typed.
pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Args { global, command } = args;
    if global.output == Format::Sarif && !matches!(command, Command::Plugin(PluginCommand::Validate(_))) {
        let way_out = "use `-o json`, or `sandbind plugin validate -o sarif`";
        return Err(Failure::usage(
            "WrongFormat",
            "--output",
            "only the findings of a check can be SARIF",
            way_out,
        ));
    }
    match command {
        Command::Plugin(command) => plugin::run(&global, command, shell).await,
        Command::Sandbox(command) => sandbox::run(&global, command, shell).await,
        Command::Hub(command) => Box::pin(hub::run(&global, command, shell)).await,
        Command::Inject(args) => inject::run(&global, &args, shell),
        Command::Doctor(DoctorArgs {}) => doctor::run(&global, shell).await,
        Command::Install(args) => install::run(&global, args, shell).await,
        Command::Uninstall(args) => uninstall::run(&global, args, shell).await,
        Command::Orphans(command) => orphans::run(&global, command, shell).await,
        Command::Run(args) => run::run(args, shell).await,
        Command::Demo(DemoArgs {}) => demo::run(shell).await,
        Command::Local(command) => local::run(command, shell).await,
        Command::Migrate(args) => migrate::run(&args, shell),
        Command::Explain(args) => explain::run(&args, shell),
        Command::Completion(args) => {
            completion::run(&args, shell);
            Ok(())
        }
        Command::Internal(command) => internal::run(&command, shell),
    }
}
