//! Keeps a pod's bindings fresh: opens the gate, swaps files, tells the app, says goodbye.
//!
//! [`drive::run`] is the whole program: it does what the conversation in `sandbind_wire` says next. A pod that was admitted ready
//! needs neither runner nor network to start; whatever fails here later leaves the files as they are.

pub mod drive;
pub mod files;
pub mod gate;
pub mod mounted;
pub mod notify;
