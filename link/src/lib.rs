//! A pod's way to the runner: a small blocking HTTPS client without DNS, a token that is read anew on every use, and a bell that
//! ends waiting.

pub mod bell;
pub mod client;
pub mod endpoint;

pub use client::{Client, LinkError};
pub use endpoint::Settings;
