//! `explain`.

use clap::Args;

/// `sandbind explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A code such as `UnknownField`, a condition's reason or an Event's; left out, all are listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}
