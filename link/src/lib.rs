//! A pod's way to the runner: a small blocking HTTPS client without DNS, a token that is read anew on every use, and a bell that
//! ends waiting.
//!
//! [`Client`] asks, [`Settings`] says where the runner is and whom to trust, [`bell`] turns SIGTERM into the end of a long poll.
//! Both programs inside pods stand on it; neither carries an async runtime.

pub mod bell;
pub mod client;
pub mod endpoint;

pub use client::{Client, LinkError};
pub use endpoint::Settings;
