//! `sandbox`.

use clap::{Args, Subcommand, ValueEnum};
use sandbind_core::api::{
    Span,
    sandbox::{Lifetime, OffsetFrom},
};

/// `sandbind sandbox`.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Make a sandbox before any pod does
    Create(CreateArgs),
    /// List sandboxes
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one sandbox
    Get(NameArgs),
    /// Wait until a sandbox is ready or gone; it need not exist yet
    Wait(WaitArgs),
    /// Delete a sandbox: new pods are refused, its resources are removed once no pod uses them
    Delete(DeleteArgs),
    /// Explain what happens, what stops it, and the way out
    Why(NameArgs),
    /// Show what the steps wrote
    Logs(LogsArgs),
    /// Start the next round of failed resources at once
    Retry(NameArgs),
    /// Keep the resources for a while, even if nobody uses them
    Hold(HoldArgs),
}

/// A sandbox by name.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Name of the sandbox
    pub name: String,
}

/// `sandbind sandbox create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Name of the sandbox: the value of the pods' label
    pub name: String,
    /// How long it lives: until deleted, or with its last resource
    #[arg(long, value_name = "LIFETIME", default_value = "Explicit", value_parser = lifetime)]
    pub lifetime: Lifetime,
    /// Delete it after this time, such as 2d
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<Span>,
    /// From when the TTL counts: createdAt or lastUsedAt
    #[arg(long, value_name = "MOMENT", requires = "ttl", value_parser = offset)]
    pub ttl_from: Option<OffsetFrom>,
    /// A resource to make before any pod comes; `*` stands for all; may be given several times
    #[arg(long, value_name = "RESOURCE")]
    pub prepare: Vec<String>,
    /// A param of a resource, which replaces the binding's; may be given several times
    #[arg(long, value_name = "RESOURCE.PARAM=VALUE")]
    pub param: Vec<String>,
    /// Routing key for plugins that want it
    #[arg(long, value_name = "KEY")]
    pub routing_key: Option<String>,
    /// Change it if it exists
    #[arg(long)]
    pub or_update: bool,
}

/// `sandbind sandbox list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// List those of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// List only those with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
}

/// `sandbind sandbox wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Name of the sandbox
    pub name: String,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "STATE", default_value_t = Awaited::Ready)]
    pub state: Awaited,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
    /// Keep waiting when a round has failed
    #[arg(long)]
    pub through_failures: bool,
    /// Succeed even if the sandbox has no resources
    #[arg(long)]
    pub allow_empty: bool,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Awaited {
    /// All its resources are ready.
    Ready,
    /// It is gone, its resources with it.
    Deleted,
}

/// `sandbind sandbox delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Names of the sandboxes
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Wait until it is gone, and say who holds it meanwhile
    #[arg(long)]
    pub wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: Span,
    /// Do not fail if it does not exist
    #[arg(long)]
    pub ignore_not_found: bool,
}

/// `sandbind sandbox logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Name of the sandbox
    pub name: String,
    /// Only of this resource
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    /// Only of this step
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
}

/// `sandbind sandbox hold`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// Name of the sandbox
    pub name: String,
    /// How long from now, such as 2h; 0s ends the hold
    pub duration: Span,
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    match text {
        "Explicit" => Ok(Lifetime::Explicit),
        "WhileUsed" => Ok(Lifetime::WhileUsed),
        _ => Err("neither Explicit nor WhileUsed".to_owned()),
    }
}

fn offset(text: &str) -> Result<OffsetFrom, String> {
    match text {
        "createdAt" => Ok(OffsetFrom::CreatedAt),
        "lastUsedAt" => Ok(OffsetFrom::LastUsedAt),
        _ => Err("neither createdAt nor lastUsedAt".to_owned()),
    }
}
