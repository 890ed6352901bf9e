//! Every example in the pages is run, applied or checked, page by page and in order. Which page has unmarked ones, the tests
//! without a cluster say.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use sandbind_tests::pages::{self, Block, Mark};

use super::support::{
    Ledger, Namespace,
    kubectl::{feed, sandbind_with},
};

/// Where a page's reader sits: a namespace that kubectl and sandbind take from the context, and a folder with the examples.
struct Reader {
    page: &'static str,
    space: Namespace,
    folder: PathBuf,
    printed: String,
}

impl Reader {
    fn new(page: &'static str) -> Self {
        let space = Namespace::new();
        let folder = std::env::temp_dir().join(&space.name);
        std::fs::create_dir(&folder).unwrap();
        for name in ["examples", "manifests"] {
            symlink(pages::root().join(name), folder.join(name)).unwrap();
        }
        let kubeconfig = folder.join("kubeconfig");
        std::fs::copy(std::env::var_os("KUBECONFIG").unwrap(), &kubeconfig).unwrap();
        let context = ["config", "set-context", "--current", "--namespace", &space.name];
        let set = Command::new("kubectl").args(context).env("KUBECONFIG", &kubeconfig).output().unwrap();
        assert!(set.status.success(), "{set:?}");
        Self { page, space, folder, printed: String::new() }
    }

    fn follow(&mut self, block: &Block) {
        let place = format!("{}:{}", self.page, block.line);
        match &block.mark {
            None => {}
            Some(Mark::Skip(why)) => eprintln!("{place}: left out: {why}"),
            Some(Mark::Apply) => {
                self.space.apply(&block.text);
            }
            Some(Mark::Check) => {
                let checked = feed(&["apply", "--dry-run=server", "-f", "-"], &block.text);
                checked.unwrap_or_else(|error| panic!("{place}: {error}"));
            }
            Some(Mark::Plugin) => {
                let ended = sandbind_with(&["plugin", "validate", "-f", "-"], &block.text);
                assert_eq!(ended.code, 0, "{place}: {}{}", ended.stdout, ended.stderr);
            }
            Some(Mark::Run) => self.run(&place, &block.text),
            Some(Mark::Shows) => {
                let shown = pages::shows(&self.printed, &block.text);
                shown.unwrap_or_else(|line| panic!("{place}: not printed: {line}\n{}", self.printed));
            }
        }
    }

    fn run(&mut self, place: &str, text: &str) {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(&self.folder)
            .env("KUBECONFIG", self.folder.join("kubeconfig"))
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("NAMESPACE", &self.space.name)
            .output()
            .unwrap();
        self.printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{place}: {text}\n{}{}",
            self.printed,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn read(page: &'static str) {
    Ledger::get();
    assert!(Path::new(&pages::root()).join(page).exists(), "{page}");
    let mut reader = Reader::new(page);
    for block in pages::blocks(&pages::text(page)).unwrap() {
        reader.follow(&block);
    }
}

/// Pages with examples, each with a test of its own below.
const READ: &[&str] = &[
    "README.md",
    "docs/admins.md",
    "docs/app-teams.md",
    "docs/ci.md",
    "docs/failure-behaviour.md",
    "docs/migrating.md",
    "docs/plugins.md",
    "docs/quick-start.md",
    "docs/recipes.md",
    "examples/postgres/README.md",
];

/// Pages that need other surroundings, and the test that reads them there.
const ELSEWHERE: &[(&str, &str)] = &[("docs/hub.md", "plugin-runner/tests/hub")];

#[test]
fn every_page_with_an_example_is_read() {
    let elsewhere = |page: &String| pages::WITH_SERVERS.contains(&page.as_str());
    for page in pages::all().into_iter().filter(|page| !elsewhere(page)) {
        let examples = pages::blocks(&pages::text(&page)).unwrap();
        let run = examples.iter().any(|block| !matches!(block.mark, None | Some(Mark::Skip(_))));
        let elsewhere = ELSEWHERE.iter().any(|(other, _)| *other == page);
        assert!(!run || elsewhere || READ.contains(&page.as_str()), "{page} has examples and no test");
    }
}

#[test]
fn the_readme_is_true() {
    read("README.md");
}

#[test]
fn the_quick_start_runs_as_written() {
    read("docs/quick-start.md");
}

#[test]
fn the_page_for_app_teams_runs_as_written() {
    read("docs/app-teams.md");
}

#[test]
fn the_page_about_ci_runs_as_written() {
    read("docs/ci.md");
}

#[test]
fn the_page_about_failures_runs_as_written() {
    read("docs/failure-behaviour.md");
}

#[test]
fn the_page_about_migrating_runs_as_written() {
    read("docs/migrating.md");
}

#[test]
fn the_page_about_plugins_runs_as_written() {
    read("docs/plugins.md");
}

#[test]
fn the_recipes_are_accepted_as_written() {
    read("docs/recipes.md");
}

#[test]
fn the_page_for_admins_runs_as_written() {
    read("docs/admins.md");
}

#[test]
fn the_page_of_the_postgres_example_runs_as_written() {
    read("examples/postgres/README.md");
}
