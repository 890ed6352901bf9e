//! Names and versions of plugins: their grammar, the lenient reading of versions, and which version a reference means.

use std::{fmt, str::FromStr};

use semver::{BuildMetadata, Prerelease, Version, VersionReq};

/// The longest plugin name, in bytes.
pub const LONGEST_NAME: usize = 253;

/// Why a name, version or reference is not one. Display is one lowercase sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The plugin's name is against the grammar.
    #[error(
        "`{0}` is not a plugin name: a letter, then letters, digits and hyphens, not a hyphen at the end, at most {LONGEST_NAME} characters"
    )]
    Name(String),
    /// Not a version.
    #[error("`{0}` is not a version such as `1.2.0`")]
    Version(String),
    /// Versions carry no build metadata.
    #[error("`{0}` carries build metadata, which plugin versions do not have")]
    Build(String),
    /// Nothing that a reference may say after the `@`.
    #[error("`{0}` is neither a version, a requirement such as `^1`, `latest` nor `draft`")]
    Wanted(String),
}

/// Checks a plugin's name.
pub fn check_name(name: &str) -> Result<(), VersionError> {
    if name.len() <= LONGEST_NAME && is_word(name) {
        Ok(())
    } else {
        Err(VersionError::Name(name.to_owned()))
    }
}

/// Letter first, then letters, digits and hyphens, no hyphen at the end: the published grammar of names.
pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Reads a version as the published tools do: `v1`, `1.0`, `1.2.3-rc.1`; the result is canonical.
pub fn lenient(text: &str) -> Result<Version, VersionError> {
    let bad = || VersionError::Version(text.to_owned());
    let rest = text.strip_prefix('v').unwrap_or(text);
    if rest.contains('+') {
        return Err(VersionError::Build(text.to_owned()));
    }
    let (numbers, pre) = match rest.split_once('-') {
        Some((numbers, pre)) if !pre.is_empty() => (numbers, Prerelease::new(pre).map_err(|_| bad())?),
        Some(_) => return Err(bad()),
        None => (rest, Prerelease::EMPTY),
    };
    let mut parts = [0u64; 3];
    let mut written = numbers.split('.');
    for (at, part) in parts.iter_mut().enumerate() {
        match written.next() {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                *part = digits.parse().map_err(|_| bad())?;
            }
            None if at > 0 => break,
            _ => return Err(bad()),
        }
    }
    if written.next().is_some() {
        return Err(bad());
    }
    let [major, minor, patch] = parts;
    Ok(Version { major, minor, patch, pre, build: BuildMetadata::EMPTY })
}

/// Name and version of something published; no version: the draft. Written `name@1.2.0`, the draft `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The plugin's name.
    pub name: String,
    /// Its version; none for the draft, which `@0.0.0` means too.
    pub version: Option<Version>,
}

impl FromStr for Identity {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(lenient(version)?)),
            None => (text, None),
        };
        check_name(name)?;
        Ok(Self { name: name.to_owned(), version: version.filter(|version| !is_draft(version)) })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Identity {
    /// The name of the ResourcePlugin object: lower case of `name`, or of `name-version`.
    pub fn object_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.name),
            None => self.name.clone(),
        }
        .to_ascii_lowercase()
    }
}

/// `0.0.0` is how a draft is shown.
pub fn is_draft(version: &Version) -> bool {
    *version == Version::new(0, 0, 0)
}

/// How a binding names a plugin: `name`, `name@1.2.0`, `name@^1`, `name@latest`, `name@draft`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRef {
    /// The plugin's name, as written in `spec.name`.
    pub name: String,
    /// Which of its versions.
    pub wanted: Wanted,
}

/// Which version a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The highest; a pre-release only if there is nothing else.
    Latest,
    /// This one.
    Exact(Version),
    /// The highest that satisfies it.
    Requirement(VersionReq),
    /// The draft.
    Draft,
}

impl FromStr for PluginRef {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (name, wanted) = match text.split_once('@') {
            None | Some((_, "latest")) => (text.split('@').next().unwrap_or_default(), Wanted::Latest),
            Some((name, "draft")) => (name, Wanted::Draft),
            Some((name, wanted)) => (name, Wanted::parse(wanted)?),
        };
        check_name(name)?;
        Ok(Self { name: name.to_owned(), wanted })
    }
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, VersionError> {
        match lenient(text) {
            Ok(version) if is_draft(&version) => Ok(Self::Draft),
            Ok(version) => Ok(Self::Exact(version)),
            Err(error @ VersionError::Build(_)) => Err(error),
            Err(_) if text.trim().is_empty() => Err(VersionError::Wanted(text.to_owned())),
            Err(_) => VersionReq::parse(text)
                .map(Self::Requirement)
                .map_err(|_| VersionError::Wanted(text.to_owned())),
        }
    }

    /// Whether this version is one that the reference may mean.
    pub fn admits(&self, version: &Version) -> bool {
        match self {
            Self::Latest => true,
            Self::Exact(exact) => exact == version,
            Self::Requirement(requirement) => requirement.matches(version),
            Self::Draft => false,
        }
    }
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.wanted {
            Wanted::Latest => f.write_str(name),
            Wanted::Exact(version) => write!(f, "{name}@{version}"),
            Wanted::Requirement(requirement) => write!(f, "{name}@{requirement}"),
            Wanted::Draft => write!(f, "{name}@draft"),
        }
    }
}

impl PluginRef {
    /// Which of the versions of the plugin of this name is meant: pairs of version (none for the draft) and whatever stands
    /// for it. The draft serves `Latest` and requirements only while no version exists at all. Order does not matter.
    pub fn choose<T>(&self, available: impl IntoIterator<Item = (Option<Version>, T)>) -> Option<T> {
        let mut draft = None;
        let mut published = false;
        let mut best: Option<(Version, T)> = None;
        for (version, item) in available {
            let Some(version) = version else {
                draft = Some(item);
                continue;
            };
            published = true;
            let better = best.as_ref().is_none_or(|(other, _)| rank(&version) > rank(other));
            if better && self.wanted.admits(&version) {
                best = Some((version, item));
            }
        }
        match self.wanted {
            Wanted::Draft => draft,
            Wanted::Latest | Wanted::Requirement(_) if !published => draft,
            _ => best.map(|(_, item)| item),
        }
    }
}

/// Releases before pre-releases, then by precedence.
fn rank(version: &Version) -> (bool, &Version) {
    (version.pre.is_empty(), version)
}

#[cfg(test)]
mod tests;
