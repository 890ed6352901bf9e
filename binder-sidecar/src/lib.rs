//! Keeps a pod's bindings fresh: opens the gate, swaps files, tells the app, says goodbye.

pub mod drive;
pub mod files;
pub mod gate;
pub mod mounted;
pub mod notify;
