//! Who is calling: the pod that a token is bound to, by TokenReview.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus},
    core::v1::Namespace,
};
use kube::{Api, Client, api::PostParams};
use sandbind_engine::ports::{Answer, Caller, Identify};
use sandbind_wire::name;
use sha2::{Digest, Sha256};

use crate::{
    client::{call, namespace_uid},
    mirror::{Key, Mirror},
};

/// Answers remembered at most.
const REMEMBERED: usize = 20_000;
/// No answer is remembered for longer, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(60);
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// The API server's word on tokens, remembered by their hash.
#[derive(Clone)]
pub struct ClusterIdentify {
    client: Client,
    reviews: Api<TokenReview>,
    namespaces: Arc<Mirror<NamespaceFacts>>,
    remembered: Arc<Mutex<Remembered>>,
}

/// SHA-256 of a token.
type Hash = [u8; 32];
/// Answers, and when they were asked for.
type Remembered = HashMap<Hash, (Instant, Option<Caller>)>;

/// What is kept of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Our annotation on labelled pods that no binding selects.
    pub unmatched: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl NamespaceFacts {
    /// What is to be kept of `namespace`.
    pub fn of(namespace: Namespace) -> Option<Self> {
        let metadata = namespace.metadata;
        Some(Self {
            name: metadata.name?,
            uid: metadata.uid?,
            labels: metadata.labels.unwrap_or_default(),
            unmatched: metadata.annotations.and_then(|mut all| all.remove(name::ANNOTATION_UNMATCHED)),
            deleting: metadata.deletion_timestamp.is_some(),
        })
    }
}

impl ClusterIdentify {
    /// By this client; `namespaces` is kept true by somebody else ([`crate::watch`]).
    pub fn new(client: Client, namespaces: Arc<Mirror<NamespaceFacts>>) -> Self {
        let reviews = Api::all(client.clone());
        Self { client, reviews, namespaces, remembered: Arc::default() }
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, hash: Hash, asked: Instant, caller: Option<Caller>) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (at, _)| at.elapsed() < LONGEST);
        }
        // Still full: a flood of tokens. Forgetting costs a review each, never a wrong answer.
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, (asked, caller));
    }

    async fn review(&self, token: &str) -> Answer<Option<Caller>> {
        let spec = TokenReviewSpec {
            audiences: Some(vec![name::AUDIENCE.to_owned()]),
            token: Some(token.to_owned()),
        };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = call("reviewing a token", self.reviews.create(&PostParams::default(), &review)).await?;
        let Some(pod) = answer.status.and_then(bound_pod) else { return Ok(None) };
        let key = Key::new("", &*pod.namespace);
        let uid = match self.namespaces.get(&key) {
            Some(namespace) => Some(namespace.uid.clone()),
            None => namespace_uid(&self.client, &pod.namespace).await?,
        };
        Ok(uid.map(|namespace_uid| Caller { namespace_uid, ..pod }))
    }
}

/// The pod that a reviewed token is bound to, without its namespace's UID. A token that is bound to no pod, or that is good
/// for the API server, is nobody's.
fn bound_pod(status: TokenReviewStatus) -> Option<Caller> {
    if status.authenticated != Some(true) || status.audiences? != [name::AUDIENCE] {
        return None;
    }
    let user = status.user?;
    let mut extra = user.extra.unwrap_or_default();
    let mut one = |key: &str| extra.remove(key).and_then(|mut values| values.pop());
    let username = user.username?;
    let (namespace, _) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(Caller {
        namespace: namespace.to_owned(),
        namespace_uid: String::new(),
        pod_name: one(POD_NAME)?,
        pod_uid: one(POD_UID)?,
    })
}

impl Identify for ClusterIdentify {
    async fn identify(&self, token: &str, max_age: Duration) -> Answer<Option<Caller>> {
        let hash: Hash = Sha256::digest(token.as_bytes()).into();
        let asked = Instant::now();
        let known = self.remembered().get(&hash).cloned();
        if let Some((at, caller)) = known
            && asked.duration_since(at) < max_age.min(LONGEST)
        {
            return Ok(caller);
        }
        let caller = self.review(token).await?;
        self.remember(hash, asked, caller.clone());
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(change: impl Fn(&mut serde_json::Value)) -> TokenReviewStatus {
        let mut status = json!({
            "authenticated": true,
            "audiences": [name::AUDIENCE],
            "user": {
                "username": "system:serviceaccount:shop:default",
                "extra": {POD_NAME: ["web-0"], POD_UID: ["u1"]},
            },
        });
        change(&mut status);
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_token_speaks_for_the_pod_it_is_bound_to() {
        let pod = bound_pod(status(|_| ())).unwrap();
        assert_eq!((&*pod.namespace, &*pod.pod_name, &*pod.pod_uid), ("shop", "web-0", "u1"));
    }

    #[test]
    fn tokens_that_are_not_ours_speak_for_nobody() {
        let cases: [fn(&mut serde_json::Value); 6] = [
            |status| status["authenticated"] = json!(false),
            |status| status["audiences"] = json!(["https://kubernetes.default.svc"]),
            |status| status["audiences"] = json!(["https://kubernetes.default.svc", name::AUDIENCE]),
            |status| status["user"]["username"] = json!("system:node:node-0"),
            |status| status["user"]["extra"] = json!({POD_NAME: ["web-0"]}),
            |status| status["user"]["extra"] = json!({}),
        ];
        for (number, change) in cases.into_iter().enumerate() {
            assert_eq!(bound_pod(status(change)), None, "case {number}");
        }
    }
}
