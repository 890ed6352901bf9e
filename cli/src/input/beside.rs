//! The files beside a document, for what it embeds.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::{Component, Path, PathBuf},
};

use sandbind_core::template::{Embed, Files, Unread};

/// The folder of a document; of standard input, the working folder.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// Absolute, `.` and `..` resolved by name.
    folder: PathBuf,
}

impl Beside {
    /// The folder of the file that `-f` names.
    pub(crate) fn of(filename: &str) -> io::Result<Self> {
        let file = cleaned(&std::path::absolute(filename)?);
        Ok(Self { folder: file.parent().map(Path::to_path_buf).unwrap_or(file) })
    }

    fn content(&self, file: &Embed) -> io::Result<Result<Vec<u8>, Outside>> {
        let mut path = cleaned(&self.folder.join(&file.path));
        if file.confined {
            // What is opened is what was checked: a path without links.
            path = path.canonicalize()?;
            if !path.starts_with(self.folder.canonicalize()?) {
                return Ok(Err(Outside));
            }
        }
        let opened = File::open(&path)?;
        if opened.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let most = u64::try_from(file.most).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        opened.take(most).read_to_end(&mut bytes)?;
        Ok(Ok(bytes))
    }
}

/// A link leads out of the folder.
struct Outside;

impl Files for Beside {
    fn read(&mut self, file: &Embed, shown: &str) -> Result<Vec<u8>, Unread> {
        let shown = shown.to_owned();
        match self.content(file) {
            Ok(Ok(bytes)) if bytes.len() > file.most => Err(Unread::TooLarge(shown)),
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(Outside)) => Err(Unread::Outside(shown)),
            Err(error) => Err(match error.kind() {
                ErrorKind::NotFound => Unread::Missing(shown),
                ErrorKind::PermissionDenied => Unread::Forbidden(shown),
                ErrorKind::IsADirectory => Unread::Folder(shown),
                _ => Unread::Other(shown, plain(&error)),
            }),
        }
    }
}

/// The system's words, without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// `.` and `..` resolved by name.
fn cleaned(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
