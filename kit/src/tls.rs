//! TLS 1.3 with certificates that change while the server runs.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

mod expiry;
mod files;

pub use expiry::not_after;
pub use files::follow;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text holds no certificate or no key, or a broken one.
    #[error("no usable {what} in the PEM text")]
    Pem {
        /// `certificate chain` or `private key`.
        what: &'static str,
        /// The cause.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate has no end, or is none.
    #[error("the certificate cannot be read")]
    Certificate,
    /// The key does not belong to the certificate, or is of an unsupported kind.
    #[error("certificate and key do not fit together")]
    Mismatch {
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// The provider does not know TLS 1.3.
    #[error("no TLS 1.3")]
    Config {
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// A file could not be read.
    #[error("cannot read `{path}`")]
    File {
        /// Which.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// The one cryptography provider, chosen by name: with two of them in the dependency tree there is no default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes [`provider`] the process's default, for libraries that ask for that. Again: fine.
pub fn install_provider() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// The certificate a server shows, replaceable while it runs. Connections made before a replacement are not disturbed.
#[derive(Debug, Default)]
pub struct Certificates {
    current: ArcSwapOption<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    not_after: i64,
}

impl Certificates {
    /// Without a certificate: handshakes fail until the first [`Self::replace`].
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Shows this chain (leaf first) from now on. One that does not load, or does not fit the key, is refused and the current one
    /// stays. Answers whether the certificate is another one than before.
    pub fn replace(&self, chain_pem: &[u8], key_pem: &[u8]) -> Result<bool, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| TlsError::Pem { what: "certificate chain", source })?;
        let leaf = chain.first().ok_or(TlsError::Certificate)?;
        let not_after = not_after(leaf).ok_or(TlsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|source| TlsError::Pem { what: "private key", source })?;
        if self.current.load().as_ref().is_some_and(|current| current.key.cert == chain) {
            return Ok(false);
        }
        let key = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|source| TlsError::Mismatch { source })?;
        self.current.store(Some(Arc::new(Current { key: Arc::new(key), not_after })));
        Ok(true)
    }

    /// End of the shown certificate in seconds since 1970; none without one.
    pub fn not_after(&self) -> Option<i64> {
        self.current.load().as_ref().map(|current| current.not_after)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|current| Arc::clone(&current.key))
    }
}

/// TLS 1.3 only, HTTP/1.1 only, no client certificates.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Config { source })?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
