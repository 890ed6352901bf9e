//! `plugin test`.

use clap::Args;

/// `sandbind plugin test`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each of which may stand alone")]
pub struct TestArgs {
    /// The plugin.
    #[command(flatten)]
    pub file: super::PluginFile,
    /// What to expect: a file of tests; left out, `NAME.test.yaml` beside `NAME.yaml` where there is one
    #[arg(long, value_name = "FILE")]
    pub tests: Option<String>,
    /// A param, as a binding would pass it; takes precedence over the file of tests; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// A variable for the scripts, in place of what the overlay takes from Secrets; without a value, that of this process; may be
    /// given several times
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Name of the sandbox, as the scripts see it
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub sandbox: String,
    /// What runs the scripts
    #[arg(long, value_enum, value_name = "KIND", default_value_t = ExecutorKind::Process)]
    pub executor: ExecutorKind,
    /// Let processes change this machine's files; left out, what they write is thrown away with their view of it
    #[arg(long)]
    pub no_isolation: bool,
    /// Only this create step and those it takes inputs from; then the delete steps
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// Run each script a second time when it has succeeded: may it be repeated?
    #[arg(long)]
    pub twice: bool,
    /// Also kill scripts on the way, delete without a create and repeat each step; then say the plugin's conformance level
    #[arg(long, value_enum, value_name = "WHEN", conflicts_with_all = ["keep", "step"])]
    pub kill_at: Option<KillAt>,
    /// Scripts that are killed, one in each further life
    #[arg(long, value_name = "N", default_value_t = 10, requires = "kill_at")]
    pub trials: u32,
    /// Repeats the kills that a run with this number made; left out, a number by chance
    #[arg(long, value_name = "N", requires = "kill_at")]
    pub seed: Option<u64>,
    /// Show the values of outputs
    #[arg(long)]
    pub show_outputs: bool,
    /// Leave the resource and the folders of the steps as they are; processes are then not isolated
    #[arg(long)]
    pub keep: bool,
}

/// What runs the scripts of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// This machine's programs, in a view of the machine that is thrown away.
    Process,
    /// A container of the plugin's image, by podman.
    Podman,
    /// A container of the plugin's image, by Docker.
    Docker,
    /// The plugin runner of the current context, in step pods: a draft of its own, and a sandbox that is thrown away.
    Cluster,
}

/// When scripts are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KillAt {
    /// At points by chance, of every step.
    Random,
}
