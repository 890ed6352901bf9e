//! One redb file: everything durable of one run. Whoever has it open holds its lock; the lock goes with the process.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use sandbind_engine::ports::{Answer, PortError};
use serde::{Serialize, de::DeserializeOwned};

/// JSON by key; each kind of thing has a prefix of its own.
const TABLE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("run");

/// Why a run's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open: its run is alive.
    #[error("the run is alive: another process holds its file")]
    Alive,
    /// The file system refused.
    #[error("`{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("`{path}` cannot be read as a run's file")]
    Broken {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The open file of a run.
#[derive(Clone)]
pub(crate) struct Store(Arc<Database>);

/// What a change writes: all of it or nothing.
pub(crate) struct Batch<'t>(redb::Table<'t, &'static str, &'static [u8]>);

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the file, readable by its owner alone. It must not exist.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
        Self::with(path, Database::create(path))
    }

    /// Opens the file of a run whose process is gone.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::with(path, Database::open(path))
    }

    fn with(path: &Path, database: Result<Database, DatabaseError>) -> Result<Self, StoreError> {
        let shown = || path.display().to_string();
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::Alive,
            DatabaseError::Storage(redb::StorageError::Io(source)) => {
                StoreError::File { path: shown(), source }
            }
            error => StoreError::Broken { path: shown(), source: error.into() },
        })?;
        let store = Self(Arc::new(database));
        let table = || -> Result<(), Failure> {
            let write = store.0.begin_write()?;
            write.open_table(TABLE)?;
            Ok(write.commit()?)
        };
        table().map_err(|source| StoreError::Broken { path: shown(), source })?;
        Ok(store)
    }

    /// One thing by its key.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        match table.get(key)? {
            Some(found) => Ok(Some(serde_json::from_slice(found.value())?)),
            None => Ok(None),
        }
    }

    /// Everything whose key begins so, keys without that beginning.
    pub(crate) fn all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<(String, T)>, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        let mut found = Vec::new();
        for entry in table.range(prefix..)? {
            let (key, value) = entry?;
            let Some(key) = key.value().strip_prefix(prefix) else { break };
            found.push((key.to_owned(), serde_json::from_slice(value.value())?));
        }
        Ok(found)
    }

    /// Changes things, all or nothing; it is on the disk when this returns.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Batch<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let write = self.0.begin_write()?;
        let done = change(&mut Batch(write.open_table(TABLE)?))?;
        write.commit()?;
        Ok(done)
    }

    /// [`Self::get`] for ports, on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<T> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || read(&store)).await;
        done.map_err(|error| PortError::failed(what, error))?.map_err(|error| PortError::failed(what, error))
    }

    /// [`Self::change`] for ports, on a thread that may wait for the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        change: impl FnOnce(&mut Batch<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<T> {
        self.read(what, move |store| store.change(change)).await
    }
}

impl Batch<'_> {
    /// One thing by its key, as this change sees it.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        match self.0.get(key)? {
            Some(found) => Ok(Some(serde_json::from_slice(found.value())?)),
            None => Ok(None),
        }
    }

    /// Puts a thing in the place of what was there.
    pub(crate) fn put<T: Serialize>(&mut self, key: &str, value: &T) -> Result<(), Failure> {
        self.0.insert(key, serde_json::to_vec(value)?.as_slice())?;
        Ok(())
    }

    /// Removes one thing. Absent: fine.
    pub(crate) fn remove(&mut self, key: &str) -> Result<(), Failure> {
        self.0.remove(key)?;
        Ok(())
    }

    /// Removes everything whose key begins so.
    pub(crate) fn drop_all(&mut self, prefix: &str) -> Result<(), Failure> {
        self.0.retain(|key, _| !key.starts_with(prefix))?;
        Ok(())
    }
}
