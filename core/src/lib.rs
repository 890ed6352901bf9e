//! The rules of sandbind, as functions of data.
//!
//! Nothing here does I/O, reads a clock, an environment variable or a file, or draws a random number: time and randomness
//! are arguments, effects are values of [`lifecycle::effect::Effect`]. The modules form layers: each uses only those named before it
//! in this list, except for the few uses of `lifecycle` that the layering test lists with their reasons.

pub mod problem;
pub mod source;

pub mod api;

pub mod identity;

pub mod trust;

pub mod yaml;

pub mod template;

pub mod selector;

pub mod version;

pub mod plugin;

pub mod binding;

pub mod sandbox;

pub mod migrate;

pub mod inject;

pub mod step;
pub mod workflow;

pub mod accepted;

pub mod lifecycle;

pub mod hub;
