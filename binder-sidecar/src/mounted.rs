//! Reads a Secret that the kubelet mounted.

use std::{collections::BTreeMap, fs, io, path::Path};

use sandbind_wire::Bytes64;

/// All keys and values, of one revision. The folder may be the kubelet's (a link `..data` leads to the files) or a plain one.
pub fn read(dir: &Path) -> io::Result<BTreeMap<String, Bytes64>> {
    // Resolved once, so that a swap meanwhile cannot mix two revisions.
    let set = match fs::read_link(dir.join("..data")) {
        Ok(target) => dir.join(target),
        Err(_) => dir.to_owned(),
    };
    let mut values = BTreeMap::new();
    for entry in fs::read_dir(set)? {
        let entry = entry?;
        if fs::metadata(entry.path())?.is_file()
            && let Ok(key) = entry.file_name().into_string()
        {
            values.insert(key, fs::read(entry.path())?.into());
        }
    }
    if values.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the Secret is empty"));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_layout_and_a_plain_folder_are_read_alike() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("..2026_11")).unwrap();
        fs::write(dir.path().join("..2026_11/p.url"), "u").unwrap();
        std::os::unix::fs::symlink("..2026_11", dir.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/p.url", dir.path().join("p.url")).unwrap();
        let expected = BTreeMap::from([("p.url".to_owned(), Bytes64::from("u"))]);
        assert_eq!(read(dir.path()).unwrap(), expected);
        assert_eq!(read(&dir.path().join("..2026_11")).unwrap(), expected);
        let empty = tempfile::tempdir().unwrap();
        assert!(read(empty.path()).is_err());
    }
}
