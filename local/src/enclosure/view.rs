//! A view of this machine in which everything can be changed and nobody else sees it: every file system under a layer in memory.
//! For a process that has a mount namespace of its own and is the first of its process namespace (`unshare` made both), before it
//! has started anything.

use std::{
    collections::BTreeSet,
    ffi::CString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::mount::{
    MountFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_remount, unmount,
};

/// What the kernel makes up itself: bound where it is needed, else left out.
const DEVICES: [&str; 2] = ["/sys", "/dev"];
/// Replaced by one that shows the processes of this namespace.
const PROCESSES: &str = "/proc";

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct ViewError {
    what: String,
    source: io::Error,
}

fn cannot<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> ViewError {
    move |source| ViewError { what: what.into(), source: source.into() }
}

/// Enters a view. `folder` is not part of it: what is written there stays, and a folder `view` is made in it.
pub fn enter(folder: &Path) -> Result<(), ViewError> {
    // A link on its way would lead out of the view while that is made.
    let folder = folder.canonicalize().map_err(cannot("find the run's folder"))?;
    let place = folder.join("view");
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(cannot("read the mounts"))?;
    let mut view = View { root: place.join("root"), layers: 0, mounts: mounts(&table), place };
    // Two of them: a root has to be one of its own.
    for place in [&view.place, &view.root] {
        fs::create_dir_all(place).map_err(cannot("make a folder"))?;
        mount("tmpfs", place, "tmpfs", MountFlags::empty(), Some(c"mode=755"))
            .map_err(cannot("mount a file system in memory"))?;
    }
    view.pass_through(Path::new("/")).map_err(cannot("show `/`"))?;
    let root = view.root.as_path();
    mount("proc", below(root, Path::new(PROCESSES)), "proc", MountFlags::empty(), None)
        .map_err(cannot("mount /proc"))?;
    for path in DEVICES {
        mount_bind_recursive(path, below(root, Path::new(path))).map_err(cannot(format!("bind {path}")))?;
    }
    let own = below(root, &folder);
    fs::create_dir_all(&own).map_err(cannot("make the run's folder"))?;
    mount_bind(&folder, own).map_err(cannot("bind the run's folder"))?;
    std::env::set_current_dir(root).map_err(cannot("enter the view"))?;
    // The old root comes to lie over the new one, and goes.
    rustix::process::pivot_root(".", ".").map_err(cannot("make the view the root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(cannot("leave the old root"))?;
    std::env::set_current_dir("/").map_err(cannot("enter the view"))
}

/// A view that is being made.
struct View {
    /// File system in memory for everything of the view.
    place: PathBuf,
    /// Its root.
    root: PathBuf,
    layers: usize,
    /// Where file systems are mounted on this machine.
    mounts: BTreeSet<PathBuf>,
}

impl View {
    /// Shows a folder of which parts are mounted: part by part, for the kernel puts no layer over several file systems, nor, in a user
    /// namespace, over one that others are mounted on.
    fn pass_through(&mut self, folder: &Path) -> io::Result<()> {
        let target = below(&self.root, folder);
        fs::create_dir_all(&target)?;
        resemble(&target, folder)?;
        for entry in fs::read_dir(folder)? {
            // What cannot be shown is not there.
            let _unseen = entry.and_then(|entry| self.show(&entry.path()));
        }
        Ok(())
    }

    fn show(&mut self, path: &Path) -> io::Result<()> {
        let target = below(&self.root, path);
        let kind = fs::symlink_metadata(path)?.file_type();
        if kind.is_symlink() {
            return std::os::unix::fs::symlink(fs::read_link(path)?, target);
        }
        if !kind.is_dir() {
            fs::File::create(&target)?;
            return read_only(path, &target);
        }
        if self.place.starts_with(path) && path.starts_with(self.place.parent().unwrap_or(path)) {
            // The run's own folder is bound in the end.
            return Ok(());
        }
        if DEVICES.iter().chain([&PROCESSES]).any(|own| path == Path::new(own)) {
            return fs::create_dir(target);
        }
        if self.mounts.iter().any(|mounted| mounted != path && mounted.starts_with(path)) {
            return self.pass_through(path);
        }
        fs::create_dir(&target)?;
        self.layer(path, &target).or_else(|_| read_only(path, &target))
    }

    /// A folder with everything that is in another one, changes of which are kept in a third.
    fn layer(&mut self, lower: &Path, target: &Path) -> io::Result<()> {
        self.layers += 1;
        let kept = self.place.join(format!("layer-{}", self.layers));
        let (upper, work) = (kept.join("upper"), kept.join("work"));
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        // The layer's own folder is what the view shows as this one.
        resemble(&upper, lower)?;
        let paths = [lower, &upper, &work].map(escaped);
        let [lower, upper, work] = paths;
        let mut options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        if is_mapped() {
            options.push_str(",userxattr");
        }
        mount("overlay", target, "overlay", MountFlags::empty(), Some(CString::new(options)?.as_c_str()))?;
        Ok(())
    }
}

/// Where a path of the machine is in the view.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Whether this is a user namespace of its own, in which root is another user outside.
fn is_mapped() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().next_back() != Some("4294967295")
}

fn read_only(from: &Path, target: &Path) -> io::Result<()> {
    mount_bind(from, target)?;
    let closed = mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, c"");
    if closed.is_err() {
        // Rather not there than open.
        unmount(target, UnmountFlags::DETACH)?;
    }
    Ok(closed?)
}

/// Gives a folder the owner and the permissions of another one.
fn resemble(folder: &Path, other: &Path) -> io::Result<()> {
    let other = fs::metadata(other)?;
    // In a user namespace there are owners that nothing can be given to.
    let _kept = std::os::unix::fs::chown(folder, Some(other.uid()), Some(other.gid()));
    fs::set_permissions(folder, other.permissions())
}

/// A path as a value among mount options.
fn escaped(path: &Path) -> String {
    let mut escaped = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '\\' | ':' | ',') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Where file systems are mounted. `table`: as `/proc/self/mountinfo` has it.
fn mounts(table: &str) -> BTreeSet<PathBuf> {
    table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped).collect()
}

/// Undoes `\040` and its like.
fn unescaped(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, more)) = rest.split_first() {
        let octal =
            more.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        rest = if byte.is_some() { more.get(3..).unwrap_or_default() } else { more };
        bytes.push(byte.unwrap_or(first));
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_spaces_in_their_names() {
        let table = "\
29 1 8:1 / / rw,relatime - ext4 /dev/root rw
31 29 0:5 / /srv/a\\040b/c rw - tmpfs tmpfs rw
30 29 0:6 / /srv/a\\040b rw - tmpfs tmpfs rw
32 30 0:7 / /srv/a\\040b rw - tmpfs tmpfs rw
";
        let paths = ["/", "/srv/a b", "/srv/a b/c"].map(PathBuf::from);
        assert_eq!(mounts(table), BTreeSet::from(paths));
    }

    #[test]
    fn option_values_keep_their_commas_and_colons() {
        assert_eq!(escaped(Path::new("/a:b,c\\d")), "/a\\:b\\,c\\\\d");
    }
}
