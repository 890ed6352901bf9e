//! What can be typed. Nothing here does anything.

mod completion;
mod explain;
mod hub;
mod inject;
mod install;
mod local;
mod migrate;
mod orphans;
mod plugin;
mod sandbox;
mod template;
mod test;

pub use completion::CompletionArgs;
pub use explain::ExplainArgs;
pub use hub::{HubCommand, HubJoinArgs, HubLeaveArgs};
pub use inject::{AssumedState, InjectArgs};
pub use install::{DoctorArgs, InstallArgs, TimerArgs, UninstallArgs};
pub use local::{DemoArgs, GcArgs, LocalCommand, RunArgs};
pub use migrate::MigrateArgs;
pub use orphans::{OrphansCommand, OrphansForgetArgs, OrphansListArgs, OrphansRetryArgs};
pub use plugin::{
    PluginApplyArgs, PluginCommand, PluginDeleteArgs, PluginFile, PluginForm, PluginGetArgs, PluginInitArgs,
    PluginListArgs, PluginRenderArgs, PluginValidateArgs, PluginVersionsArgs, Starter,
};
pub use sandbox::{
    Awaited, CreateArgs, DeleteArgs, HoldArgs, ListArgs, LogsArgs, NameArgs, SandboxCommand, WaitArgs,
};
pub use template::TemplateArgs;
pub use test::{ExecutorKind, KillAt, TestArgs};

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use sandbind_wire::name::SYSTEM_NAMESPACE;

pub use crate::output::Format;

/// Gives each sandbox of a service its own database, queue, bucket or infrastructure.
#[derive(Debug, Parser)]
#[command(name = "sandbind", version, propagate_version = false, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not within --timeout.")]
pub struct Args {
    #[command(flatten)]
    /// Flags of every command.
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Namespace to act in; for `install`, `doctor` and `uninstall`, the system namespace
    #[arg(short, long, global = true, value_name = "NS")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig file; else $KUBECONFIG, else ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of sandbind's programs and records
    #[arg(long, global = true, value_name = "NS", env = "SANDBIND_SYSTEM_NAMESPACE", default_value = SYSTEM_NAMESPACE, hide_env_values = true)]
    pub system_namespace: String,
    /// How data is shown; `sarif` is for `plugin validate` alone
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub output: Format,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plugins: how resources are made and removed
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Sandboxes: what people look at, wait for and delete
    #[command(subcommand, visible_alias = "sb")]
    Sandbox(SandboxCommand),
    /// Hubs: plugins published once for many clusters
    #[command(subcommand)]
    Hub(HubCommand),
    /// Show, offline, what an admission would answer to a pod
    Inject(InjectArgs),
    /// Print everything that an installation needs, or apply it
    Install(InstallArgs),
    /// Check an installation: objects, programs, certificates, the way from the API server to the webhook
    Doctor(DoctorArgs),
    /// Remove sandbind from the cluster
    Uninstall(UninstallArgs),
    /// Resources whose removal does not succeed, for cluster admins
    #[command(subcommand)]
    Orphans(OrphansCommand),
    /// Run a command with resources of its own, on this machine
    Run(RunArgs),
    /// Play the main job on this machine: webhook, plugin runner, sidecar
    Demo(DemoArgs),
    /// Runs on this machine, and what they left
    #[command(subcommand)]
    Local(LocalCommand),
    /// Print a sandbox document of the older framework as a binding and a Sandbox
    Migrate(MigrateArgs),
    /// Say what a code means, and the way out
    Explain(ExplainArgs),
    /// Print a script that completes commands in a shell
    Completion(CompletionArgs),
    /// What the project's own tasks need
    #[command(subcommand, hide = true)]
    Internal(Internal),
}

/// Commands of the project's own tasks.
#[derive(Debug, Subcommand)]
pub enum Internal {
    /// Write the generated files below DIR: manifests/, docs/reference/
    Generate {
        /// Root of the source tree
        dir: PathBuf,
    },
    /// Run as the sidecar of a pod
    Sidecar,
    /// Run the scripts that standard input names
    Scripts {
        /// In a view of this machine of their own, except for this folder
        #[arg(long, value_name = "FOLDER")]
        view: Option<PathBuf>,
    },
}
