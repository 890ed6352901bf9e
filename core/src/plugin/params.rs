//! What a binding may pass to a plugin, and what its scripts then receive.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    api::plugin::{Param, ResourcePluginSpec, Step},
    problem::Problem,
};

/// The longest value, in bytes.
pub const LONGEST_VALUE: usize = 32 * 1024;

/// The plugin's params: as declared, or, where it declares none, the names of the inputs with `valueFromSandbox`, all
/// optional. In order of declaration, or of name.
pub fn declared(plugin: &ResourcePluginSpec) -> Vec<Param> {
    match &plugin.params {
        Some(params) => params.clone(),
        None => used(plugin)
            .into_iter()
            .map(|name| Param { name: name.to_owned(), optional: true, ..Param::default() })
            .collect(),
    }
}

/// Names of the inputs that take their value from the sandbox.
pub(crate) fn used(plugin: &ResourcePluginSpec) -> BTreeSet<&str> {
    steps(plugin)
        .flat_map(|step| &step.inputs)
        .filter(|input| input.value_from_sandbox == Some(true))
        .map(|input| input.name.as_str())
        .collect()
}

/// All steps of all workflows.
pub(crate) fn steps(plugin: &ResourcePluginSpec) -> impl Iterator<Item = &Step> {
    let refresh = plugin.refresh.iter().flat_map(|refresh| &refresh.steps);
    plugin.create.iter().chain(&plugin.delete).chain(refresh)
}

/// Names of the params whose values are kept out of logs and messages.
pub fn sensitive(plugin: &ResourcePluginSpec) -> BTreeSet<&str> {
    let declared = plugin.params.iter().flatten();
    declared.filter(|param| param.sensitive).map(|param| param.name.as_str()).collect()
}

/// Checks the *names* of given params: what can be said before `$(…)` is replaced. `place` is that of the params' map.
pub fn check_names<'a>(
    plugin: &ResourcePluginSpec,
    given: impl IntoIterator<Item = &'a str>,
    place: &str,
) -> Vec<Problem> {
    let declared = declared(plugin);
    let unknown = given.into_iter().filter(|name| declared.iter().all(|param| param.name != *name));
    unknown
        .map(|name| {
            Problem::error(
                "UnknownParam",
                format!("{place}.{name}"),
                format!("plugin `{}` has no param `{name}`", plugin.identity()),
                names(&declared),
            )
        })
        .collect()
}

fn names(declared: &[Param]) -> String {
    if declared.is_empty() {
        return "remove it: the plugin takes none".to_owned();
    }
    let mut out = "its params are".to_owned();
    for (at, param) in declared.iter().enumerate() {
        let _ = write!(out, "{} `{}`", if at == 0 { "" } else { "," }, param.name);
    }
    out
}

/// Every param that has a value, with defaults filled in, or everything that is wrong with the given ones. No problem shows a
/// value. `place` is that of the params' map, such as `spec.resources[0].params`.
pub fn effective(
    plugin: &ResourcePluginSpec,
    given: &BTreeMap<String, String>,
    place: &str,
) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let mut problems = check_names(plugin, given.keys().map(String::as_str), place);
    let mut values = BTreeMap::new();
    for param in declared(plugin) {
        let name = &param.name;
        match given.get(name).or(param.default.as_ref()) {
            Some(value) => {
                problems.extend(check_value(&param, value, &format!("{place}.{name}")));
                values.insert(name.clone(), value.clone());
            }
            None if param.optional => {}
            None => problems.push(Problem::error(
                "MissingParam",
                format!("{place}.{name}"),
                format!("plugin `{}` needs the param `{name}`", plugin.identity()),
                format!("give `{name}` a value"),
            )),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What is wrong with a value of a param. Never shows the value.
pub(crate) fn check_value(param: &Param, value: &str, place: &str) -> Option<Problem> {
    let bad = |reason: String, way_out: &str| Some(Problem::error("BadParam", place, reason, way_out));
    if value.len() > LONGEST_VALUE {
        return bad(
            format!("the value is longer than {LONGEST_VALUE} bytes"),
            "shorten it, or pass a reference",
        );
    }
    if value.contains('\0') {
        return bad("the value contains a NUL character".to_owned(), "remove it");
    }
    let pattern = param.pattern.as_deref()?;
    match matcher(pattern) {
        Ok(regex) if !regex.is_match(value) => {
            bad(format!("the value does not match the pattern `{pattern}` as a whole"), "give one that does")
        }
        Ok(_) => None,
        Err(_) => bad(format!("the plugin's pattern `{pattern}` is no regular expression"), "fix the plugin"),
    }
}

/// A pattern as a regular expression that the whole value must match.
pub(crate) fn matcher(pattern: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::plugin::Input;

    fn plugin(params: Option<Vec<Param>>) -> ResourcePluginSpec {
        let input =
            |name: &str| Input { name: name.into(), value_from_sandbox: Some(true), ..Input::default() };
        ResourcePluginSpec {
            name: "p".into(),
            version: None,
            description: None,
            runner: crate::api::plugin::Runner::default(),
            params,
            create: vec![Step { inputs: vec![input("seed"), input("zone")], ..Step::default() }],
            delete: vec![],
            refresh: None,
            allowed_namespaces: None,
            limits: None,
        }
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn without_declaration_the_inputs_are_the_params_and_all_are_optional() {
        let plugin = plugin(None);
        assert_eq!(effective(&plugin, &given(&[]), "p"), Ok(given(&[])));
        assert_eq!(effective(&plugin, &given(&[("zone", "a")]), "p"), Ok(given(&[("zone", "a")])));
        let problems = effective(&plugin, &given(&[("zoen", "a")]), "spec.params").unwrap_err();
        assert_eq!(problems[0].code, "UnknownParam");
        assert_eq!(problems[0].place, "spec.params.zoen");
        assert_eq!(problems[0].way_out, "its params are `seed`, `zone`");
    }

    #[test]
    fn declared_params_are_required_filled_in_and_matched_as_a_whole() {
        let plugin = plugin(Some(vec![
            Param {
                name: "seed".into(),
                default: Some("small".into()),
                pattern: Some("small|large".into()),
                ..Param::default()
            },
            Param { name: "zone".into(), ..Param::default() },
        ]));
        assert_eq!(
            effective(&plugin, &given(&[("zone", "a")]), "p"),
            Ok(given(&[("seed", "small"), ("zone", "a")]))
        );
        let problems = effective(&plugin, &given(&[("seed", "smallish"), ("x", "y")]), "p").unwrap_err();
        let codes: Vec<_> = problems.iter().map(|p| (p.code.as_str(), p.place.as_str())).collect();
        assert_eq!(codes, [("UnknownParam", "p.x"), ("BadParam", "p.seed"), ("MissingParam", "p.zone")]);
        assert!(problems.iter().all(|problem| !problem.to_string().contains("smallish")));
        assert!(effective(&plugin, &given(&[("zone", "a\0")]), "p").is_err());
    }
}
