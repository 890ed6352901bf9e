//! podman, and an image for it, for the tests that run scripts in containers.

use std::{fs, path::PathBuf};

use anyhow::Result;

use crate::{image, process, testbed};

/// What the image of steps is made of.
const PROGRAMS: &[&str] = &["sh", "mkdir", "rm", "sleep"];

/// A podman with storage of its own, which goes with this.
pub(crate) struct Podman {
    folder: PathBuf,
}

impl Podman {
    /// Installs podman where it is missing, and gives it the image `localhost/steps:1`.
    pub(crate) fn ready() -> Result<Self> {
        process::debian(&[("podman", "podman"), ("runc", "runc")])?;
        let folder = image::target_dir().join("podman");
        let podman = Self { folder };
        podman.remove();
        fs::create_dir_all(&podman.folder)?;
        let (storage, containers) = podman.configuration();
        let at = |name: &str| podman.folder.join(name).display().to_string();
        fs::write(
            &storage,
            format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
                at("graph"),
                at("run")
            ),
        )?;
        // What any machine can do: one may have control groups of two kinds, and no right to raise a limit.
        fs::write(
            &containers,
            "[containers]\ndefault_ulimits = []\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
        )?;
        let file = podman.folder.join("steps.tar");
        testbed::pack_programs("steps:1", &file, PROGRAMS)?;
        process::output(
            podman.with(&mut process::command("podman", &["load", "--quiet", "--input"])).arg(&file),
        )?;
        Ok(podman)
    }

    fn configuration(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("storage.conf"), self.folder.join("containers.conf"))
    }

    /// Lets a command, and what it calls, use this podman.
    pub(crate) fn with<'c>(&self, command: &'c mut std::process::Command) -> &'c mut std::process::Command {
        let (storage, containers) = self.configuration();
        command.env("CONTAINERS_STORAGE_CONF", storage).env("CONTAINERS_CONF", containers)
    }

    fn remove(&self) {
        let _absent = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The command as it is in the image: a program that needs nothing of where it runs.
pub(crate) fn static_program() -> Result<PathBuf> {
    Ok(image::programs(image::TESTED)?.join("sandbind"))
}
