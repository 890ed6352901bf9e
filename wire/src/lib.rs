//! What passes between sandbind's programs, and the names they share.
//!
//! This crate is on the ground floor: it depends on serde and nothing of ours, so the programs inside pods can use it
//! without dragging anything along.

pub mod backoff;
pub mod bytes;
pub mod conversation;
pub mod message;
pub mod name;
pub mod signal;
pub mod state;

pub use bytes::Bytes64;
