//! Runs one step's script and reports how it ended: inside a step pod as its program, and without a cluster as a library.
//!
//! The library's door is [`script::run`]. Nothing of a script's output leaves this crate before it went through
//! [`redact::Redactor`].

pub mod agent;
pub mod install;
pub mod outputs;
pub mod processes;
pub mod redact;
pub mod script;
pub mod secrets;
pub mod states;
pub mod tail;
