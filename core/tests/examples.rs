//! The examples are what they say they are.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests read files and fail loudly"
)]

use std::collections::BTreeMap;

use sandbind_core::{
    api::{ResourceBinding, ResourcePluginSpec},
    plugin::{document, params},
    yaml,
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

fn text(file: &str) -> String {
    std::fs::read_to_string(format!("{EXAMPLES}/{file}")).unwrap()
}

fn plugin(file: &str) -> ResourcePluginSpec {
    let document = yaml::read_first(&text(file), file).unwrap();
    let read = document::read(&document).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(read.warnings, []);
    read.plugin
}

fn binding(file: &str) -> ResourceBinding {
    serde_json::from_value(yaml::read_first(&text(file), file).unwrap().value).unwrap()
}

#[test]
fn plugins_have_no_problem_and_both_forms_say_the_same() {
    for file in ["postgres/plugin.yaml", "files/plugin.yaml"] {
        let plugin = plugin(file);
        let written = yaml::write(&document::as_document(&plugin));
        let again = document::read(&yaml::read_first(&written, "again").unwrap()).unwrap();
        assert_eq!(again.plugin, plugin, "{file}");
        assert!(plugin.refresh.is_some() && !plugin.delete.is_empty());
    }
}

#[test]
fn bindings_name_their_plugins_params_and_outputs() {
    for (folder, key) in [("postgres", "provision"), ("files", "folder")] {
        let plugin = plugin(&format!("{folder}/plugin.yaml"));
        let spec = binding(&format!("{folder}/binding.yaml")).spec;
        assert!(params::effective(&plugin, &spec.resources[0].params, "spec.resources[0].params").is_ok());
        let outputs: Vec<String> =
            plugin.create[0].outputs.iter().map(|output| format!("{key}.{}", output.name)).collect();
        for env in spec.env {
            assert!(outputs.contains(&env.value_from.unwrap().resource.output_key), "{}", env.name);
        }
    }
    let wrong = BTreeMap::from([("seed".to_owned(), "huge".to_owned())]);
    assert!(params::effective(&plugin("postgres/plugin.yaml"), &wrong, "p").is_err());
}

#[test]
fn the_stack_is_the_files_plugin_and_its_binding() {
    let stack = yaml::read_all(&text("stack.yaml"), "stack.yaml").unwrap();
    let parts = ["files/plugin.yaml", "files/binding.yaml"];
    assert_eq!(stack.len(), parts.len());
    for (document, part) in stack.iter().zip(parts) {
        assert_eq!(document.value, yaml::read_first(&text(part), part).unwrap().value, "{part}");
    }
    assert!(document::is_plugin(&stack[0]) && !document::is_plugin(&stack[1]));
}
