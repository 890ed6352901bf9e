//! `install PATH`: puts this program into a step pod's shared volume, for the step container to run.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

/// Copies the running program to `target`, mode 0755. The file appears whole or not at all.
pub fn install(target: &Path) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let parent = target.parent().ok_or_else(|| io::Error::other("the target has no folder"))?;
    fs::create_dir_all(parent)?;
    let half = target.with_extension("half");
    fs::copy(own, &half)?;
    fs::set_permissions(&half, fs::Permissions::from_mode(0o755))?;
    fs::rename(&half, target)
}
