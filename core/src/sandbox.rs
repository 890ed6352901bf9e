//! What people look at, wait for and delete.

pub mod validate;

pub use validate::{validate, warnings};
