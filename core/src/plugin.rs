//! Everything about a plugin's content: reading, checking, and what follows from it.

pub mod document;
pub mod graph;
mod lint;
pub mod overlay;
pub mod params;
pub mod references;
pub mod script;
mod validate;

pub use lint::lint;
pub use validate::{validate, validate_update};
