//! The command as a process: help, exit codes, what goes to which stream.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "cli/migrate.rs"]
mod migrate;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/templates.rs"]
mod templates;
#[path = "cli/wrong.rs"]
mod wrong;
