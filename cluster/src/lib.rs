//! Everything that knows Kubernetes: the engine's ports on a cluster.
//!
//! [`world::ClusterWorld`] is the runner's set of ports, [`view`] what the webhook reads. Watches ([`watch`]) fill caches that are
//! hints only: whatever a deletion rests on is read anew, with quorum ([`usage`], [`records`]). Nothing here decides anything.

pub mod accepted;
pub mod callers;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod delivery;
pub mod hub;
pub mod identify;
pub mod lease;
pub mod ledger;
pub mod mirror;
pub mod notices;
pub mod pods;
pub mod preflight;
pub mod records;
pub mod runner_config;
pub mod runner_identity;
pub mod sandboxes;
pub mod steps;
pub mod trust;
pub mod usage;
pub mod values;
pub mod view;
pub mod watch;
pub mod world;

pub use kube::Client;
