//! Reads the declared outputs and writes the declared inputs, byte for byte.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use sandbind_wire::{
    Bytes64,
    message::{InputFile, OutputPath},
};

/// Bytes that the outputs of one step may hold together.
pub const STEP_LIMIT: usize = 64 << 10;
/// What is read of a file that is over the limit, for redaction only.
const REDACT_LIMIT: u64 = 1 << 20;

/// What was found at the declared paths.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// Values by output name.
    pub(crate) values: BTreeMap<String, Bytes64>,
    /// Why an output that is there could not be taken.
    pub(crate) unreadable: BTreeMap<String, String>,
    /// Contents of files over the limit: not delivered, yet not to be shown either.
    pub(crate) oversized: Vec<Bytes64>,
}

/// Reads every declared output; relative paths are below `cwd`. An absent file appears nowhere.
pub(crate) fn read(declared: &[OutputPath], cwd: &Path) -> Outputs {
    let mut outputs = Outputs::default();
    let mut total = 0;
    for OutputPath { name, path } in declared {
        match read_one(&cwd.join(path)) {
            Ok(content) if total + content.len() <= STEP_LIMIT => {
                total += content.len();
                outputs.values.insert(name.clone(), content.into());
            }
            Ok(content) => {
                outputs.oversized.push(content.into());
                outputs.unreadable.insert(
                    name.clone(),
                    format!(
                        "`{path}` is too large: the outputs of a step may hold {STEP_LIMIT} bytes together"
                    ),
                );
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(e) => {
                outputs.unreadable.insert(name.clone(), format!("`{path}`: {e}"));
            }
        }
    }
    outputs
}

fn read_one(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe or a device could block or never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(REDACT_LIMIT).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes an input file, mode 0644, and makes its parent folders; a relative path is below `cwd`.
pub(crate) fn write_input(InputFile { path, content }: &InputFile, cwd: &Path) -> io::Result<()> {
    let path = cwd.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&path)?;
    io::Write::write_all(&mut file, &content.0)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Removes what an earlier attempt left at the declared output paths; relative ones are below `cwd`.
pub(crate) fn remove_old(declared: &[OutputPath], cwd: &Path) -> io::Result<()> {
    for OutputPath { path, .. } in declared {
        match fs::remove_file(cwd.join(path)) {
            Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(e);
            }
            _ => {}
        }
    }
    Ok(())
}
