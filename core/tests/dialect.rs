//! The published format as its own tools read it: tables of the template language and of the YAML dialect.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test says no")]

#[path = "dialect/template.rs"]
mod template;
#[path = "dialect/yaml.rs"]
mod yaml;
