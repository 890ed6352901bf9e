//! Everything that knows Kubernetes: the engine's ports on a cluster.

pub mod client;
pub mod clock;
pub mod mirror;
