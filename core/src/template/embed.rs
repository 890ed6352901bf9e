//! Embedded files: which path is meant, and who reads it.

use std::collections::BTreeMap;

use super::Reading;

/// A file that a document embeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embed {
    /// Where it is, seen from the folder of the document: names with `/` between them, any `..` only at the front. Empty: that
    /// folder itself.
    pub path: String,
    /// Whether links must not lead out of the folder of the document.
    pub confined: bool,
    /// The longest content that is wanted, in bytes.
    pub most: usize,
}

/// Why a file has no content to embed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// There is none.
    #[error("open {0}: no such file or directory")]
    Missing(String),
    /// It is not for us.
    #[error("open {0}: permission denied")]
    Forbidden(String),
    /// It is a folder.
    #[error("read {0}: is a directory")]
    Folder(String),
    /// It is longer than wanted.
    #[error("{0} is too large to be embedded")]
    TooLarge(String),
    /// A link leads out of the folder of the document.
    #[error("{0} leads out of the folder of the document")]
    Outside(String),
    /// Anything else.
    #[error("open {0}: {1}")]
    Other(String, String),
}

/// Reads files for a document. The rules of paths are decided before.
pub trait Files {
    /// The content of a file. `shown` is its name for messages.
    fn read(&mut self, file: &Embed, shown: &str) -> Result<Vec<u8>, Unread>;
}

/// There are no files: whatever is embedded is missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &Embed, shown: &str) -> Result<Vec<u8>, Unread> {
        Err(Unread::Missing(shown.to_owned()))
    }
}

/// Files in memory, by path from the folder of the document.
#[derive(Clone, Debug, Default)]
pub struct Folder(pub BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&mut self, file: &Embed, shown: &str) -> Result<Vec<u8>, Unread> {
        match self.0.get(&file.path) {
            Some(bytes) if bytes.len() > file.most => Err(Unread::TooLarge(shown.to_owned())),
            Some(bytes) => Ok(bytes.clone()),
            None if file.path.is_empty()
                || self.0.keys().any(|path| path.starts_with(&format!("{}/", file.path))) =>
            {
                Err(Unread::Folder(shown.to_owned()))
            }
            None => Err(Unread::Missing(shown.to_owned())),
        }
    }
}

/// A path as a directive says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The file it means.
    pub(super) path: String,
    /// Whether it begins with `/`, which is read below the folder all the same.
    pub(super) absolute: bool,
    /// Whether it is not below the folder.
    pub(super) outside: bool,
}

/// What a path means: it is joined to the folder of the document whether it is absolute or not, and `.` and `..` are resolved by
/// name.
pub(super) fn resolve(said: &str) -> Said {
    let mut names: Vec<&str> = Vec::new();
    for name in said.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Said { path: names.join("/"), absolute: said.starts_with('/'), outside: names.first() == Some(&"..") }
}

/// The name of an embedded file as people are shown it: beside that of the document.
pub(super) fn shown(document: &str, path: &str) -> String {
    let folder =
        document.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    match (folder, path) {
        ("", "") => ".".to_owned(),
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        ("/", path) => format!("/{path}"),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// Whether a reading keeps files within the folder.
pub(super) const fn is_confined(reading: Reading) -> bool {
    matches!(reading, Reading::Strict)
}
