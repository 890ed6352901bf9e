//! `hub`.

use clap::{Args, Subcommand};

/// `sandbind hub`.
#[derive(Debug, Subcommand)]
pub enum HubCommand {
    /// Make an API server a hub: sandbind's kinds, and what member clusters may read
    Setup,
    /// Let a cluster take its plugins from a hub
    Join(HubJoinArgs),
    /// Show the hub of a cluster, whether it answers, and the copies
    Status,
    /// List the clusters of a hub
    Clusters,
    /// Let a cluster take no more plugins from its hub
    Leave(HubLeaveArgs),
}

/// `sandbind hub join`.
#[derive(Debug, Args)]
pub struct HubJoinArgs {
    /// Name of the cluster on the hub: small letters, digits and hyphens
    pub name: String,
    /// Context of the kubeconfig for the hub; --context is that of the cluster
    #[arg(long, value_name = "NAME")]
    pub hub_context: String,
    /// Address of the hub as the cluster reaches it; left out, that of the context
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// `sandbind hub leave`.
#[derive(Debug, Args)]
pub struct HubLeaveArgs {
    /// Context of the kubeconfig for the hub, where the cluster's object and account are removed too
    #[arg(long, value_name = "NAME")]
    pub hub_context: Option<String>,
}
