//! The file of tests beside a plugin: params in, what must come out, and scripts that look.

use std::{collections::BTreeMap, path::Path};

use regex_lite::Regex;
use sandbind_core::{problem::Problem, yaml};
use serde::Deserialize;

use crate::{args::TestArgs, exit::Outcome, input, stack};

/// What a plugin is tested by.
#[derive(Debug, Default)]
pub(super) struct Suite {
    /// At least one.
    pub(super) tests: Vec<Test>,
    /// Says by its exit code whether the resource is there: 0 it is, 1 it is not.
    pub(super) observe: Option<String>,
    /// Writes the names of all resources that the plugin has made to a file.
    pub(super) list: Option<String>,
}

/// One life, and what is expected of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Test {
    /// For people.
    pub(super) name: String,
    /// Params, as a binding would pass them.
    pub(super) params: BTreeMap<String, String>,
    /// What outputs must be, by `STEP.OUTPUT`.
    pub(super) outputs: BTreeMap<String, Expected>,
    /// Must succeed while the resource is ready.
    pub(super) check: Option<String>,
}

/// What an output must be.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// This text.
    Text(String),
    /// What this expression finds.
    Pattern(Regex),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    tests: Vec<WrittenTest>,
    #[serde(default)]
    observe: Option<String>,
    #[serde(default)]
    list: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    name: String,
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    outputs: BTreeMap<String, WrittenExpected>,
    #[serde(default)]
    check: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenExpected {
    Text(String),
    Pattern { matches: String },
}

impl Suite {
    /// As the arguments and the file of tests say; without a file, one test that expects nothing in particular.
    pub(super) fn of(args: &TestArgs) -> Outcome<Self> {
        let typed = stack::pairs(&args.param, "--param")?;
        let mut suite = match file(args) {
            Some(file) => read(&file)?,
            None => Self::default(),
        };
        if suite.tests.is_empty() {
            suite.tests.push(Test { name: "default".to_owned(), ..Test::default() });
        }
        for test in &mut suite.tests {
            test.params.extend(typed.clone());
        }
        Ok(suite)
    }
}

/// The file that is named, or the one beside the plugin, if there is one.
fn file(args: &TestArgs) -> Option<String> {
    if args.tests.is_some() {
        return args.tests.clone();
    }
    let plugin = Path::new(&args.file.filename);
    let beside = plugin.with_extension("test.yaml");
    (args.file.filename != "-" && beside.is_file()).then(|| beside.display().to_string())
}

fn read(file: &str) -> Outcome<Suite> {
    let input = input::read(file)?;
    let document = yaml::read_first(&input.text, &input.name)?;
    let bad = |place: &str, reason: String| {
        Problem::error("BadTests", document.mark(place), reason, "write it as docs/plugins.md shows")
    };
    let written: Written = serde_path_to_error::deserialize(&document.value)
        .map_err(|error| bad(&error.path().to_string(), error.inner().to_string()))?;
    let mut suite = Suite { tests: Vec::new(), observe: written.observe, list: written.list };
    let mut problems = Vec::new();
    for (index, test) in written.tests.into_iter().enumerate() {
        let mut outputs = BTreeMap::new();
        for (key, expected) in test.outputs {
            let expected = match expected {
                WrittenExpected::Text(text) => Ok(Expected::Text(text)),
                WrittenExpected::Pattern { matches } => Regex::new(&matches).map(Expected::Pattern),
            };
            match expected {
                Ok(expected) => drop(outputs.insert(key, expected)),
                Err(error) => {
                    problems.push(bad(&format!("tests[{index}].outputs"), format!("`{key}`: {error}")));
                }
            }
        }
        suite.tests.push(Test { name: test.name, params: test.params, outputs, check: test.check });
    }
    if problems.is_empty() { Ok(suite) } else { Err(problems.into()) }
}
