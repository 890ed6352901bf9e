//! Links within the source tree.

use std::path::Path;

use sandbind_tests::pages;

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut dead = Vec::new();
    let mut alive = 0;
    for page in pages::all() {
        let text = pages::text(&page);
        for (line, target) in pages::links(&text) {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = Path::new(&page).parent().unwrap();
            let file = pages::root().join(folder).join(path);
            let file = if path.is_empty() { pages::root().join(&page) } else { file };
            let headed = || {
                let there = std::fs::read_to_string(&file).unwrap_or_default();
                pages::anchors(&there).iter().any(|heading| heading == anchor)
            };
            if !file.exists() || !anchor.is_empty() && !headed() {
                dead.push(format!("{page}:{line}: {target}"));
            }
            alive += 1;
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
    assert!(alive > 20, "only {alive} links were found");
}

#[test]
fn the_readme_leads_to_every_page_of_the_docs() {
    let readme: Vec<String> = pages::links(&pages::text("README.md")).into_iter().map(|(_, to)| to).collect();
    for page in pages::all().iter().filter(|page| page.starts_with("docs/")) {
        let led = readme.iter().any(|to| page == to || to.ends_with('/') && page.starts_with(to.as_str()));
        assert!(led, "nothing in README.md leads to {page}");
    }
}

#[test]
fn every_path_on_the_map_exists() {
    let mut seen = 0;
    for (line, text) in pages::prose(&pages::text("ARCHITECTURE.md")) {
        let paths = pages::inline_code(text).filter(|code| {
            code.ends_with('/') || code.contains('/') && code.rsplit('.').next() == Some("rs")
        });
        for path in paths.filter(|path| !path.contains(['{', '*', ' '])) {
            let there = [path.to_owned(), format!("cli/src/{path}")]
                .iter()
                .any(|path| pages::root().join(path).exists());
            assert!(there, "ARCHITECTURE.md:{line}: there is no {path}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} paths were found");
}
