//! Examples in pages are run or applied by the end-to-end tests; here: that none of them slips through.

use sandbind_tests::pages::{self, Mark};

/// Languages of blocks that people copy.
const COPIED: &[&str] = &["console", "sh", "bash", "yaml", "json"];

#[test]
fn every_example_says_what_a_test_does_with_it() {
    let mut wrong = Vec::new();
    for page in pages::all().iter().filter(|page| !page.starts_with("docs/reference/")) {
        let found = pages::blocks(&pages::text(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        for (at, block) in found.iter().enumerate() {
            let place = format!("{page}:{}", block.line);
            if block.mark.is_none() && COPIED.contains(&block.language.as_str()) {
                wrong.push(format!("{place}: a {} block without a mark", block.language));
            }
            let before = at.checked_sub(1).and_then(|before| found[before].mark.as_ref());
            if block.mark == Some(Mark::Shows) && before != Some(&Mark::Run) {
                wrong.push(format!("{place}: what is shown must follow what is run"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "put `<!-- test: run|apply|check|plugin|shows|skip (why) -->` above:\n{}",
        wrong.join("\n")
    );
}
