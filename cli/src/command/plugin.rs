//! `sandbind plugin`: what plugin authors do.

mod apply;
mod catalog;
mod delete;
mod init;
mod lacking;
mod show;
mod source;
mod test;

use sandbind_core::plugin::document::{as_document, as_object, placeholders};
use serde_json::json;

use crate::{
    args::{Format, Global, PluginCommand, PluginFile, PluginForm, PluginRenderArgs},
    client,
    exit::{Exit, Failure, Outcome},
    output::{self, Shell},
};

/// Does what was typed. `validate` and `render` need no cluster.
pub(crate) async fn run(global: &Global, command: PluginCommand, shell: &Shell) -> Outcome {
    match command {
        PluginCommand::Validate(args) => validate(&args.file, shell),
        PluginCommand::Render(args) => render(&args, shell),
        PluginCommand::Init(args) => init::run(&args, shell),
        PluginCommand::Test(args) => test::run(global, args, shell).await,
        PluginCommand::Apply(args) => apply::run(&client::connect(global).await?, &args, shell).await,
        PluginCommand::List(args) => {
            show::list(&client::connect(global).await?, args.all_versions, shell).await
        }
        PluginCommand::Versions(args) => {
            show::versions(&client::connect(global).await?, &args.name, shell).await
        }
        PluginCommand::Get(args) => show::get(&client::connect(global).await?, &args.plugin, shell).await,
        PluginCommand::Delete(args) => delete::run(&client::connect(global).await?, &args, shell).await,
    }
}

/// Every problem at once. With `-o json` they are the data; else they go where problems go.
fn validate(file: &PluginFile, shell: &Shell) -> Outcome {
    let (identity, problems, exit) = match source::checked(file) {
        Ok(read) => (Some(read.plugin.identity()), read.warnings, Exit::Failed),
        Err(failure) => (None, failure.problems, failure.exit),
    };
    let ok = identity.is_some();
    match shell.format() {
        Format::Human => {
            for problem in &problems {
                shell.problem(problem);
            }
            if let Some(identity) = &identity {
                shell.note(&format!("{identity} is valid"));
            }
        }
        Format::Sarif => shell.show(&output::sarif(&problems), String::new)?,
        Format::Json | Format::Yaml => {
            shell.show(&json!({"ok": ok, "plugin": identity, "problems": problems}), String::new)?;
        }
    }
    // The problems have been said.
    if ok { Ok(()) } else { Err(Failure { exit, problems: Vec::new() }) }
}

fn render(args: &PluginRenderArgs, shell: &Shell) -> Outcome {
    let read = source::read(&args.file)?;
    read.warnings.iter().for_each(|problem| shell.problem(problem));
    let value = match args.form {
        PluginForm::Document => {
            let document = as_document(&read.plugin);
            for problem in placeholders(&document) {
                shell.problem(&problem);
            }
            document
        }
        PluginForm::Object => as_object(&read),
    };
    shell.show(&value, || output::yaml(&value))
}
