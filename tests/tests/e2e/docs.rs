//! Every example in the docs that is marked `<!-- test: run -->` or `<!-- test: apply -->` is run, in order, page by page.

use std::{fs, path::Path, process::Command};

use super::support::{Ledger, Namespace, calm};

/// A marked block.
#[derive(Debug)]
struct Block {
    mark: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(mark) = line.strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        assert!(lines.next().is_some_and(|fence| fence.starts_with("```")), "no block after `{line}`");
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        blocks.push(Block { mark: mark.to_owned(), text: text.join("\n") });
    }
    blocks
}

fn run_page(page: &str) {
    let _calm = calm();
    Ledger::get();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs").join(page)).unwrap();
    let space = Namespace::new();
    // kubectl and sandbind take the namespace from the context.
    let kubeconfig = std::env::temp_dir().join(format!("{}.kubeconfig", space.name));
    fs::copy(std::env::var_os("KUBECONFIG").unwrap(), &kubeconfig).unwrap();
    let context = ["config", "set-context", "--current", "--namespace", &space.name];
    assert!(Command::new("kubectl").args(context).env("KUBECONFIG", &kubeconfig).status().unwrap().success());
    let mut ran = 0;
    for block in blocks(&text) {
        match block.mark.as_str() {
            "apply" => {
                space.apply(&block.text);
            }
            "run" => {
                let output = Command::new("bash")
                    .args(["-euo", "pipefail", "-c", &block.text])
                    .current_dir(root)
                    .env("KUBECONFIG", &kubeconfig)
                    .env("NAMESPACE", &space.name)
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "docs/{page}: {}\n{}{}\n{}",
                    block.text,
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                    space.picture()
                );
            }
            skipped => assert!(skipped.starts_with("skip ("), "docs/{page}: unknown mark `{skipped}`"),
        }
        ran += 1;
    }
    assert!(ran > 0, "docs/{page} has no marked example");
    fs::remove_file(kubeconfig).unwrap();
}

#[test]
fn the_quick_start_runs_as_written() {
    run_page("quick-start.md");
}

#[test]
fn the_page_for_app_teams_runs_as_written() {
    run_page("app-teams.md");
}

#[test]
fn the_page_about_ci_runs_as_written() {
    run_page("ci.md");
}

#[test]
fn the_page_about_plugins_runs_as_written() {
    run_page("plugins.md");
}

#[test]
fn the_page_for_admins_runs_as_written() {
    run_page("admins.md");
}
