//! The template language of published documents: `@{variable}`, `@{embed: file}`, each plain, as YAML or as base64.
//!
//! Placeholders stand in string values. They are replaced after the YAML is read, so a value cannot break out of its string; one
//! that is a whole string may become any value with `[yaml]`. What is put in is not searched for placeholders again.
//!
//! Two readings. The published one knows no escape, no default, and no bounds for the files it reads. The strict one adds `@@{`,
//! `@{name:-value}`, and keeps embedded files within the folder of the document.

mod directive;
mod embed;
mod expand;
mod quote;
mod scan;
mod variables;

pub use embed::{Embed, Files, Folder, NoFiles, Unread};
pub use expand::{MOST_EMBEDDED, expand};
pub use variables::{Used, Variables};

use scan::{Part, parts};

/// Which reading of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As the published tools read it.
    Published,
    /// With escape, defaults and confinement.
    Strict,
}

/// Whether a text holds a placeholder, so that a published document could not say it as it is.
pub fn has_placeholder(text: &str) -> bool {
    parts(text, Reading::Published).iter().any(|part| matches!(part, Part::Placeholder(_)))
}

#[cfg(test)]
mod tests;
