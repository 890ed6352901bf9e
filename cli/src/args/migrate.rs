//! `migrate`.

use clap::Args;

/// `sandbind migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// File with a sandbox document of the older framework; `-` is standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: String,
    /// The value of a variable of the document's template; may be given several times
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
}
