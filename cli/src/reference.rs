//! The pages below `docs/reference/`, each made from the one place where its subject is written down.

mod api;
mod cli;
pub(crate) mod codes;
mod environment;
mod flags;
mod metrics;
mod programs;

/// Every page: its path below the root, its content.
pub(crate) fn pages() -> Vec<(String, String)> {
    [
        ("api", api::markdown()),
        ("cli", cli::markdown()),
        ("codes", codes::markdown()),
        ("environment", environment::markdown()),
        ("metrics", metrics::markdown()),
        ("programs", programs::markdown()),
    ]
    .map(|(name, text)| (format!("docs/reference/{name}.md"), text))
    .into()
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
