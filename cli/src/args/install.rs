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
    /// Secret with the registry's credentials; one of this name must be in the system namespace, in step namespaces, and in
    /// namespaces with sandboxes
    #[arg(long, value_name = "NAME")]
    pub image_pull_secret: Option<String>,
    /// Namespaces in which step pods may run, with commas between them; the first is the default
    #[arg(long, value_name = "NS", num_args = 1.., value_delimiter = ',', default_value = STEP_NAMESPACE)]
    pub step_namespace: Vec<String>,
    /// Pod security that step namespaces enforce
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = StepSecurity::Baseline)]
    pub step_security: StepSecurity,
    /// Time to live of sandboxes that people make without one, such as 2d
    #[arg(long, value_name = "DURATION")]
    pub default_ttl: Option<Span>,
    /// Replicas of the webhook and of the plugin runner
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub replicas: u32,
    /// Timers.
    #[command(flatten)]
    pub timers: TimerArgs,
    /// A further argument of the webhook, such as --webhook-arg=--log=debug; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub webhook_arg: Vec<String>,
    /// A further argument of the plugin runner, such as --runner-arg=--workers=32; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub runner_arg: Vec<String>,
    /// Apply to the cluster and wait until it works
    #[arg(long)]
    pub apply: bool,
    /// How long to wait with --apply
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
}

/// Timers that the programs are given. Left out: their own defaults.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Timers")]
pub struct TimerArgs {
    /// How long a pod's reservation holds until the pod is seen
    #[arg(long, value_name = "DURATION")]
    pub bind_window: Option<Span>,
    /// How long owners that want pods keep a resource without pods
    #[arg(long, value_name = "DURATION")]
    pub owner_grace: Option<Span>,
    /// How long a pod that vanished without having ended keeps its resource
    #[arg(long, value_name = "DURATION")]
    pub zombie_hold: Option<Span>,
    /// How long a step pod may stay unstarted
    #[arg(long, value_name = "DURATION")]
    pub start_window: Option<Span>,
    /// Added to the end of a step's claim before its attempt counts as dead
    #[arg(long, value_name = "DURATION")]
    pub claim_margin: Option<Span>,
    /// How long the servers' certificates live
    #[arg(long, value_name = "DURATION")]
    pub leaf_lifetime: Option<Span>,
    /// How long their authority lives
    #[arg(long, value_name = "DURATION")]
    pub ca_lifetime: Option<Span>,
    /// How long a new authority is trusted before it signs
    #[arg(long, value_name = "DURATION")]
    pub ca_lead: Option<Span>,
}

impl TimerArgs {
    /// As arguments of the webhook, which makes the certificates.
    pub fn of_webhook(&self) -> Vec<String> {
        flags(&[
            ("leaf-lifetime", self.leaf_lifetime),
            ("ca-lifetime", self.ca_lifetime),
            ("ca-lead", self.ca_lead),
        ])
    }

    /// As arguments of the runner.
    pub fn of_runner(&self) -> Vec<String> {
        flags(&[
            ("bind-window", self.bind_window),
            ("owner-grace", self.owner_grace),
            ("zombie-hold", self.zombie_hold),
            ("start-window", self.start_window),
            ("claim-margin", self.claim_margin),
        ])
    }
}

fn flags(given: &[(&str, Option<Span>)]) -> Vec<String> {
    given.iter().filter_map(|(name, span)| span.map(|span| format!("--{name}={span}"))).collect()
}

/// `sandbind uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Remove sandbind even if resources still exist, which it then never removes
    #[arg(long)]
    pub force: bool,
    /// Namespaces of step pods, as the installation was told; the RoleBindings of those left out stay
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
