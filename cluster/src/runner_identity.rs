//! How the runner is reached: its Service's address, its certificate and the CA bundle, by reads of objects it knows by name.

use std::{future::Future, time::Duration};

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::{Api, Client};
use sandbind_engine::ports::{Answer, PortError};
use sandbind_wire::name;

use crate::client::{call, call_opt};

/// Key of the CA bundle in the Secret: PEM, public.
pub const CA_BUNDLE: &str = "ca.crt";
/// Key of the runner's certificate chain: PEM, leaf first.
pub const RUNNER_CERTIFICATE: &str = "runner.crt";
/// Key of the runner's private key: PEM.
pub const RUNNER_KEY: &str = "runner.key";

/// Between two looks at the Secret while it is complete.
const EVERY: Duration = Duration::from_secs(10);
/// Between two looks at the Secret until it is.
const SOON: Duration = Duration::from_millis(500);

/// What the runner shows and what it is verified by.
#[derive(Clone, PartialEq, Eq)]
pub struct RunnerTls {
    /// Certificate chain, PEM, leaf first.
    pub chain: Vec<u8>,
    /// Private key, PEM.
    pub key: Vec<u8>,
    /// CA bundle, PEM. Public.
    pub ca: String,
}

impl std::fmt::Debug for RunnerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunnerTls").finish_non_exhaustive()
    }
}

fn complete(secret: Secret) -> Option<RunnerTls> {
    let mut data = secret.data?;
    let mut take = |key: &str| data.remove(key).map(|value| value.0).filter(|value| !value.is_empty());
    let (chain, key) = (take(RUNNER_CERTIFICATE)?, take(RUNNER_KEY)?);
    Some(RunnerTls { chain, key, ca: String::from_utf8(take(CA_BUNDLE)?).ok()? })
}

/// Calls `tell` with what the Secret holds, first as soon as it is complete, then whenever it changes, for as long as the future is
/// polled. Reading is by name and in turns: no right to watch Secrets is needed.
pub async fn follow<F: Future<Output = ()>>(
    client: Client,
    namespace: &str,
    mut tell: impl FnMut(RunnerTls) -> F,
) {
    let api: Api<Secret> = Api::namespaced(client, namespace);
    let what = format!("reading Secret {namespace}/{}", name::TLS_SECRET);
    let mut last = None;
    loop {
        match call_opt(&what, api.get(name::TLS_SECRET)).await {
            Ok(found) => {
                let now = found.and_then(complete);
                if let Some(tls) = now.filter(|tls| last.as_ref() != Some(tls)) {
                    last = Some(tls.clone());
                    tell(tls).await;
                }
            }
            // What is known serves on.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no look at the certificates");
            }
        }
        tokio::time::sleep(if last.is_some() { EVERY } else { SOON }).await;
    }
}

/// `https://IP:7443` of the runner's Service. It stays the same as long as the Service does.
pub async fn service_url(client: Client, namespace: &str) -> Answer<String> {
    let what = format!("reading Service {namespace}/{}", name::RUNNER_SERVICE);
    let api: Api<Service> = Api::namespaced(client, namespace);
    let service = call(&what, api.get(name::RUNNER_SERVICE)).await?;
    let address = service.spec.and_then(|spec| spec.cluster_ip).filter(|ip| !ip.is_empty() && ip != "None");
    let Some(address) = address else {
        return Err(PortError::refused(what, "it has no cluster IP"));
    };
    let host = if address.contains(':') { format!("[{address}]") } else { address };
    Ok(format!("https://{host}:{}", name::RUNNER_PORT))
}
