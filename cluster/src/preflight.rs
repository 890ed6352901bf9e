//! Asks whether what step pods name is there, without reading any of it.
//!
//! The question is a dry run of a creation by that name: the API server answers "already exists", or with the empty object that was
//! sent. It needs no right to read, and one way does for Secrets, which the runner may not read, and for the other kinds.

mod answers;

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Secret, ServiceAccount},
};
use kube::{Api, Client, Resource, api::PostParams};
use sandbind_core::plugin::references::{Kind, LACKING, Presence, Reference, THERE};
use sandbind_engine::ports::{Answer, PortError, chain};
use serde::{Serialize, de::DeserializeOwned};

use self::answers::Answers;
pub use self::answers::Need;
use crate::client::call;

/// Questions at the same time.
const AT_ONCE: usize = 4;
/// A question without an answer for so long counts as unanswered: the other statuses wait for it.
const ANSWER: Duration = Duration::from_secs(3);
/// After so long no further question of a look is begun.
const LOOK: Duration = Duration::from_secs(2);

/// How long answers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// That an object is there.
    pub there: Duration,
    /// That it is not, or that nobody answered.
    pub lacking: Duration,
}

/// What is known of the objects that step pods need.
pub struct Preflight {
    client: Client,
    answers: Answers,
}

impl Preflight {
    /// Knows nothing yet.
    pub fn new(client: Client, patience: Patience) -> Self {
        Self { client, answers: Answers::new(patience) }
    }

    /// Asks what is due of what plugins need, and forgets what none needs any more. Answers when the next question is due; none: there
    /// is none. A look takes a few seconds at most; what it did not come to is due at once.
    pub async fn look(&mut self, needs: &[Need]) -> Option<Instant> {
        let begin = Instant::now();
        let due = self.answers.due(needs, begin);
        let (client, asked) = (&self.client, due.len());
        let answered: Vec<(Reference, Presence)> = stream::iter(due)
            .take_while(|_| std::future::ready(begin.elapsed() < LOOK))
            .map(|one| async move {
                let presence = ask(client, &one).await;
                (one, presence)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let now = Instant::now();
        let all = answered.len() == asked;
        for (one, presence) in answered {
            self.answers.take(one, presence, now);
        }
        if all { self.answers.next() } else { Some(now) }
    }

    /// What is known of one.
    pub fn presence(&self, one: &Reference) -> Presence {
        self.answers.presence(one)
    }
}

async fn ask(client: &Client, one: &Reference) -> Presence {
    let answer = match one.kind {
        Kind::ConfigMap => create::<ConfigMap>(client, one).await,
        Kind::Secret => create::<Secret>(client, one).await,
        Kind::ServiceAccount => create::<ServiceAccount>(client, one).await,
    };
    match answer {
        Ok(()) => Presence::Absent,
        Err(PortError::Exists { .. }) => Presence::There,
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "asked again later");
            Presence::Unknown(chain(&error))
        }
    }
}

/// What would happen if the object were created; nothing is.
async fn create<K>(client: &Client, one: &Reference) -> Answer<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Default + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let what = format!("asking for {} {}/{}", one.kind, one.namespace, one.name);
    let mut object = K::default();
    object.meta_mut().name = Some(one.name.clone());
    let api: Api<K> = Api::namespaced(client.clone(), &one.namespace);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match tokio::time::timeout(ANSWER, call(&what, api.create(&params, &object))).await {
        Ok(answer) => answer.map(drop),
        Err(elapsed) => Err(PortError::failed(format!("{what}: no answer in time"), elapsed)),
    }
}

// === impl Patience ===

impl Default for Patience {
    fn default() -> Self {
        Self { there: THERE, lacking: LACKING }
    }
}
