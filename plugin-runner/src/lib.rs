//! The plugin runner: executes the workflows of plugins and answers the programs inside pods.

pub mod api;
pub mod args;
pub mod controller;
pub mod trace;
