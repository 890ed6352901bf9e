//! The files of runs: one file and one folder per run, below `$XDG_STATE_HOME/sandbind/runs` or `~/.local/state/sandbind/runs`.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sandbind_core::lifecycle::snapshot::Params;
use serde::{Deserialize, Serialize};

pub use crate::store::StoreError;
use crate::{Stack, enclosure::Enclosure, store::Store};

const META: &str = "meta";
const SUFFIX: &str = "redb";

/// What a run is about: enough to remove what it made when nothing else of it is left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The sandbox's name.
    pub sandbox: String,
    /// What it was made for, for people.
    pub purpose: String,
    /// When it began.
    pub started: Timestamp,
    /// The plugins and the binding.
    pub stack: Stack,
    /// Variables that stand in for what overlays take from Secrets.
    pub env: Params,
    /// Links that were made outside the run's own folder.
    pub links: Vec<PathBuf>,
    /// Where its scripts are run, if not on this machine as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enclosure: Option<Enclosure>,
}

/// Where runs are kept.
#[derive(Clone, Debug)]
pub struct Runs(PathBuf);

/// The file and the folder of one run, held by this process.
#[derive(Debug)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub meta: Meta,
    pub(crate) store: Store,
    home: PathBuf,
}

/// A run as it is found.
#[derive(Debug)]
pub enum Found {
    /// Its process lives.
    Alive,
    /// Its process is gone; now this process holds it.
    Left(Box<Run>),
}

impl Runs {
    /// As the environment says, such as `|name| std::env::var_os(name)`. None where there is neither variable.
    pub fn from_env(lookup: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<Self> {
        let absolute = |name: &str| lookup(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(Self(state.join("sandbind/runs")))
    }

    /// In this folder.
    pub const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The folder that holds them.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A new one.
    pub fn create(&self, meta: Meta) -> Result<Run, StoreError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| StoreError::File { path, source }
        };
        let private = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(&self.0).map_err(failed(&self.0))?;
        let id = crate::clock::id().map_err(failed(&self.0))?;
        let home = self.0.join(&id);
        private(&home).map_err(failed(&home))?;
        // The file is made under a name that nobody looks for, so that nobody takes it before it says what it is about.
        let half = self.0.join(format!("{id}.half"));
        let path = self.path(&id);
        let store = Store::create(&half)?;
        let run = Run { id, meta, store, home };
        run.write_meta()?;
        fs::rename(&half, &path).map_err(failed(&path))?;
        Ok(run)
    }

    /// The ids of all runs, the oldest first as far as the file system tells.
    pub fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == SUFFIX)
                && let Some(id) = path.file_stem().and_then(|stem| stem.to_str())
            {
                ids.push((entry.metadata()?.created().ok(), id.to_owned()));
            }
        }
        ids.sort();
        Ok(ids.into_iter().map(|(_, id)| id).collect())
    }

    /// Takes a run over, if its process is gone. None: it ended meanwhile.
    pub fn take(&self, id: &str) -> Result<Option<Found>, StoreError> {
        let path = self.path(id);
        let store = match Store::open(&path) {
            Err(StoreError::Alive) => return Ok(Some(Found::Alive)),
            Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other?,
        };
        let broken = |source| StoreError::Broken { path: path.display().to_string(), source };
        let meta = store.get(META).map_err(broken)?.ok_or_else(|| broken("it is empty".into()))?;
        let home = self.0.join(id);
        Ok(Some(Found::Left(Box::new(Run { id: id.to_owned(), meta, store, home }))))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.{SUFFIX}"))
    }
}

impl Run {
    /// The folder of what the run gives to its command.
    pub fn files(&self) -> PathBuf {
        self.home.join("files")
    }

    /// Its own folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What it has made and not removed.
    pub fn records(&self) -> Result<Vec<sandbind_core::lifecycle::record::Record>, StoreError> {
        crate::records::all(&self.store)
    }

    /// The folder of delivered outputs.
    pub(crate) fn delivered(&self) -> PathBuf {
        self.home.join("delivered")
    }

    /// The folder of running steps.
    pub(crate) fn steps(&self) -> PathBuf {
        self.home.join("steps")
    }

    /// Notes a link outside the run's folder before it is made.
    pub fn note_link(&mut self, link: PathBuf) -> Result<(), StoreError> {
        self.meta.links.push(link);
        self.write_meta()
    }

    /// Everything the run made is gone: its links, its folder and, at last, its file go too.
    pub fn finish(self) -> io::Result<()> {
        for link in &self.meta.links {
            // Only what is still this run's own.
            if fs::read_link(link).is_ok_and(|target| target.starts_with(&self.home)) {
                fs::remove_file(link)?;
            }
        }
        match fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_file(self.home.with_extension(SUFFIX))
    }

    fn write_meta(&self) -> Result<(), StoreError> {
        let written = self.store.change(|batch| batch.put(META, &self.meta));
        written.map_err(|source| StoreError::Broken { path: self.home.display().to_string(), source })
    }
}
