//! Documents with one mistake each, and what is said of it: `cli/tests/wrong/`.

use std::{fs, path::Path};

use crate::support::sandbind;

#[test]
fn each_mistake_is_told_with_its_line_and_a_way_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 100, "{}", names.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for name in names {
        let file = folder.join(format!("{name}.yaml")).display().to_string();
        let told = sandbind(&["plugin", "validate", "-f", &file]);
        let text = told
            .text()
            .replace(&file, &format!("{name}.yaml"))
            .replace(&format!("{}/", folder.display()), "");
        assert!(text.contains("way out: ") && text.contains("at:      "), "{name}: {text}");
        settings.bind(|| insta::assert_snapshot!(name.as_str(), text));
    }
}
