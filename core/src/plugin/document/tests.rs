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

/// The problems of a text after expansion: code and place.
fn told(text: &str, set: &[&str], files: &[(&str, &str)]) -> Vec<String> {
    let document = yaml::read_first(text, "p.yaml").unwrap();
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let mut files = template::Folder(files.collect());
    let variables = Variables::parse(set).unwrap();
    let mut used = Used::default();
    let document = expand(&document, &variables, Reading::Published, &mut files, &mut used);
    let mut problems = match read(&document) {
        Ok(read) => read.warnings,
        Err(problems) => problems,
    };
    problems.extend(variables.unused(&used));
    problems.into_iter().map(|problem| format!("{} {}", problem.code, problem.place)).collect()
}

#[test]
fn problems_of_an_expanded_document_are_placed_where_the_text_was_written() {
    let text = "\
name: p@@{version}
spec:
  runner:
    image: '@{image}'
    podTemplateOverlay: |
      metadata: {labels: {team: '@{team}'}}
      spec: {hostNetwork: true, '@{embed: field}': 1}
  create: '@{embed[yaml]: steps/create.yaml}'
  delete:
  - {name: d, script: '@{embed: steps/d.sh}', timeout: '@{timeout[yaml]}'}
";
    let files = [
        ("field", "odd"),
        ("steps/create.yaml", "- name: a\n  scrpt: x\n  script: '#!/bin/sh'\n"),
        ("steps/d.sh", "#! sh\n"),
    ];
    assert_eq!(
        told(text, &["version=1.0.0", "image=a b", "team=x", "timeout=5"], &files),
        [
            "UnknownField steps/create.yaml:2:3: spec.create[0].scrpt",
            "WrongType p.yaml:10:47: spec.delete[0].timeout",
            "BadImage p.yaml:4:5: spec.runner.image",
            "UnknownOverlayField p.yaml:7:33: spec.runner.podTemplateOverlay: spec.odd",
            "BadScript p.yaml:10:15: spec.delete[0].script",
        ]
    );
}

#[test]
fn of_a_string_whose_placeholder_cannot_be_replaced_nothing_more_is_said() {
    let text = "\
name: '@{name}'
spec:
  runner: {image: 'a @{image}', podTemplateOverlay: 'spec: @{$x}'}
  create:
  - {name: a, script: '@{embed: gone.sh}', timeout: '@{timeout}', scrpt: 5}
  delete: '@{embed[yaml]: gone.yaml}'
";
    assert_eq!(
        told(text, &[], &[]),
        [
            "BadVariable p.yaml:3:60",
            "CannotEmbed p.yaml:5:24",
            "CannotEmbed p.yaml:6:12",
            "UnsetVariable p.yaml:1:8",
            "UnsetVariable p.yaml:3:22",
            "UnsetVariable p.yaml:5:54",
            "UnknownField p.yaml:5:67: spec.create[0].scrpt",
        ]
    );
}

#[test]
fn an_object_has_no_placeholders() {
    let text = GOOD.replace(
        "script: '#!/bin/sh'\n  - name: b",
        "script: \"#!/usr/bin/perl\\nprint @{$x}\"\n  - name: b",
    );
    let document = expand(
        &yaml::read_first(&text, "p.yaml").unwrap(),
        &Variables::default(),
        Reading::Published,
        &mut template::NoFiles,
        &mut Used::default(),
    );
    assert_eq!(read(&document).unwrap_err()[0].code, "BadVariable");
    let object = yaml::write(&as_object(&read_text(&text).unwrap()));
    assert_eq!(told(&object, &[], &[]), [""; 0]);
    assert_eq!(told(&object, &["x=1"], &[]), ["UnusedVariable --set x"]);
}

#[test]
fn of_two_spellings_of_a_field_the_one_that_sorts_last_counts() {
    let image = |runner: &str| {
        let read = read_text(&GOOD.replace("{image: i}", runner)).unwrap();
        let codes: Vec<String> = read.warnings.into_iter().map(|warning| warning.code).collect();
        (read.plugin.runner.image, codes)
    };
    let codes = vec!["KeyCase".to_owned(), "DuplicateKey".to_owned()];
    assert_eq!(image("{image: small, IMAGE: large}"), ("small".to_owned(), codes.clone()));
    assert_eq!(image("{IMAGE: large, image: small}"), ("small".to_owned(), codes));
    assert_eq!(image("{Image: large, IMAGE: small}").0, "large");
}

#[test]
fn very_many_problems_are_cut_off_and_never_an_error_for_a_warning() {
    let field = |at: usize| format!("  x{at}: 1\n");
    let many: String = (0..5_000).map(field).collect();
    let told = read_text(&GOOD.replace("  create:", &format!("{many}  create:"))).unwrap_err();
    assert_eq!(told.len(), 1_001);
    assert_eq!(
        (told[1_000].code.as_str(), told[1_000].is_error()),
        ("MoreProblems", false),
        "{}",
        told[1_000]
    );

    let inputs =
        (0..60).map(|at| format!("{{NAME: i{at}, ValueFromSandbox: true}}")).collect::<Vec<_>>().join(", ");
    let step = |at: usize| format!("  - {{Name: s{at}, Script: '#!/bin/sh', INPUTS: [{inputs}]}}\n");
    let steps = (0..20).map(step).collect::<Vec<_>>().concat();
    let text = GOOD.replace("  - name: d", &format!("{steps}  - name: d"));
    let read = read_text(&text).unwrap();
    assert_eq!((read.plugin.delete.len(), read.plugin.delete[19].inputs.len()), (21, 60));
    assert_eq!(read.warnings.len(), 1_000);
    let told = read_text(&text.replace("  - name: d", "  - nam: d")).unwrap_err();
    assert!(told.iter().filter(|problem| problem.is_error()).count() >= 2, "{told:#?}");
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
