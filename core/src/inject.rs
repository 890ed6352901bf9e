//! What an admitted pod looks like, and the smallest patch that makes it so.

pub mod facts;

pub use facts::{Granted, Installation, bindings_of};
