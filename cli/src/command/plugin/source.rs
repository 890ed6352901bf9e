//! Plugins from files and standard input.

use std::io::Read as _;

use sandbind_core::{
    plugin::document::{self, Read},
    problem::{Problem, Severity},
    yaml,
};

use crate::{
    args::PluginFile,
    exit::{Failure, Outcome},
};

/// The plugin in the file, or everything that is wrong with it.
pub(super) fn read(file: &PluginFile) -> Outcome<Read> {
    let (text, name) = text(&file.filename)?;
    let document = yaml::read_first(&text, &name)?;
    let read = document::read(&document)?;
    if file.strict && !read.warnings.is_empty() {
        let refused: Vec<Problem> = read
            .warnings
            .into_iter()
            .map(|problem| Problem { severity: Severity::Error, ..problem })
            .collect();
        return Err(refused.into());
    }
    Ok(read)
}

/// The text of a file (`-`: standard input), and its name for messages.
pub(crate) fn text(filename: &str) -> Outcome<(String, String)> {
    let name = if filename == "-" { "stdin" } else { filename };
    let failed = |error: std::io::Error| {
        Failure::failed(
            "CannotRead",
            name,
            error.to_string(),
            "name a file that can be read, or `-` for standard input",
        )
    };
    let text = if filename == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(filename).map_err(failed)?
    };
    Ok((text, name.to_owned()))
}
