//! Folders of files that change as a whole, as the kubelet does it: the files lie in `..<stamp>`, the link `..data` leads there,
//! and each visible name is a link through `..data`. Renaming that one link swaps them all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use sandbind_wire::{Bytes64, message::Folder};

/// Mode of files for which a binding names none.
const MODE: u32 = 0o444;
const DATA: &str = "..data";
const DATA_NEW: &str = "..data_new";

/// Why a folder is not as it should be. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// An item names an output that was not delivered.
    #[error("output {key} was not delivered")]
    Missing {
        /// `<step>.<output>`.
        key: String,
    },
    /// A path leads out of its folder.
    #[error("`{path}` is not a path within the folder")]
    Path {
        /// As written.
        path: String,
    },
    /// The system refused.
    #[error("`{}`: {source}", path.display())]
    System {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A file as it should be.
#[derive(PartialEq, Eq)]
struct Wanted<'a> {
    content: &'a [u8],
    mode: u32,
}

/// Makes a folder hold these outputs, all at once. Answers whether anything differs from before.
pub fn write(folder: &Folder, values: &BTreeMap<String, Bytes64>) -> Result<bool, FilesError> {
    let wanted = wanted(folder, values)?;
    let dir = Path::new(&folder.dir);
    swap(dir, &wanted).map_err(|source| FilesError::System { path: dir.to_owned(), source })
}

fn wanted<'a>(
    folder: &Folder,
    values: &'a BTreeMap<String, Bytes64>,
) -> Result<BTreeMap<PathBuf, Wanted<'a>>, FilesError> {
    if folder.items.is_empty() {
        let all =
            values.iter().map(|(key, value)| Ok((inside(key)?, Wanted { content: &value.0, mode: MODE })));
        return all.collect();
    }
    let one = |item: &sandbind_wire::message::FolderItem| {
        let value = values.get(&item.key).ok_or_else(|| FilesError::Missing { key: item.key.clone() })?;
        Ok((inside(&item.path)?, Wanted { content: &value.0, mode: item.mode & 0o777 }))
    };
    folder.items.iter().map(one).collect()
}

/// A relative path without `..`, whose first part is not one of the folder's own names.
fn inside(path: &str) -> Result<PathBuf, FilesError> {
    let candidate = Path::new(path);
    let normal = candidate.components().all(|part| matches!(part, Component::Normal(_)));
    if normal && !path.is_empty() && !path.starts_with("..") {
        Ok(candidate.to_owned())
    } else {
        Err(FilesError::Path { path: path.to_owned() })
    }
}

fn swap(dir: &Path, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> io::Result<bool> {
    make_dir(dir)?;
    let previous = fs::read_link(dir.join(DATA)).ok();
    if let Some(previous) = &previous
        && holds(&dir.join(previous), wanted)
        && link_names(dir, wanted).is_ok()
    {
        return Ok(false);
    }
    let stamp = PathBuf::from(format!("..{}", stamp()));
    let result = fill(&dir.join(&stamp), wanted).and_then(|()| {
        let new = dir.join(DATA_NEW);
        let _absent = fs::remove_file(&new);
        symlink(&stamp, &new)?;
        fs::rename(&new, dir.join(DATA))
    });
    if let Err(e) = result {
        let _best_effort = fs::remove_dir_all(dir.join(&stamp));
        return Err(e);
    }
    link_names(dir, wanted)?;
    // The previous set stays until the next swap, for readers that are on their way through it.
    clean(dir, &[Some(stamp), previous]);
    Ok(true)
}

fn fill(dir: &Path, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> io::Result<()> {
    make_dir(dir)?;
    for (path, Wanted { content, mode }) in wanted {
        let mut parent = dir.to_owned();
        for part in path.parent().into_iter().flat_map(Path::components) {
            parent.push(part);
            make_dir(&parent)?;
        }
        let file = dir.join(path);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(*mode))?;
    }
    Ok(())
}

/// Whether the set that is there is exactly the wanted one.
fn holds(dir: &Path, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> bool {
    let same = |(path, file): (&PathBuf, &Wanted<'_>)| {
        let path = dir.join(path);
        let mode = fs::metadata(&path).map(|m| m.permissions().mode() & 0o777);
        mode.is_ok_and(|mode| mode == file.mode)
            && fs::read(&path).is_ok_and(|content| content == file.content)
    };
    count(dir).is_ok_and(|n| n == wanted.len()) && wanted.iter().all(same)
}

fn count(dir: &Path) -> io::Result<usize> {
    fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        Ok(sum + if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 })
    })
}

/// One link per visible name, and none for names that went.
fn link_names(dir: &Path, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> io::Result<()> {
    let names: BTreeSet<PathBuf> = wanted
        .keys()
        .filter_map(|path| path.components().next())
        .map(|c| PathBuf::from(c.as_os_str()))
        .collect();
    for name in &names {
        let (link, target) = (dir.join(name), Path::new(DATA).join(name));
        if fs::read_link(&link).ok().as_ref() != Some(&target) {
            let _absent = fs::remove_file(&link);
            symlink(target, link)?;
        }
    }
    for entry in fs::read_dir(dir)? {
        let name = PathBuf::from(entry?.file_name());
        if !name.to_string_lossy().starts_with("..") && !names.contains(&name) {
            fs::remove_file(dir.join(name))?;
        }
    }
    Ok(())
}

/// Removes sets that no reader can be on its way through any more. Best effort: the next swap tries again.
fn clean(dir: &Path, keep: &[Option<PathBuf>]) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = PathBuf::from(entry.file_name());
        let is_set = name.to_string_lossy().starts_with("..") && entry.file_type().is_ok_and(|t| t.is_dir());
        if is_set && !keep.contains(&Some(name)) {
            let _later = fs::remove_dir_all(entry.path());
        }
    }
}

/// Makes a folder that every user may read through, if it is not there.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

fn stamp() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests;
