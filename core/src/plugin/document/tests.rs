use super::*;
use crate::yaml;

mod published;
mod wrong;

/// A plugin with nothing wrong in it.
const GOOD: &str = "\
name: p@1.0.0
spec:
  runner: {image: i}
  create:
  - name: a
    outputs: [{name: o, valueFromPath: /o}]
    script: '#!/bin/sh'
  - name: b
    inputs: [{name: x, valueFromStep: {name: a, output: o}}]
    script: '#!/bin/sh'
  delete:
  - name: d
    inputs: [{name: seed, valueFromSandbox: true}]
    script: '#!/bin/sh'
";

fn read_text(text: &str) -> Result<Read, Vec<Problem>> {
    let document = yaml::read_first(text, "p.yaml").map_err(|problem| vec![problem])?;
    read(&document)
}

#[test]
fn a_good_document_has_no_problem_at_all() {
    let read = read_text(GOOD).unwrap();
    assert_eq!(read.warnings, []);
    assert_eq!((read.form, read.object_name.as_str()), (Form::Document, "p-1.0.0"));
    assert_eq!(read.plugin.identity(), "p@1.0.0");
}

#[test]
fn json_keys_in_any_case_and_foreign_top_level_keys_are_accepted() {
    let text = r#"{"Name": "p", "createdAt": "x", "version": 5, "status": {}, "SPEC": {"RUNNER": {"Image": "i"},
        "Create": [{"NAME": "a", "Inputs": [{"name": "x", "ValueFromSandbox": true, "AS": {"Env": "X", "path": "/x"}, "type": "t"}],
                    "script": "a"}], "delete": null}}"#;
    let read = read_text(text).unwrap();
    assert_eq!(read.plugin.version, None);
    let input = &read.plugin.create[0].inputs[0];
    assert_eq!(input.as_.as_ref().unwrap().env.as_deref(), Some("X"));
    assert_eq!(input.type_.as_deref(), Some("t"));
    let codes: Vec<_> = read.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "KeyCase").count(), 8, "{codes:?}");
    assert!(codes.contains(&"NoDelete") && codes.contains(&"NoInterpreter"));
}

#[test]
fn our_own_fields_are_accepted_in_documents_and_survive_both_forms() {
    let text = "\
name: p@1.0.0
spec:
  description: d
  runner: {image: i, namespace: steps}
  params: [{name: seed, default: small, pattern: 'small|large', sensitive: true}]
  create:
  - {name: a, inputs: [{name: seed, valueFromSandbox: true}], outputs: [{name: o, valueFromPath: /o, deliver: false}],
     timeout: 2m, retries: 1, signal: SIGINT, grace: 5s, script: '#!/bin/sh'}
  delete: [{name: d, script: '#!/bin/sh'}]
  refresh: {every: 30m, steps: [{name: a, outputs: [{name: o, valueFromPath: /o}], script: '#!/bin/sh'}]}
  allowedNamespaces: {from: Selector, selector: {matchLabels: {a: b}, matchExpressions: [{key: k, operator: In, values: [v]}]}}
  limits: {concurrency: 10, perNamespace: 50, linger: 24h}
";
    let read = read_text(text).unwrap();
    assert_eq!(read.warnings, []);
    let document = yaml::write(&as_document(&read.plugin));
    assert_eq!(read_text(&document).unwrap().plugin, read.plugin);
    let object = as_object(&read);
    assert_eq!(object["metadata"]["name"], "p-1.0.0");
    let again = read_text(&yaml::write(&object)).unwrap();
    assert_eq!((again.form, &again.plugin), (Form::Object, &read.plugin));
    assert_eq!(as_object(&again), object);
}

#[test]
fn templates_are_expanded_in_string_values_only() {
    let value = json!({"@{k}": ["@{v}", 1], "a": "@{v}"});
    let mut seen = Vec::new();
    let mapped = map_strings::<()>(value, "", &mut |path, text| {
        seen.push(path.to_owned());
        Ok(json!({"was": text}))
    });
    assert_eq!(mapped, Ok(json!({"@{k}": [{"was": "@{v}"}, 1], "a": {"was": "@{v}"}})));
    assert_eq!(seen, ["@{k}[0]", "a"]);
    assert_eq!(
        map_strings(json!(["x"]), "spec", &mut |path, _| Err(path.to_owned())),
        Err("spec[0]".to_owned())
    );
}

#[test]
fn what_is_published_does_not_change_and_a_draft_does() {
    let plugin = |version: Option<&str>, image: &str, description: &str| ResourcePluginSpec {
        version: version.map(str::to_owned),
        runner: crate::api::plugin::Runner { image: image.into(), ..Default::default() },
        description: Some(description.into()),
        ..read_text(GOOD).unwrap().plugin
    };
    let update = |old: &ResourcePluginSpec, new: &ResourcePluginSpec| -> Vec<String> {
        crate::plugin::validate_update(old, new).into_iter().map(|problem| problem.place).collect()
    };
    assert_eq!(update(&plugin(None, "a", ""), &plugin(None, "b", "x")), [""; 0]);
    assert_eq!(update(&plugin(Some("1.0.0"), "a", ""), &plugin(Some("1.0.0"), "a", "x")), [""; 0]);
    assert_eq!(
        update(&plugin(Some("1.0.0"), "a", ""), &plugin(Some("1.0.0"), "b", "")),
        ["spec.runner.image"]
    );
    assert_eq!(update(&plugin(None, "a", ""), &plugin(Some("1.0.0"), "a", "")), ["spec.version"]);
    let mut other = plugin(Some("1.0.0"), "a", "");
    other.create[0].script.push_str("\ntrue");
    other.delete.clear();
    other.name = "q".into();
    assert_eq!(update(&plugin(Some("1.0.0"), "a", ""), &other), ["spec.name", "spec.create", "spec.delete"]);
}

#[test]
fn all_problems_are_told_at_once_in_one_read() {
    let text = "name: 1p\nspec:\n  scrpt: x\n  runner: {}\n  create: [{name: a b, script: 5}]\n";
    let problems = read_text(text).unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["UnknownField", "WrongType", "BadName", "MissingImage", "BadName", "NoDelete"]);
    assert_eq!(
        problems[1].to_string(),
        "WrongType: p.yaml:5:24: spec.create[0].script: this is a number, not a string (put it in quotes)"
    );
}
