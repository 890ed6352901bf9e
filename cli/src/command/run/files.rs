//! The files of a run's command: below `SANDBIND_FILES`, and at their own paths where those can be made.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::fs::{Access, access};
use sandbind_binder_sidecar::files;

use crate::{
    exit::{Failure, Outcome},
    stack::{Bench, Holding, store_failure},
};

/// Makes every folder hold what is delivered now. Answers whether anything differs from before.
pub(super) fn write(bench: &mut Bench<'_>, holding: &Holding) -> Outcome<bool> {
    let mut changed = false;
    fs::create_dir_all(bench.run().files())?;
    for resource in &holding.bindings.resources {
        let values = bench.values(&resource.incarnation)?;
        for folder in &resource.folders {
            if let Some(parent) = Path::new(&folder.dir).parent() {
                fs::create_dir_all(parent)?;
            }
            changed |= files::write(folder, &values)
                .map_err(|error| Failure::failed("Files", &folder.dir, error.to_string(), ""))?;
        }
    }
    Ok(changed)
}

/// Leads the paths that the binding names to the folders, where nothing is in the way and the parent may be written.
pub(super) fn link(bench: &mut Bench<'_>, holding: &Holding) -> Outcome {
    let root = bench.run().files();
    for folder in holding.bindings.resources.iter().flat_map(|resource| &resource.folders) {
        let Ok(inner) = Path::new(&folder.dir).strip_prefix(&root) else { continue };
        let path = Path::new("/").join(inner);
        let free = fs::symlink_metadata(&path).is_err()
            && path
                .parent()
                .is_some_and(|parent| parent.is_dir() && access(parent, Access::WRITE_OK).is_ok());
        if free {
            bench.run().note_link(path.clone()).map_err(|error| store_failure(&error))?;
            symlink(&folder.dir, &path)?;
        }
    }
    Ok(())
}
