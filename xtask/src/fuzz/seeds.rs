//! What fuzzing begins with: the documents and tables that the tests have anyway, and a few of the target's own.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::process::root;

/// Folders of documents.
const DOCUMENTS: &[&str] = &["cli/tests/wrong", "examples"];
/// Tables whose rows begin with a text; the second ones are values of a field.
const TABLES: &[(&str, bool)] =
    &[("core/tests/dialect/yaml.rs", false), ("core/tests/dialect/template.rs", true)];

/// Writes the seeds of a target into a folder, a file each.
pub(super) fn write(target: &str, folder: &Path) -> Result<()> {
    let mut seeds = Vec::new();
    let own = root().join(format!("fuzz/seeds/{target}.txt"));
    let own = fs::read_to_string(&own).with_context(|| format!("no seeds: {}", own.display()))?;
    seeds.extend(own.split("\n===\n").map(str::to_owned));
    for documents in DOCUMENTS {
        read(&root().join(documents), &mut seeds)?;
    }
    for (table, is_value) in TABLES {
        let text = fs::read_to_string(root().join(table))?;
        let rows = text.lines().filter_map(first_text);
        seeds.extend(
            rows.map(|text| if *is_value { format!("a: {}\n", serde_json::json!(text)) } else { text }),
        );
    }
    let regressions = root().join("fuzz/regressions").join(target);
    if folder.is_dir() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for (at, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{at:04}")), seed)?;
    }
    if regressions.is_dir() {
        for entry in fs::read_dir(regressions)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The YAML files below a folder.
fn read(folder: &Path, seeds: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, seeds)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            seeds.push(fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// The string that a row begins with, where JSON has its escapes too.
fn first_text(line: &str) -> Option<String> {
    let quoted = line.trim_start().strip_prefix("(\"")?;
    let mut escaped = false;
    let end = quoted.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    serde_json::from_str(&format!("\"{}\"", quoted.get(..end)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_of_a_row_is_read_with_its_escapes() {
        assert_eq!(first_text(r#"    ("a: \"x\"\n", Ok("y")),"#).as_deref(), Some("a: \"x\"\n"));
        assert_eq!(first_text(r#"    ("\x00", Ok("y")),"#), None);
        assert_eq!(first_text("fn a() {"), None);
    }

    #[test]
    fn every_target_has_its_seeds_and_its_law() {
        let laws = fs::read_to_string(root().join("fuzz/src/lib.rs")).unwrap();
        for target in super::super::targets().unwrap() {
            assert!(laws.contains(&format!("(\"{target}\", {target}::law)")), "{target}");
            assert!(root().join(format!("fuzz/seeds/{target}.txt")).is_file(), "{target}");
        }
    }
}
