//! `sandbind plugin init`: a plugin to start from.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    args::{PluginInitArgs, Starter},
    exit::{Failure, Outcome},
    output::Shell,
};

/// Stands for the name in the files below `cli/starters/`.
const NAME: &str = "@NAME@";
/// A plugin's name may be no longer.
const LONGEST: usize = 30;

macro_rules! files {
    ($folder:literal: $($file:literal),+) => {
        &[$(($file, include_str!(concat!("../../../starters/", $folder, "/", $file)))),+]
    };
}

/// The files of a starting point, by name.
fn files(starter: Starter) -> &'static [(&'static str, &'static str)] {
    match starter {
        Starter::Shell => {
            files!("shell": "plugin.yaml", "plugin.test.yaml", "create.sh", "delete.sh", "binding.yaml")
        }
        Starter::Postgres => {
            files!("postgres": "plugin.yaml", "plugin.test.yaml", "create.sh", "delete.sh", "binding.yaml")
        }
        Starter::Opentofu => files!("opentofu": "plugin.yaml", "module.sh", "binding.yaml"),
        Starter::Helm => {
            files!("helm": "plugin.yaml", "plugin.test.yaml", "create.sh", "delete.sh", "binding.yaml")
        }
        Starter::Kubernetes => {
            files!("kubernetes": "plugin.yaml", "plugin.test.yaml", "create.sh", "delete.sh", "binding.yaml")
        }
    }
}

/// Writes the files into a folder of the plugin's name. Nothing that is there is touched.
pub(super) fn run(args: &PluginInitArgs, shell: &Shell) -> Outcome {
    let name = args.name.as_str();
    if !is_name(name) {
        return Err(Failure::usage(
            "BadName",
            "NAME",
            format!(
                "`{name}` is no name of a plugin: a small letter, then small letters, digits and hyphens, at most {LONGEST}"
            ),
            "choose another name",
        ));
    }
    let folder = args.directory.clone().unwrap_or_else(|| PathBuf::from(name));
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::failed(
            "CannotWrite",
            path.display().to_string(),
            error.to_string(),
            "name another folder with --directory",
        )
    };
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    let files = files(args.from);
    if let Some(there) = files.iter().map(|(file, _)| folder.join(file)).find(|path| path.exists()) {
        let error = std::io::Error::from(ErrorKind::AlreadyExists);
        return Err(failed(&there, &error));
    }
    for (file, text) in files {
        let path = folder.join(file);
        let written = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        written
            .and_then(|mut file| file.write_all(text.replace(NAME, name).as_bytes()))
            .map_err(|error| failed(&path, &error))?;
        shell.note(&format!("wrote {}", path.display()));
    }
    let plugin = folder.join("plugin.yaml");
    shell.note(&format!("next: `sandbind plugin test -f {}`", plugin.display()));
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= LONGEST
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(fits)
        && !name.ends_with('-')
}
