//! `install`, `uninstall`, `doctor`.

use clap::Args;
use sandbind_core::api::Span;
use sandbind_wire::name::STEP_NAMESPACE;

use crate::install::{DEFAULT_IMAGE, StepSecurity};

/// `sandbind install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Image of all programs, by tag or digest
    #[arg(long, value_name = "REF", default_value = DEFAULT_IMAGE)]
    pub image: String,
    /// Secret in the system namespace with the registry's credentials
    #[arg(long, value_name = "NAME")]
    pub image_pull_secret: Option<String>,
    /// Namespaces in which step pods may run; the first is the default
    #[arg(long, value_name = "NS", num_args = 1.., value_delimiter = ',', default_value = STEP_NAMESPACE)]
    pub step_namespace: Vec<String>,
    /// Pod security that step namespaces enforce
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = StepSecurity::Baseline)]
    pub step_security: StepSecurity,
    /// Time to live of sandboxes that people make without one, such as 2d
    #[arg(long, value_name = "DURATION")]
    pub default_ttl: Option<Span>,
    /// Replicas of the webhook
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub webhook_replicas: u32,
    /// Replicas of the plugin runner
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub runner_replicas: u32,
    /// A further argument of the webhook, such as --webhook-arg=--leaf-lifetime=30d
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub webhook_arg: Vec<String>,
    /// A further argument of the plugin runner, such as --runner-arg=--bind-window=60s
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub runner_arg: Vec<String>,
    /// Apply to the cluster and wait until it works
    #[arg(long)]
    pub apply: bool,
    /// How long to wait with --apply
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
}

/// `sandbind uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Remove sandbind although resources exist that it then never removes
    #[arg(long)]
    pub force: bool,
    /// Namespaces of step pods
    #[arg(long, value_name = "NS", num_args = 1.., value_delimiter = ',', default_value = STEP_NAMESPACE)]
    pub step_namespace: Vec<String>,
    /// Delete the step namespaces too, with whatever plugins keep there
    #[arg(long)]
    pub delete_step_namespaces: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
}

/// `sandbind doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {}
