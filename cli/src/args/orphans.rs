//! `orphans`.

use clap::{Args, Subcommand};
use sandbind_core::api::Span;

/// `sandbind orphans`.
#[derive(Debug, Subcommand)]
pub enum OrphansCommand {
    /// List resources whose removal does not succeed, or whose namespace is gone
    #[command(visible_alias = "ls")]
    List(OrphansListArgs),
    /// Try the removal again at once, with other delete steps if told
    Retry(OrphansRetryArgs),
    /// Give a resource up: its record goes, the resource itself is not removed
    Forget(OrphansForgetArgs),
}

/// `sandbind orphans list`.
#[derive(Debug, Args)]
pub struct OrphansListArgs {
    /// Every record, not only those in trouble
    #[arg(long)]
    pub all: bool,
}

/// `sandbind orphans retry`.
#[derive(Debug, Args)]
pub struct OrphansRetryArgs {
    /// Name of the record, or its incarnation
    pub id: String,
    /// Version whose delete steps to run on the stored outputs
    #[arg(long, value_name = "NAME@VERSION")]
    pub plugin: Option<String>,
    /// Wait until the resource is gone
    #[arg(long)]
    pub wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
}

/// `sandbind orphans forget`.
#[derive(Debug, Args)]
pub struct OrphansForgetArgs {
    /// Name of the record, or its incarnation
    pub id: String,
    /// Why nobody needs to remove the resource; kept in the ledger
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
