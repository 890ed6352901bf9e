//! Sandbox documents of the older framework: what they become is valid, and is written as itself.

use sandbind_core::{
    api::{ResourceBinding, Sandbox},
    binding, migrate,
    problem::Problem,
    sandbox,
    template::{self, NoFiles, Reading, Used, Variables},
    yaml,
};
use serde_json::Value;

/// The law.
pub fn law(data: &[u8]) {
    let mut parts = super::parts(data);
    let Some(text) = parts.next() else { return };
    let typed: Vec<&str> = parts.next().unwrap_or("n=1").lines().collect();
    let (Ok(variables), Ok(document)) = (Variables::parse(&typed), yaml::read_first(text, "f")) else {
        return;
    };
    let mut used = Used::default();
    let document = template::expand(&document, &variables, Reading::Published, &mut NoFiles, &mut used);
    match migrate::migrate(&document) {
        Ok(migrated) => {
            assert!(!migrated.objects.is_empty(), "it becomes nothing");
            for problem in &migrated.warnings {
                assert!(!problem.is_error(), "accepted with an error: {problem:?}");
                super::is_told(problem, &document.sources);
            }
            migrated.objects.iter().for_each(is_valid);
        }
        Err(problems) => {
            assert!(problems.iter().any(Problem::is_error), "refused without an error: {problems:?}");
            for problem in &problems {
                super::is_told(problem, &document.sources);
            }
        }
    }
}

fn is_valid(object: &Value) {
    super::yaml::is_written(object);
    let mut problems = if object["kind"] == "Sandbox" {
        let object: Sandbox = serde_json::from_value(object.clone()).expect("no Sandbox");
        sandbox::validate::validate(&object.metadata.name.unwrap_or_default(), &object.spec)
    } else {
        let object: ResourceBinding = serde_json::from_value(object.clone()).expect("no binding");
        binding::validate(&object.spec, false)
    };
    problems.retain(Problem::is_error);
    assert!(problems.is_empty(), "not valid: {problems:#?}\n{object:#}");
    let again = yaml::read_first(&yaml::write(object), "again").expect("what was written is refused");
    assert!(migrate::migrate(&again).is_err(), "an object is migrated again");
}
