//! The container's own secrets: env vars and mounted files that the overlay takes from Secrets. They are known by the lists
//! that the runner put into the agent's environment.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// No more of a file is read. A Secret holds at most this much.
const FILE_LIMIT: u64 = 1 << 20;
/// Nor more of all files.
const TOTAL_LIMIT: usize = 8 << 20;
/// Folders within folders that are followed.
const DEPTH: usize = 8;

/// The values of the env vars that `names` lists ([`sandbind_wire::name::ENV_REDACT_ENV`]).
pub fn of_env(names: &str, env: &BTreeMap<OsString, OsString>) -> Vec<Vec<u8>> {
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    let all = names.contains(&"*");
    let plain = |name: &str| is_common(name) || names.iter().any(|n| n.strip_prefix('!') == Some(name));
    env.iter()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            names.contains(&name.as_ref()) || (all && !plain(&name))
        })
        .map(|(_, value)| value.as_bytes().to_vec())
        .collect()
}

/// Env vars that are nobody's secret.
fn is_common(name: &str) -> bool {
    ["PATH", "HOME", "HOSTNAME", "PWD", "TERM"].contains(&name)
        || ["KUBERNETES_", "SANDBIND_", "SIGNADOT_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The contents of the files, and of the files in the folders, that `paths` lists ([`sandbind_wire::name::ENV_REDACT_FILES`]).
/// What is absent is left out; what cannot be read is an error, for then it could not be redacted either.
pub fn of_files(paths: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for path in paths.split(':').filter(|p| !p.is_empty()) {
        collect(Path::new(path), DEPTH, &mut found)?;
    }
    Ok(found)
}

fn collect(path: &Path, depth: usize, found: &mut Vec<Vec<u8>>) -> io::Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    if metadata.is_dir() {
        if depth == 0 {
            return Ok(());
        }
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        entries.sort();
        // The kubelet keeps the files once more in a folder whose name begins with two dots.
        entries.retain(|e| !e.file_name().is_some_and(|n| n.as_bytes().starts_with(b"..")));
        return entries.iter().try_for_each(|entry| collect(entry, depth - 1, found));
    }
    if metadata.is_file() {
        let mut content = Vec::new();
        match fs::File::open(path) {
            Ok(file) => file.take(FILE_LIMIT).read_to_end(&mut content)?,
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            Err(e) => return Err(e),
        };
        if found.iter().map(Vec::len).sum::<usize>() + content.len() > TOTAL_LIMIT {
            return Err(io::Error::other("the files to redact are larger than 8 MiB"));
        }
        found.push(content);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_variables_are_taken_and_a_star_takes_all_uncommon_ones() {
        let env: BTreeMap<OsString, OsString> =
            [("PATH", "/bin"), ("PGPASSWORD", "pw"), ("MODE", "fast"), ("KUBERNETES_PORT", "tcp")]
                .map(|(k, v)| (k.into(), v.into()))
                .into();
        assert_eq!(of_env("PGPASSWORD\n", &env), [b"pw".to_vec()]);
        assert_eq!(of_env("*", &env), [b"fast".to_vec(), b"pw".to_vec()]);
        assert_eq!(of_env("*,!MODE", &env), [b"pw".to_vec()]);
        assert!(of_env("", &env).is_empty());
    }

    #[test]
    fn a_mounted_secret_folder_gives_each_file_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("..2026")).unwrap();
        fs::write(dir.path().join("..2026/key"), "secret").unwrap();
        std::os::unix::fs::symlink("..2026", dir.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/key", dir.path().join("key")).unwrap();
        let paths = format!("{}:/nowhere/at/all", dir.path().display());
        assert_eq!(of_files(&paths).unwrap(), [b"secret".to_vec()]);
    }
}
