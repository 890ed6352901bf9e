//! The installation's own certificates: an authority and the leaves of both servers, in one Secret that several replicas agree on by
//! compare-and-swap. When they change is decided in [`sandbind_core::trust`].
//!
//! Of the two webhook configurations only `caBundle` is ever written.

mod configurations;
mod issue;
mod store;

use std::{error::Error, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use sandbind_core::trust::{Action, Lifetimes, next};
use sandbind_engine::ports::{Answer, PortError};
use sandbind_wire::name;
use serde_json::json;

use self::store::Kept;
use crate::{
    client::{call, call_opt},
    clock::random_bytes,
    runner_identity::CA_BUNDLE,
};

/// Longest pause between two looks.
const RARELY: Duration = Duration::from_secs(30);
/// Pause after a look that failed, or lost against another replica.
const SOON: Duration = Duration::from_secs(1);
/// Looks during one leaf's life at least.
const LOOKS: u32 = 30;
/// Changes of one look at most: more would be a mistake in the rule.
const CHANGES: usize = 8;

/// What a server shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Certificate chain, PEM, leaf first.
    pub chain: Vec<u8>,
    /// Private key, PEM.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// The CA bundle of the Secret: PEM, public. None while it is empty.
pub async fn bundle(client: &Client, namespace: &str) -> Answer<Option<String>> {
    let secret = read(&api(client, namespace), namespace).await?;
    let bundle = secret.data.and_then(|mut data| data.remove(CA_BUNDLE));
    Ok(bundle.and_then(|bundle| String::from_utf8(bundle.0).ok()).filter(|bundle| !bundle.is_empty()))
}

/// Keeps the Secret and the configurations true for as long as it is polled, and shows the webhook's certificate by `show` at each
/// look. What was shown serves on when the API server does not answer.
pub async fn keep<E: Error + 'static>(
    client: Client,
    namespace: &str,
    lifetimes: Lifetimes,
    show: impl Fn(&Pair) -> Result<bool, E>,
) {
    let pause = (lifetimes.leaf / LOOKS).clamp(Duration::from_millis(200), RARELY);
    loop {
        let looked = look(&client, namespace, &lifetimes, &show).await;
        let wait = match looked {
            Ok(()) => pause,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "no look at the certificates; what is shown stays"
                );
                SOON.min(pause)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn look<E: Error + 'static>(
    client: &Client,
    namespace: &str,
    lifetimes: &Lifetimes,
    show: &impl Fn(&Pair) -> Result<bool, E>,
) -> Answer<()> {
    let api = api(client, namespace);
    let secret = read(&api, namespace).await?;
    let mut kept = Kept::read(&secret).unwrap_or_default();
    if !kept.bundle().is_empty() {
        // Before anything new is signed: who verifies must know the authority for the whole of the lead.
        configurations::trust(client, &kept.bundle()).await?;
    }
    if advance(&mut kept, namespace, lifetimes, Timestamp::now())? {
        write(&api, &secret, namespace, &kept).await?;
        configurations::trust(client, &kept.bundle()).await?;
    }
    if let Some(pair) = kept.webhook() {
        match show(&pair) {
            Ok(true) => tracing::info!("a new certificate is shown"),
            Ok(false) => {}
            Err(error) => tracing::error!(error = &error as &dyn Error, "the certificate is not taken"),
        }
    }
    Ok(())
}

/// Does everything that is due; answers whether anything was.
fn advance(kept: &mut Kept, namespace: &str, lifetimes: &Lifetimes, now: Timestamp) -> Answer<bool> {
    let failed = |error: rcgen::Error| PortError::failed("a certificate could not be made", error);
    for turn in 0..CHANGES {
        match next(&kept.state(), lifetimes, now) {
            Action::Rest => return Ok(turn > 0),
            Action::AddAuthority => {
                let random: [u8; 10] =
                    random_bytes().map_err(|error| PortError::failed("no randomness", error))?;
                let id = sandbind_core::identity::base32(&random, 16);
                kept.authorities.push(issue::authority(id, lifetimes.authority, now).map_err(failed)?);
            }
            Action::Issue { authority } => {
                let Some(signer) = kept.authorities.iter().find(|one| one.span.authority == authority) else {
                    return Err(PortError::refused("issuing certificates", "their authority is not there"));
                };
                kept.leaves = Some(issue::leaves(signer, namespace, lifetimes.leaf, now).map_err(failed)?);
            }
            Action::DropAuthority { authority } => {
                kept.authorities.retain(|one| one.span.authority != authority);
            }
        }
    }
    Err(PortError::refused("renewing certificates", "there is no end to it; look at the lifetimes"))
}

fn api(client: &Client, namespace: &str) -> Api<Secret> {
    Api::namespaced(client.clone(), namespace)
}

async fn read(api: &Api<Secret>, namespace: &str) -> Answer<Secret> {
    let what = format!("reading Secret {namespace}/{}", name::TLS_SECRET);
    let found = call_opt(&what, api.get(name::TLS_SECRET)).await?;
    found.ok_or_else(|| PortError::refused(what, "it is part of the installation and must not be removed"))
}

/// Another replica that was faster makes this a conflict.
async fn write(api: &Api<Secret>, secret: &Secret, namespace: &str, kept: &Kept) -> Answer<()> {
    let what = format!("writing Secret {namespace}/{}", name::TLS_SECRET);
    let patch = json!({
        "metadata": {"resourceVersion": secret.metadata.resource_version, "uid": secret.metadata.uid},
        "data": kept.data()?,
    });
    call(&what, api.patch(name::TLS_SECRET, &PatchParams::default(), &Patch::Merge(&patch))).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
