//! Plugins: what is refused has a reason with a place; what is accepted is valid, and so is what it is rendered as.

use sandbind_core::{
    plugin::{
        document::{self, Form, Read},
        overlay, params, validate,
    },
    template::{NoFiles, Reading, Used, Variables},
    yaml,
};
use serde_json::Value;

/// The law.
pub fn law(data: &[u8]) {
    let Some(text) = super::parts(data).next() else { return };
    let Ok(written) = yaml::read_first(text, "f") else { return };
    let _ = document::is_plugin(&written);
    let (none, mut used) = (Variables::default(), Used::default());
    let expanded = document::expand(&written, &none, Reading::Published, &mut NoFiles, &mut used);
    match document::read(&expanded) {
        Err(problems) => {
            assert!(
                problems.iter().any(sandbind_core::problem::Problem::is_error),
                "refused without an error: {problems:?}"
            );
            for problem in &problems {
                super::is_told(problem, &expanded.sources);
            }
        }
        Ok(read) => {
            let findings = document::findings(&expanded, &read);
            for problem in read.warnings.iter().chain(&findings) {
                assert!(!problem.is_error(), "accepted with an error: {problem:?}");
                super::is_told(problem, &expanded.sources);
            }
            again(&read, &document::as_document(&read.plugin), Form::Document);
            // A document may leave its namespace open, an object may not.
            if read.warnings.iter().all(|warning| warning.code != "BadNamespace") {
                is_valid(&read);
                again(&read, &document::as_object(&read), Form::Object);
            }
        }
    }
}

fn is_valid(read: &Read) {
    let mut problems = validate(&read.plugin, Some(&read.object_name));
    problems.retain(sandbind_core::problem::Problem::is_error);
    assert!(problems.is_empty(), "accepted and not valid: {problems:#?}");
    assert!(overlay::read(&read.plugin.runner).is_ok(), "accepted with an overlay that is refused");
    let declared = params::declared(&read.plugin);
    let given = declared.iter().filter_map(|param| Some((param.name.clone(), param.default.clone()?)));
    // With the defaults written out nothing but what is required can be missing.
    if declared.iter().all(|param| param.optional || param.default.is_some()) {
        let effective = params::effective(&read.plugin, &given.collect(), "p");
        assert!(effective.is_ok(), "its own defaults are refused: {effective:?}");
    }
}

/// A rendering is read as the same plugin.
fn again(read: &Read, rendering: &Value, form: Form) {
    let text = yaml::write(rendering);
    let written = yaml::read_first(&text, "again").unwrap_or_else(|problem| panic!("{problem}:\n{text}"));
    super::same(&written.value, rendering, &text);
    let again = document::read(&written).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
    super::same(&again.plugin, &read.plugin, &text);
    super::same(&again.form, &form, &text);
    super::same(&again.object_name, &read.object_name, &text);
}
