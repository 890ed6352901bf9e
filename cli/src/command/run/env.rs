//! The variables of a run's command: what a container would have, with ordinary Kubernetes expansion.

use std::collections::BTreeMap;

use sandbind_core::{
    api::binding::OnConflict,
    binding::substitute::{self, Names},
    problem::Problem,
};
use sandbind_wire::name::ENV_FILES;

use crate::{
    exit::Outcome,
    stack::{Bench, Holding},
};

/// In order, the folder of files first.
pub(super) fn variables(bench: &mut Bench<'_>, holding: &Holding) -> Outcome<Vec<(String, String)>> {
    let mut values = BTreeMap::new();
    for resource in &holding.bindings.resources {
        values.insert(resource.name.clone(), bench.values(&resource.incarnation)?);
    }
    let files = bench.run().files().display().to_string();
    let mut variables = vec![(ENV_FILES.to_owned(), files)];
    let selected = &holding.selected;
    for taken in &selected.bindings {
        let spec = &taken.binding.spec;
        for (at, env) in taken.env() {
            let place = || taken.binding.at(&format!("spec.env[{at}]"));
            if std::env::var_os(&env.name).is_some() {
                match spec.on_conflict {
                    OnConflict::Replace => {}
                    OnConflict::Keep => continue,
                    OnConflict::Deny => {
                        return Err(Problem::error(
                            "EnvConflict",
                            place(),
                            format!("`{}` is set already", env.name),
                            "unset it, or set `spec.onConflict` to `Replace` or `Keep`",
                        )
                        .into());
                    }
                }
            }
            let value = match (&env.value, &env.value_from) {
                (Some(text), _) => {
                    let names = Names {
                        sandbox: &selected.sandbox,
                        namespace: &selected.namespace.name,
                        workload: None,
                    };
                    let known = |name: &str| {
                        variables
                            .iter()
                            .rev()
                            .find(|(known, _)| known == name)
                            .map(|(_, value)| value.clone())
                    };
                    substitute::expand(&substitute::env(text, names), known)
                }
                (None, Some(from)) => {
                    let from = &from.resource;
                    let Some(value) = values.get(&from.name).and_then(|of| of.get(&from.output_key)) else {
                        continue;
                    };
                    text(&value.0).ok_or_else(|| {
                        Problem::error(
                            "NotText",
                            place(),
                            format!("the output `{}` contains a NUL byte or is no UTF-8", from.output_key),
                            "take it as a file instead",
                        )
                    })?
                }
                (None, None) => continue,
            };
            variables.push((env.name.clone(), value));
        }
    }
    Ok(variables)
}

fn text(value: &[u8]) -> Option<String> {
    String::from_utf8(value.to_vec()).ok().filter(|text| !text.contains('\0'))
}
