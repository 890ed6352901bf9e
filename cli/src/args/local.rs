//! `run`, `demo`, `local`: what works without a cluster.

use clap::{Args, Subcommand};

/// `sandbind run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: the command's own; 125 when sandbind failed; 126 and 127 when the command cannot be started; \
                        128 + n when signal n ended it."
)]
pub struct RunArgs {
    /// The stack: plugins and one binding; may be given several times
    #[arg(short, long = "file", visible_alias = "filename", value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// How plugins are read.
    #[command(flatten)]
    pub template: super::TemplateArgs,
    /// Name of the sandbox, as the plugins see it
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub sandbox: String,
    /// A variable for the scripts of the plugins, in place of what their overlays take from Secrets; without a value, that of this
    /// process; may be given several times
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Say nothing about the resources
    #[arg(short, long)]
    pub quiet: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// `sandbind demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {}

/// Commands of `sandbind local`.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    /// Runs of this machine that have resources
    List,
    /// Remove the resources of runs whose process is gone
    Gc(GcArgs),
}

/// `sandbind local gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Only these runs
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Give the resources up without removing them
    #[arg(long, requires = "runs")]
    pub forget: bool,
}
