//! The webhook alone: the real server with surroundings in memory in a process of its own, and the load on it.

pub(crate) mod load;
pub(crate) mod server;
pub(crate) mod world;
