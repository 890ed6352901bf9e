//! `plugin test`.

use clap::Args;

/// `sandbind plugin test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The plugin.
    #[command(flatten)]
    pub file: super::PluginFile,
    /// A param, as a binding would pass it
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// A variable for the scripts: stands in for what the overlay takes from Secrets
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Name of the sandbox, as the scripts see it
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub sandbox: String,
    /// What runs the scripts
    #[arg(long, value_enum, value_name = "KIND", default_value_t = ExecutorKind::Process)]
    pub executor: ExecutorKind,
    /// Run each script a second time when it has succeeded: may it be repeated?
    #[arg(long)]
    pub twice: bool,
    /// Leave the resource and the folders of the steps as they are
    #[arg(long)]
    pub keep: bool,
}

/// What runs the scripts of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// This machine's own processes.
    Process,
}
