//! The servers of the examples, installed for their tests.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::process;

/// Debian's packages, each with a program that shows that it is installed.
const PACKAGES: &[(&str, &str)] = &[
    ("mariadb-server", "mariadbd"),
    ("nats-server", "nats-server"),
    ("postgresql-15", "pg_ctlcluster"),
    ("rabbitmq-server", "rabbitmq-server"),
    ("redis-server", "redis-server"),
    ("curl", "curl"),
];

/// Debian asks this program whether a package may start its service: 101 is no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing. None of it is started: the tests start servers of their own.
pub(crate) fn install() -> Result<()> {
    let _policy = process::is_root()?.then(|| NoServices::begin(Path::new(POLICY))).transpose()?;
    process::debian(PACKAGES)
}

/// While this lives, packages start no services.
struct NoServices {
    /// What to remove afterwards; nothing where the machine has a policy, which it keeps.
    ours: Option<PathBuf>,
}

impl NoServices {
    fn begin(policy: &Path) -> Result<Self> {
        let mut options = fs::OpenOptions::new();
        match options.write(true).create_new(true).mode(0o755).open(policy) {
            Ok(mut file) => {
                // Should this process not come to remove it, it forbids nothing any more.
                let process = std::process::id();
                let text = format!("#!/bin/sh\nkill -0 {process} 2>/dev/null && exit 101\nexit 0\n");
                io::Write::write_all(&mut file, text.as_bytes())?;
                Ok(Self { ours: Some(policy.to_owned()) })
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self { ours: None }),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = &self.ours {
            let _gone = fs::remove_file(policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_start_nothing_while_they_are_installed_and_a_policy_that_was_there_stays() {
        let policy = std::env::temp_dir().join(format!("sandbind-policy-{}", std::process::id()));
        let asked = || std::process::Command::new(&policy).status().unwrap().code();
        let first = NoServices::begin(&policy).unwrap();
        assert_eq!(asked(), Some(101));
        drop(NoServices::begin(&policy).unwrap());
        assert_eq!(asked(), Some(101), "it is the first one's");
        drop(first);
        assert!(!policy.exists());
    }
}
