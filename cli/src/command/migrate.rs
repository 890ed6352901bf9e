//! `sandbind migrate`: a sandbox document of the older framework as a binding and a Sandbox.

use sandbind_core::{
    migrate,
    template::{self, Reading, Used, Variables},
    yaml,
};

use crate::{
    args::{Format, MigrateArgs},
    exit::{Exit, Failure, Outcome},
    input,
    output::{self, Shell},
};

/// Prints the objects, and beside them what has no counterpart.
pub(crate) fn run(args: &MigrateArgs, shell: &Shell) -> Outcome {
    let variables =
        Variables::parse(&args.set).map_err(|problems| Failure { exit: Exit::Usage, problems })?;
    let mut input = input::read(&args.filename)?;
    let document = yaml::read_first(&input.text, &input.name)?;
    let mut used = Used::default();
    let expanded = template::expand(&document, &variables, Reading::Published, &mut input.beside, &mut used);
    let migrated = migrate::migrate(&expanded)?;
    for problem in migrated.warnings.iter().chain(&variables.unused(&used)) {
        shell.problem(problem);
    }
    match shell.format() {
        Format::Human | Format::Yaml => shell.data(&output::yaml_stream(&migrated.objects)),
        Format::Json | Format::Sarif => {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": migrated.objects});
            shell.data(&serde_json::to_string_pretty(&list)?);
        }
    }
    Ok(())
}
