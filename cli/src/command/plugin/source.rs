//! The plugin that `-f` names.

use sandbind_core::{plugin::document::Read, yaml};

use crate::{args::PluginFile, exit::Outcome, input};

/// The plugin in the file, its template expanded, or everything that is wrong with it.
pub(super) fn read(file: &PluginFile) -> Outcome<Read> {
    read_by(input::Plugins::new(&file.template)?, file)
}

/// The same, with what is allowed and seldom meant among the warnings: for who is about to publish or try it.
pub(super) fn checked(file: &PluginFile) -> Outcome<Read> {
    read_by(input::Plugins::new(&file.template)?.linting(), file)
}

fn read_by(mut plugins: input::Plugins, file: &PluginFile) -> Outcome<Read> {
    let mut input = input::read(&file.filename)?;
    let document = yaml::read_first(&input.text, &input.name)?;
    let read = plugins.read(&document, &mut input.beside);
    let unused = plugins.end();
    match read {
        Ok(mut read) if unused.iter().all(|problem| !problem.is_error()) => {
            read.warnings.extend(unused);
            Ok(read)
        }
        Ok(_) => Err(unused.into()),
        Err(mut problems) => {
            problems.extend(unused);
            Err(problems.into())
        }
    }
}
