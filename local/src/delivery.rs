//! Delivered outputs: one private folder per incarnation, a file per key, as a mounted Secret looks.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

use sandbind_core::lifecycle::record::Record;
use sandbind_engine::ports::{Answer, Delivery, PortError};
use sandbind_wire::{Bytes64, name::delivered_secret};

/// The folders of delivered outputs of one run.
#[derive(Debug)]
pub struct LocalDelivery(PathBuf);

impl LocalDelivery {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The folder with the outputs of an incarnation: a link that changes as a whole.
    pub fn folder(&self, incarnation: &str) -> PathBuf {
        self.0.join(delivered_secret(incarnation))
    }

    /// The outputs of an incarnation, of one revision; none before they are delivered.
    pub fn values(&self, incarnation: &str) -> io::Result<BTreeMap<String, Bytes64>> {
        // Resolved once, so that a swap meanwhile cannot mix two revisions.
        let folder = match fs::canonicalize(self.folder(incarnation)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            other => other?,
        };
        let mut values = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Ok(key) = entry.file_name().into_string() {
                values.insert(key, fs::read(entry.path())?.into());
            }
        }
        Ok(values)
    }
}

impl Delivery for LocalDelivery {
    async fn deliver(
        &self,
        record: &Record,
        revision: u64,
        values: &BTreeMap<String, Bytes64>,
    ) -> Answer<()> {
        let link = self.folder(&record.spec.incarnation);
        let values = values.clone();
        let done = tokio::task::spawn_blocking(move || put(&link, revision, &values)).await;
        let done = done.map_err(|error| PortError::failed("delivering", error))?;
        done.map_err(|error| PortError::failed("delivering", error))
    }

    async fn withdraw(&self, record: &Record) -> Answer<()> {
        let link = self.folder(&record.spec.incarnation);
        take_away(&link).map_err(|error| PortError::failed("withdrawing", error))
    }
}

fn put(link: &Path, revision: u64, values: &BTreeMap<String, Bytes64>) -> io::Result<()> {
    let current = fs::read_link(link).ok();
    // Two folders in turn for one revision: the one that is looked at is never changed.
    let beside = |suffix: &str| {
        let name = link.file_name().unwrap_or_default().to_string_lossy();
        link.with_file_name(format!("..{name}.{revision}{suffix}"))
    };
    let folder = [beside("a"), beside("b")]
        .into_iter()
        .find(|folder| current.as_ref() != Some(folder))
        .unwrap_or_else(|| beside("a"));
    remove_folder(&folder)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    for (key, value) in values {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(key))?;
        file.write_all(&value.0)?;
    }
    let new = beside("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(&folder, &new)?;
    fs::rename(&new, link)?;
    current.map_or(Ok(()), |old| remove_folder(&old))
}

fn take_away(link: &Path) -> io::Result<()> {
    let current = fs::read_link(link).ok();
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    current.map_or(Ok(()), |old| remove_folder(&old))
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
