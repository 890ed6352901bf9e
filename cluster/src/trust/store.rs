//! How certificates stand in the Secret. Keys and certificates are text in PEM; who may read the Secret may sign.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use sandbind_core::trust::{Span, State};
use sandbind_engine::ports::{Answer, PortError};
use serde::{Deserialize, Serialize};

use super::Pair;
use crate::runner_identity::{CA_BUNDLE, RUNNER_CERTIFICATE, RUNNER_KEY};

/// Key of the authorities, with their private keys, as JSON.
const AUTHORITIES: &str = "authorities.json";
/// Key of the leaves' place in time, as JSON.
const LEAVES: &str = "leaves.json";
/// Key of the webhook's certificate.
const WEBHOOK_CERTIFICATE: &str = "webhook.crt";
/// Key of the webhook's private key.
const WEBHOOK_KEY: &str = "webhook.key";

/// Everything in the Secret.
#[derive(Clone, Default)]
pub(super) struct Kept {
    /// The oldest first.
    pub(super) authorities: Vec<Authority>,
    pub(super) leaves: Option<Leaves>,
}

/// A certificate authority.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authority {
    pub(super) span: Span,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The certificates of both servers.
#[derive(Clone)]
pub(super) struct Leaves {
    pub(super) span: Span,
    pub(super) webhook: Pair,
    pub(super) runner: Pair,
}

impl Kept {
    /// What the Secret holds; none when it is empty, or not readable and therefore to be made anew.
    pub(super) fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let get = |key: &str| data.get(key).map(|value| &*value.0);
        let pair =
            |chain: &str, key: &str| Some(Pair { chain: get(chain)?.to_vec(), key: get(key)?.to_vec() });
        let leaves = || {
            Some(Leaves {
                span: serde_json::from_slice(get(LEAVES)?).ok()?,
                webhook: pair(WEBHOOK_CERTIFICATE, WEBHOOK_KEY)?,
                runner: pair(RUNNER_CERTIFICATE, RUNNER_KEY)?,
            })
        };
        Some(Self { authorities: serde_json::from_slice(get(AUTHORITIES)?).ok()?, leaves: leaves() })
    }

    /// The form in which it is stored.
    pub(super) fn data(&self) -> Answer<BTreeMap<&'static str, ByteString>> {
        let json = |value: serde_json::Result<Vec<u8>>| {
            value
                .map(ByteString)
                .map_err(|error| PortError::failed("certificates could not be written", error))
        };
        let mut data = BTreeMap::from([
            (AUTHORITIES, json(serde_json::to_vec(&self.authorities))?),
            (CA_BUNDLE, ByteString(self.bundle().into_bytes())),
        ]);
        if let Some(Leaves { span, webhook, runner }) = &self.leaves {
            data.extend([
                (LEAVES, json(serde_json::to_vec(span))?),
                (WEBHOOK_CERTIFICATE, ByteString(webhook.chain.clone())),
                (WEBHOOK_KEY, ByteString(webhook.key.clone())),
                (RUNNER_CERTIFICATE, ByteString(runner.chain.clone())),
                (RUNNER_KEY, ByteString(runner.key.clone())),
            ]);
        }
        Ok(data)
    }

    /// What the rule looks at.
    pub(super) fn state(&self) -> State {
        State {
            authorities: self.authorities.iter().map(|one| one.span.clone()).collect(),
            leaf: self.leaves.as_ref().map(|leaves| leaves.span.clone()),
        }
    }

    /// All trusted authorities, PEM.
    pub(super) fn bundle(&self) -> String {
        self.authorities.iter().map(|one| one.certificate.as_str()).collect()
    }

    /// What the webhook shows.
    pub(super) fn webhook(&self) -> Option<Pair> {
        self.leaves.as_ref().map(|leaves| leaves.webhook.clone())
    }
}
