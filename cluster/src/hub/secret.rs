//! The Secret `sandbind-hub`: how the hub is reached, and under which name. Read by name and in turns: no right to watch Secrets is
//! needed.

use std::{fmt, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, config::Kubeconfig};
use sandbind_core::hub::kubeconfig;
use sandbind_engine::ports::{Answer, PortError};
use sandbind_wire::name::{HUB_KUBECONFIG, HUB_MEMBER, HUB_SECRET};
use serde_json::Value;
use tokio::sync::watch;

use crate::client::{call_opt, of_kubeconfig};

/// Between two looks at the Secret.
const EVERY: Duration = Duration::from_secs(10);

/// The content of the Secret. It holds a token, which `Debug` does not show.
#[derive(PartialEq, Eq)]
pub(super) struct Way {
    kubeconfig: String,
    /// Name of this cluster's MemberCluster.
    pub(super) member: String,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").field("member", &self.member).finish_non_exhaustive()
    }
}

/// Tells what the Secret holds whenever it changes; none: there is no such Secret. What could not be read serves on.
pub(super) async fn follow(client: &Client, namespace: &str, found: &watch::Sender<Option<Arc<Way>>>) {
    loop {
        match read(client, namespace).await {
            Ok(way) => {
                let now = way.map(Arc::new);
                found.send_if_modified(|known| {
                    let changed = *known != now;
                    if changed {
                        known.clone_from(&now);
                    }
                    changed
                });
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no look at the way to the hub");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn read(client: &Client, namespace: &str) -> Answer<Option<Way>> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let what = format!("reading Secret {namespace}/{HUB_SECRET}");
    Ok(call_opt(&what, api.get(HUB_SECRET)).await?.map(content))
}

fn content(secret: Secret) -> Way {
    let data = secret.data.unwrap_or_default();
    let text = |key: &str| {
        let bytes = data.get(key).map(|bytes| bytes.0.as_slice()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    Way { kubeconfig: text(HUB_KUBECONFIG), member: text(HUB_MEMBER).trim().to_owned() }
}

impl Way {
    /// Whether the Secret still says the same.
    pub(super) async fn holds(&self, client: &Client, namespace: &str) -> Answer<bool> {
        Ok(read(client, namespace).await?.is_some_and(|now| now == *self))
    }

    /// A client for the hub. Nothing is asked yet.
    pub(super) async fn client(&self) -> Answer<Client> {
        let what = "the Secret sandbind-hub";
        let value: Value = kubeconfig::read(&self.kubeconfig).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            PortError::refused(what, told.join("; "))
        })?;
        // The errors may quote the content.
        let unusable = || PortError::refused(what, "its kubeconfig is not usable");
        let parsed: Kubeconfig = serde_json::from_value(value).map_err(|_| unusable())?;
        of_kubeconfig(parsed).await.map_err(|_| unusable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(user: &str) -> Way {
        let kubeconfig = format!(
            "{{current-context: c, contexts: [{{name: c, context: {{cluster: h, user: u}}}}], \
             clusters: [{{name: h, cluster: {{server: 'https://127.0.0.1:1'}}}}], users: [{{name: u, user: {user}}}]}}"
        );
        Way { kubeconfig, member: "east".into() }
    }

    #[tokio::test]
    async fn a_kubeconfig_that_stands_for_itself_makes_a_client_and_no_other() {
        sandbind_kit::tls::install_provider();
        way("{token: t}").client().await.unwrap();
        let refused = way("{exec: {command: touch}}").client().await.map(drop).unwrap_err().to_string();
        assert!(refused.contains("RefusedKubeconfig") && refused.contains("run a program"), "{refused}");
    }

    #[test]
    fn nobody_is_shown_the_token() {
        assert!(!format!("{:?}", way("{token: hush}")).contains("hush"));
    }
}
