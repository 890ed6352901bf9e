//! Every `cargo xtask …` that a page names is a task that there is.

use clap::Parser as _;
use sandbind_tests::pages;

use crate::Args;

/// Tasks in a page: in code quotes, and in the lines of blocks.
fn tasks(text: &str) -> Vec<String> {
    let prose = pages::prose(text);
    let blocks = pages::blocks(text).unwrap();
    let quoted = prose.iter().flat_map(|(_, line)| pages::inline_code(line));
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    let found = quoted.chain(lines).filter_map(|text| text.split_once("cargo xtask "));
    found.map(|(_, task)| task.split([' ', ',', '#', '|', ')']).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_task_in_the_pages_is_understood() {
    let mut seen = 0;
    for page in pages::all() {
        for task in tasks(&pages::text(&page)) {
            seen += 1;
            let words: Vec<&str> = task.split_whitespace().collect();
            // What follows a task in its line is not always the task's; what is understood must be its head.
            let fits = |count: &usize| {
                let args = ["xtask"].into_iter().chain(words.iter().take(*count).copied());
                Args::try_parse_from(args).is_ok()
            };
            assert!((1..=words.len()).any(|count| fits(&count)), "{page}: cargo xtask {task}");
        }
    }
    assert!(seen > 8, "only {seen} tasks were found");
}
