//! The adapters against a real API server, held to the rules of the ports. `SANDBIND_TEST_KUBECONFIG` names a kubeconfig with all
//! rights; `cargo xtask test` starts the server and sets it.

#![allow(clippy::allow_attributes, reason = "which of these fire depends on clippy.toml")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::large_futures,
    reason = "tests"
)]

mod accepted;
mod bed;
mod calling;
mod catalog;
mod delivery;
mod lease;
mod listing;
mod preflight;
mod records;
mod rules;
mod sandboxes;
mod steps;
mod telling;
mod usage;
mod values;
