//! Certificates from mounted files, for installations where another program issues them.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Certificates, TlsError};
use crate::shutdown::Shutdown;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);

/// Shows what `tls.crt` and `tls.key` in this folder hold, read and compared every ten seconds: a kubelet replaces the folder behind
/// a symlink, which file watches miss. A pair that is half written or broken is left alone until it fits. Ends with the shutdown.
pub async fn follow(folder: &Path, certificates: Arc<Certificates>, shutdown: Shutdown) {
    loop {
        match load(folder, &certificates).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(folder = %folder.display(), not_after = certificates.not_after(), "new certificate");
            }
            Err(error) => {
                tracing::warn!(
                    folder = %folder.display(),
                    error = &error as &dyn std::error::Error,
                    "the certificate is not taken"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.started() => return,
        }
    }
}

async fn load(folder: &Path, certificates: &Certificates) -> Result<bool, TlsError> {
    let read = async |name: &str| {
        let path = folder.join(name);
        tokio::fs::read(&path)
            .await
            .map_err(|source| TlsError::File { path: path.display().to_string(), source })
    };
    certificates.replace(&read("tls.crt").await?, &read("tls.key").await?)
}
