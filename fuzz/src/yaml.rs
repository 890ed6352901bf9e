//! YAML: what is read can be written, and is read back the same.

use sandbind_core::yaml::{self, LONGEST_TEXT};
use serde_json::Value;

/// The law.
pub fn law(data: &[u8]) {
    let Ok(text) = yaml::decode(data.to_vec(), "f") else { return };
    if let Ok(first) = yaml::read_first(&text, "f") {
        first.problems.iter().for_each(|problem| super::is_told(problem, &first.sources));
        assert!(first.problems.iter().all(|problem| !problem.is_error()), "read in spite of an error");
        is_written(&first.value);
    }
    match yaml::read_all(&text, "f") {
        Ok(all) => {
            for document in &all {
                is_written(&document.value);
            }
            let values: Vec<Value> = all.into_iter().map(|document| document.value).collect();
            let written = yaml::write_all(&values);
            if written.len() <= LONGEST_TEXT {
                let again = yaml::read_all(&written, "w").expect("what was written is refused");
                let again: Vec<Value> = again.into_iter().map(|document| document.value).collect();
                super::same(&again, &values, "documents are read back as others");
            }
        }
        Err(problem) => assert!(problem.is_error() && !problem.reason.is_empty(), "{problem:?}"),
    }
}

/// Whether a value is read back as it was written, without a warning.
pub(crate) fn is_written(value: &Value) {
    let written = yaml::write(value);
    if written.len() > LONGEST_TEXT || value.is_null() {
        return;
    }
    let again = match yaml::read_all(&written, "w") {
        Ok(mut all) if all.len() == 1 => all.remove(0),
        other => panic!("written as\n{written}\nand read back as {other:?}"),
    };
    super::same(&again.value, value, &written);
    super::same(&again.problems, &Vec::new(), &written);
    super::same(&yaml::write(&again.value), &written, "written in another way");
}
