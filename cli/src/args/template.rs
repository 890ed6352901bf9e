//! What every command takes that reads plugin documents.

use clap::Args;

/// How documents are read.
#[derive(Clone, Debug, Default, Args)]
pub struct TemplateArgs {
    /// The value of a variable of the document's template; may be given several times
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// Refuse what the published reader accepts in silence; `@@{` is an escape, `@{NAME:-VALUE}` has a default, embedded files stay below the document's folder
    #[arg(long)]
    pub strict: bool,
}
