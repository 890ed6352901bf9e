//! Everything about a plugin's content: reading, checking, and what follows from it.

pub mod overlay;
pub mod params;
