//! Where the runner is and how it is known: from the environment as of the pod's creation, or fresher from a mounted ConfigMap.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use sandbind_wire::name;

use crate::client::LinkError;

/// What a pod knows of its runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://IP:PORT`, the port may be left out.
    pub url: String,
    /// The name that the runner's certificate must bear.
    pub name: String,
    /// PEM bundle of the CAs.
    pub ca: String,
    /// The token's file.
    pub token: PathBuf,
    /// Folder of the mounted ConfigMap with keys `url`, `name`, `ca.crt`, whose values win.
    pub dir: Option<PathBuf>,
}

/// A runner that can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    pub(crate) ca: String,
}

impl Settings {
    /// Reads the settings from variables that `lookup` answers, such as `|name| std::env::var(name).ok()`.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, LinkError> {
        let need = |variable: &'static str| {
            lookup(variable)
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| LinkError::Settings { reason: format!("`{variable}` is not set") })
        };
        let settings = Self {
            url: need(name::ENV_RUNNER_URL)?,
            name: need(name::ENV_RUNNER_NAME)?,
            ca: need(name::ENV_RUNNER_CA)?,
            token: need(name::ENV_TOKEN_PATH)?.into(),
            dir: lookup(name::ENV_RUNNER_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from),
        };
        parse(&settings.url)?;
        Ok(settings)
    }

    /// The runner as of the pod's creation.
    pub(crate) fn at_creation(&self) -> Result<Endpoint, LinkError> {
        Ok(Endpoint { address: parse(&self.url)?, name: self.name.clone(), ca: self.ca.clone() })
    }

    /// The runner as of now.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, LinkError> {
        let fresh = |key: &str| {
            let text = fs::read_to_string(self.dir.as_deref().map(|dir: &Path| dir.join(key))?).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Ok(Endpoint {
            address: fresh("url").and_then(|url| parse(&url).ok()).map_or_else(|| parse(&self.url), Ok)?,
            name: fresh("name").unwrap_or_else(|| self.name.clone()),
            ca: fresh("ca.crt").unwrap_or_else(|| self.ca.clone()),
        })
    }
}

/// The address in `https://IP[:PORT]`. A host name is refused: no program inside a pod needs DNS.
fn parse(url: &str) -> Result<SocketAddr, LinkError> {
    let text = url.trim().strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    text.and_then(|text| {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let without_port = || Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, name::RUNNER_PORT));
        text.parse().ok().or_else(without_port)
    })
    .ok_or_else(|| LinkError::Settings { reason: format!("`{url}` is not of the form `https://IP:PORT`") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ips_with_or_without_port() {
        let cases = [
            ("https://10.0.0.7:7443", Some("10.0.0.7:7443")),
            ("https://10.0.0.7:7443/", Some("10.0.0.7:7443")),
            ("https://10.0.0.7", Some("10.0.0.7:7443")),
            ("https://[fd00::7]:444", Some("[fd00::7]:444")),
            ("https://[fd00::7]", Some("[fd00::7]:7443")),
            ("http://10.0.0.7:7443", None),
            ("https://runner.svc:7443", None),
            ("", None),
        ];
        for (url, expected) in cases {
            assert_eq!(parse(url).ok().map(|a| a.to_string()).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_mounted_folder_wins_and_a_broken_one_does_not_hurt() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            url: "https://10.0.0.7".to_owned(),
            name: "old".to_owned(),
            ca: "old ca".to_owned(),
            token: "/t".into(),
            dir: Some(dir.path().to_owned()),
        };
        let old = settings.endpoint().unwrap();
        assert_eq!((old.name.as_str(), old.ca.as_str()), ("old", "old ca"));
        fs::write(dir.path().join("url"), "https://10.0.0.8:1\n").unwrap();
        fs::write(dir.path().join("ca.crt"), "new ca\n").unwrap();
        let new = settings.endpoint().unwrap();
        assert_eq!((new.address.to_string().as_str(), new.ca.as_str()), ("10.0.0.8:1", "new ca"));
        fs::write(dir.path().join("url"), "garbage").unwrap();
        assert_eq!(settings.endpoint().unwrap().address, old.address);
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Settings::from_env(|_| None).unwrap_err();
        assert!(error.to_string().contains("SANDBIND_RUNNER_URL"), "{error}");
    }
}
