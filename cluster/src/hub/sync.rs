//! Asks the hub in turns, does what the plan says, and tells the hub what became of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, PatchParams, PostParams, Preconditions},
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use sandbind_core::{
    api::ResourcePlugin,
    hub::{Action, Listing, plan, tell},
};
use sandbind_engine::ports::{Answer, Clock as _, PortError};
use sandbind_wire::{
    backoff::Backoff,
    name::{ANNOTATION_HUB_LEFT, ANNOTATION_HUB_OBJECT},
};
use serde_json::json;
use tokio::sync::Notify;

use super::{Asked, member::Member, secret::Way};
use crate::{
    client::{call, call_opt, json_patch, list_all, namespace_uid},
    clock::SystemClock,
    watch::Watches,
};

/// Between two listings of the hub.
const LIST: Duration = Duration::from_secs(30);
/// The same after something could not be done here.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at whether there is something to tell.
const LOOK: Duration = Duration::from_secs(2);
/// Changes that come together are one listing.
const GATHER: Duration = Duration::from_millis(500);
/// Between asks of a hub that does not answer.
const SILENCE: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };
/// Its UID is the id of a cluster.
const HOME: &str = "kube-system";

/// Follows the hub for as long as the future is polled.
pub(super) async fn run(client: &Client, watches: &Watches, way: &Way, told: &impl Fn(Asked)) {
    let hub = match way.client().await {
        Ok(hub) => hub,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the way to the hub is not used");
            told(Asked::Failed);
            return;
        }
    };
    let (changed, back) = (Notify::new(), Notify::new());
    let asking = ask(client, &hub, watches, way, (&changed, &back), told);
    let following = async {
        loop {
            // A watch that found no hub pauses for long: when the hub is back, a new one is begun.
            tokio::select! {
                () = follow(&hub, &changed) => {}
                () = back.notified() => {}
            }
        }
    };
    tokio::join!(Box::pin(asking), Box::pin(following));
}

/// Tells of changes on the hub sooner than the next listing would. A status is no change: on a hub that is a cluster too it is written
/// often.
async fn follow(hub: &Client, changed: &Notify) {
    let plugins: Api<PartialObjectMeta<ResourcePlugin>> = Api::all(hub.clone());
    let mut events = pin!(watcher(plugins, watcher::Config::default()).default_backoff());
    let mut seen: BTreeMap<String, (Option<String>, Option<i64>)> = BTreeMap::new();
    while let Some(event) = events.next().await {
        let is_change = match event {
            Ok(Event::Apply(one) | Event::InitApply(one)) => {
                let now = (one.uid(), one.metadata.generation);
                seen.insert(one.name_any(), now.clone()) != Some(now)
            }
            Ok(Event::Delete(_) | Event::InitDone) => true,
            Ok(Event::Init) | Err(_) => false,
        };
        if is_change {
            changed.notify_one();
        }
    }
}

async fn ask(
    client: &Client,
    hub: &Client,
    watches: &Watches,
    way: &Way,
    (changed, back): (&Notify, &Notify),
    told: &impl Fn(Asked),
) {
    let clock = SystemClock::default();
    let mut failures = 0;
    let mut turns = Turns {
        client,
        hub,
        watches,
        way,
        member: Member::new(hub, &way.member),
        listing: None,
        due: Instant::now(),
        refused: BTreeMap::new(),
    };
    loop {
        match turns.take().await {
            Ok(()) => {
                if std::mem::take(&mut failures) > 0 {
                    back.notify_one();
                }
                told(Asked::Answered);
                tokio::select! {
                    () = changed.notified() => {
                        tokio::time::sleep(GATHER).await;
                        turns.due = Instant::now();
                    }
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            Err(error) => {
                failures = u32::saturating_add(failures, 1);
                told(Asked::Failed);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    failures,
                    "the hub is asked again later"
                );
                tokio::time::sleep(SILENCE.jittered(failures, clock.random())).await;
                turns.due = Instant::now();
            }
        }
    }
}

struct Turns<'a> {
    client: &'a Client,
    hub: &'a Client,
    watches: &'a Watches,
    way: &'a Way,
    member: Member<'a>,
    listing: Option<Listing>,
    due: Instant,
    /// By `name@version`: why the API server here did not take a copy.
    refused: BTreeMap<String, String>,
}

