//! `spec.env`.

use std::collections::BTreeSet;

use super::{duplicate, output_key, resource_exists};
use crate::{api::ResourceBindingSpec, problem::Problem};

pub(super) fn check(spec: &ResourceBindingSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, env) in spec.env.iter().enumerate() {
        let place = format!("spec.env[{index}]");
        if !is_env_name(&env.name) {
            problems.push(Problem::error(
                "InvalidEnvName",
                format!("{place}.name"),
                format!("`{}` is not the name of an environment variable", env.name),
                "use letters, digits, `_`, `-` and `.`, not a digit first",
            ));
        } else if !seen.insert(&env.name) {
            problems.push(duplicate(format!("{place}.name"), "variable", &env.name));
        }
        match (&env.value, &env.value_from) {
            (Some(_), Some(_)) | (None, None) => problems.push(Problem::error(
                "EnvAmbiguous",
                place,
                "a variable takes exactly one of `value` and `valueFrom`",
                "keep one of them",
            )),
            (None, Some(from)) => {
                let place = format!("{place}.valueFrom.resource");
                resource_exists(spec, &from.resource.name, &format!("{place}.name"), problems);
                output_key(&from.resource.output_key, &format!("{place}.outputKey"), problems);
            }
            (Some(value), None) if value.contains('\0') => problems.push(Problem::error(
                "InvalidEnvValue",
                format!("{place}.value"),
                "a variable cannot hold a NUL character",
                "remove it",
            )),
            (Some(_), None) => {}
        }
    }
}

fn is_env_name(name: &str) -> bool {
    name.len() <= 253
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
        && !matches!(name, "." | "..")
        && !name.starts_with("..")
}
