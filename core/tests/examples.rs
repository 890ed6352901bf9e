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
    template::{Folder, Reading, Used, Variables},
    version::{self, PluginRef},
    yaml,
};
use serde_json::Value;

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

/// Names of the folders with a binding.
fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(EXAMPLES).unwrap().map(Result::unwrap);
    let bound = entries.filter(|entry| entry.path().join("binding.yaml").exists());
    let folders: Vec<String> = bound.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(folders.len() >= 10, "{folders:?}");
    folders
}

/// The plugin of a folder, with the files that it embeds.
fn plugin_of(folder: &str) -> ResourcePluginSpec {
    let file = format!("{folder}/plugin.yaml");
    let mut files = Folder::default();
    for entry in std::fs::read_dir(format!("{EXAMPLES}/{folder}")).unwrap().map(Result::unwrap) {
        files.0.insert(entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
    }
    let written = yaml::read_first(&text(&file), &file).unwrap();
    let (variables, mut used) = (Variables::default(), Used::default());
    let expanded = document::expand(&written, &variables, Reading::Published, &mut files, &mut used);
    document::read(&expanded).unwrap_or_else(|problems| panic!("{problems:#?}")).plugin
}

/// Fields that are written and that no kind knows.
fn unknown(written: &Value, read: &Value, path: &str) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            let fields = written.iter().map(|(name, value)| {
                let path = format!("{path}.{name}");
                read.get(name).map_or_else(|| vec![path.clone()], |read| unknown(value, read, &path))
            });
            fields.flatten().collect()
        }
        (Value::Array(written), Value::Array(read)) => {
            written.iter().zip(read).flat_map(|(value, read)| unknown(value, read, path)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_binding_has_only_known_fields_and_fits_the_plugin_beside_it() {
    for folder in folders() {
        let file = format!("{folder}/binding.yaml");
        let binding = binding(&file);
        let written = yaml::read_first(&text(&file), &file).unwrap().value;
        let again = serde_json::to_value(&binding).unwrap();
        assert_eq!(unknown(&written["spec"], &again["spec"], "spec"), Vec::<String>::new(), "{file}");

        let plugin = plugin_of(&folder);
        let published = plugin.version.as_deref().map(|version| version::lenient(version).unwrap());
        for resource in &binding.spec.resources {
            let wanted: PluginRef = resource.plugin.parse().unwrap();
            assert_eq!(wanted.name, plugin.name, "{file}");
            assert!(wanted.choose([(published.clone(), "there")]).is_some(), "{file}: {wanted}");
            assert!(params::effective(&plugin, &resource.params, "params").is_ok(), "{file}");
        }
        let named: Vec<&str> = binding.spec.resources.iter().map(|resource| resource.name.as_str()).collect();
        let outputs: Vec<String> = plugin
            .create
            .iter()
            .flat_map(|step| step.outputs.iter().map(|output| format!("{}.{}", step.name, output.name)))
            .collect();
        for source in binding.spec.env.iter().filter_map(|env| env.value_from.as_ref()) {
            assert!(named.contains(&source.resource.name.as_str()), "{file}: {}", source.resource.name);
            assert!(outputs.contains(&source.resource.output_key), "{file}: {}", source.resource.output_key);
        }
        for folder in &binding.spec.files {
            assert!(named.contains(&folder.resource.as_str()), "{file}: {}", folder.resource);
        }
    }
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
fn a_param_that_the_plugin_does_not_allow_is_refused() {
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