impl Turns<'_> {
    async fn take(&mut self) -> Answer<()> {
        if self.listing.is_none() || self.due <= Instant::now() {
            let listing = self.list().await?;
            // Somebody who leaves removes the copies next: none is made anew by what was heard before.
            if !self.way.holds(self.client, self.watches.system_namespace()).await? {
                return Ok(());
            }
            let done = self.act(&listing).await;
            self.listing = Some(listing);
            self.due = Instant::now() + if done { LIST } else { AGAIN };
        }
        let Some(listing) = &self.listing else { return Ok(()) };
        let status = tell(listing, &self.watches.plugins.all(), &self.watches.records.all(), &self.refused);
        self.member.write(status).await
    }

    /// Everything that the hub has. Which hub it is, is asked each time: another may stand at the same address.
    async fn list(&self) -> Answer<Listing> {
        let id = async |client: &Client, whose: &str| {
            let uid = namespace_uid(client, HOME).await?;
            uid.ok_or_else(|| PortError::refused(whose, format!("it has no namespace {HOME}")))
        };
        let here = id(self.client, "this cluster").await?;
        let hub = id(self.hub, "the hub").await?;
        self.member.check(&here).await?;
        let plugins = list_all("listing the plugins of the hub", &Api::all(self.hub.clone()), None).await?;
        Ok(Listing { id: hub, plugins })
    }

    /// Answers whether there is nothing to do again.
    async fn act(&mut self, listing: &Listing) -> bool {
        let records = self.watches.records.all();
        let used: BTreeSet<&str> = records
            .iter()
            .filter_map(|record| Some(record.status.plugin.as_ref()?.identity.as_str()))
            .collect();
        let mut done = true;
        self.refused.clear();
        for action in plan(listing, &self.watches.plugins.all(), |identity| used.contains(identity)) {
            let identity = identity(&action);
            match perform(self.client, &action).await {
                Ok(()) => tracing::info!(plugin = identity, did = verb(&action), "a copy of the hub's"),
                // Whether it helps to ask again is seen at the next listing.
                Err(PortError::Refused { reason, .. }) => {
                    tracing::warn!(plugin = identity, reason, "a copy is refused here");
                    self.refused.insert(identity, reason);
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a copy is seen to later");
                    done = false;
                }
            }
        }
        done
    }
}

fn identity(action: &Action) -> String {
    match action {
        Action::Create(copy) | Action::Update { copy, .. } => copy.spec.identity(),
        Action::Drop(seen) => seen.spec.identity(),
    }
}

const fn verb(action: &Action) -> &'static str {
    match action {
        Action::Create(_) => "create",
        Action::Update { .. } => "update",
        Action::Drop(_) => "drop",
    }
}

/// A copy is changed and removed as the very object that was seen: one made anew by somebody else is another.
async fn perform(client: &Client, action: &Action) -> Answer<()> {
    let api: Api<ResourcePlugin> = Api::all(client.clone());
    match action {
        Action::Create(copy) => {
            let what = format!("copying plugin {}", copy.spec.identity());
            match call(&what, api.create(&PostParams::default(), copy)).await {
                Ok(_) | Err(PortError::Exists { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        }
        Action::Update { seen, copy } => {
            let mut annotations = seen.annotations().clone();
            annotations.remove(ANNOTATION_HUB_LEFT);
            if let Some(object) = copy.annotations().get(ANNOTATION_HUB_OBJECT) {
                annotations.insert(ANNOTATION_HUB_OBJECT.to_owned(), object.clone());
            }
            let patch = json_patch(json!([
                {"op": "replace", "path": "/metadata/uid", "value": seen.uid()},
                {"op": "add", "path": "/metadata/annotations", "value": annotations},
                {"op": "add", "path": "/spec", "value": copy.spec},
            ]))?;
            let what = format!("changing the copy of plugin {}", copy.spec.identity());
            call_opt(&what, api.patch(&seen.name_any(), &PatchParams::default(), &patch)).await.map(drop)
        }
        Action::Drop(seen) => {
            let preconditions = Preconditions { uid: seen.uid(), resource_version: None };
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            let what = format!("dropping the copy of plugin {}", seen.spec.identity());
            call_opt(&what, api.delete(&seen.name_any(), &params)).await.map(drop)
        }
    }
}
