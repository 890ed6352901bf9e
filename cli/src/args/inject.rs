//! `inject`.

use clap::{Args, ValueEnum};

/// `sandbind inject`.
#[derive(Debug, Args)]
pub struct InjectArgs {
    /// Files with a pod (or a workload with a pod template), bindings and plugins; `-` is standard input; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub filename: Vec<String>,
    /// How plugins are read.
    #[command(flatten)]
    pub template: super::TemplateArgs,
    /// A label that the namespace has; may be given several times
    #[arg(long = "namespace-label", value_name = "KEY=VALUE", default_value = "sandbind.dev/enabled=true")]
    pub namespace_labels: Vec<String>,
    /// Image of the sidecar
    #[arg(long, value_name = "REF", default_value = crate::install::DEFAULT_IMAGE)]
    pub image: String,
    /// As for a resource that is ready, or for one that is still being made
    #[arg(long, value_enum, value_name = "STATE", default_value_t = AssumedState::Ready)]
    pub state: AssumedState,
    /// Print the patch, not the pod
    #[arg(long)]
    pub patch: bool,
}

/// How the resources are assumed to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AssumedState {
    /// The pod starts at once.
    Ready,
    /// The pod is admitted gated.
    Creating,
}
