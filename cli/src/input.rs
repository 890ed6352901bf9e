//! What `-f` names: texts, the files beside them, and the plugins in them.

mod beside;

use std::{fs::File, io::Read as _};

use sandbind_core::{
    plugin::document::{self, Read},
    problem::{Problem, Severity},
    template::{Reading, Used, Variables},
    yaml::{self, Document, LONGEST_TEXT},
};

use crate::{
    args::TemplateArgs,
    exit::{Exit, Failure, Outcome},
    output::Shell,
};
pub(crate) use beside::Beside;

/// A text that was read.
#[derive(Debug)]
pub(crate) struct Input {
    /// What is in it.
    pub(crate) text: String,
    /// Its name for messages.
    pub(crate) name: String,
    /// The files beside it.
    pub(crate) beside: Beside,
}

/// The text of a file; `-` is standard input.
pub(crate) fn read(filename: &str) -> Outcome<Input> {
    let name = if filename == "-" { "stdin" } else { filename };
    let failed = |error: std::io::Error| {
        let way_out = "name a file that can be read, or `-` for standard input";
        Failure::failed("CannotRead", name, error.to_string(), way_out)
    };
    // One byte more than is read tells that there is too much.
    let most = u64::try_from(LONGEST_TEXT).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if filename == "-" {
        std::io::stdin().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        File::open(filename).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    }
    if bytes.len() > LONGEST_TEXT {
        return Err(yaml::too_long(name).into());
    }
    let beside = Beside::of(filename).map_err(failed)?;
    Ok(Input { text: yaml::decode(bytes, name)?, name: name.to_owned(), beside })
}

/// Reads plugins out of documents, as the flags say.
#[derive(Debug)]
pub(crate) struct Plugins {
    variables: Variables,
    used: Used,
    strict: bool,
    lint: bool,
}

impl Plugins {
    /// Takes the flags up, or says what is wrong with them.
    pub(crate) fn new(args: &TemplateArgs) -> Outcome<Self> {
        let variables =
            Variables::parse(&args.set).map_err(|problems| Failure { exit: Exit::Usage, problems })?;
        Ok(Self { variables, used: Used::default(), strict: args.strict, lint: false })
    }

    /// The same, which looks for what is allowed and seldom meant too.
    pub(crate) fn linting(self) -> Self {
        Self { lint: true, ..self }
    }

    /// The plugin that a document is, its template expanded.
    pub(crate) fn read(&mut self, document: &Document, beside: &mut Beside) -> Result<Read, Vec<Problem>> {
        let reading = if self.strict { Reading::Strict } else { Reading::Published };
        let expanded = document::expand(document, &self.variables, reading, beside, &mut self.used);
        let read = document::read(&expanded).map(|mut read| {
            if self.lint {
                let findings = document::findings(&expanded, &read);
                read.warnings.extend(findings);
            }
            read
        });
        match read {
            Ok(read) if self.strict && !read.warnings.is_empty() => Err(self.judged(read.warnings)),
            Ok(read) => Ok(read),
            Err(problems) => Err(self.judged(problems)),
        }
    }

    /// What is to be said after the last document.
    pub(crate) fn end(&self) -> Vec<Problem> {
        self.judged(self.variables.unused(&self.used))
    }

    /// With `--strict` a warning is an error.
    fn judged(&self, problems: Vec<Problem>) -> Vec<Problem> {
        if !self.strict {
            return problems;
        }
        problems.into_iter().map(|problem| Problem { severity: Severity::Error, ..problem }).collect()
    }
}

/// Shows warnings; errors are refused.
pub(crate) fn refuse(problems: Vec<Problem>, shell: &Shell) -> Outcome {
    if problems.iter().any(Problem::is_error) {
        return Err(problems.into());
    }
    for problem in &problems {
        shell.problem(problem);
    }
    Ok(())
}
