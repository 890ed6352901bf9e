//! The plugin runner: executes the workflows of plugins and answers the programs inside pods.
//!
//! [`controller::run`] wires the engine to the cluster's ports, the listeners and the lease; [`api`] is the HTTPS API that agents
//! and sidecars call. What is done, and when, is decided in `sandbind_core` and walked in `sandbind_engine`.

pub mod api;
pub mod args;
pub mod controller;
pub mod hub;
pub mod trace;
