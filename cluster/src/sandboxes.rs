//! Keeps Sandboxes true: makes those that pods ask for, lets go what is over, prepares what is asked, and says how things are.
//!
//! Level-triggered: every look decides by all that the caches hold, and nothing depends on having seen an event.

mod births;
mod perform;
pub(crate) mod sight;
pub mod touched;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use sandbind_core::{
    api::Span,
    sandbox::{Action, SeenSandbox, decide, decide::Farewell},
};
use sandbind_engine::ports::PortError;
use tokio::sync::watch;

use self::{births::Births, perform::Performer, sight::Sight};
use crate::{mirror::Key, notices::ClusterNotices, records::ClusterRecords, watch::Watches};

/// Changes that come together are one look.
const GATHER: Duration = Duration::from_millis(50);
/// Between two looks at the same sandbox.
const BETWEEN: Duration = Duration::from_millis(500);
/// Until a look that failed is repeated.
const AGAIN: Duration = Duration::from_secs(5);
/// Every sandbox is looked at this often without a reason.
const RESYNC: Duration = Duration::from_secs(300);
/// Looks at the same time.
const AT_ONCE: usize = 8;

/// What the keeper of Sandboxes needs.
pub struct Keeper {
    /// The way to the API server.
    pub client: Client,
    /// What is watched; somebody else runs it.
    pub watches: Arc<Watches>,
    /// Events about Sandboxes.
    pub notices: ClusterNotices,
    /// The time to live of Explicit ones that say none.
    pub default_ttl: Option<Span>,
}

impl Keeper {
    /// Keep Sandboxes true for as long as the future is polled and `leading` says so.
    pub async fn run(self, mut leading: watch::Receiver<bool>) {
        let Self { client, watches, notices, default_ttl } = self;
        let records =
            ClusterRecords::new(client.clone(), watches.system_namespace(), watches.records.clone());
        let performer = Performer { client, records, notices };
        loop {
            if leading.wait_for(|leading| *leading).await.is_err() {
                return;
            }
            watches.synced().await;
            watches.touched.all();
            let lost = async {
                // A sender that is gone leads nobody either.
                let _ = leading.wait_for(|leading| !*leading).await;
            };
            tokio::select! {
                () = lost => {}
                () = keep(&watches, &performer, default_ttl) => {}
            }
        }
    }
}

/// Looks for ever.
async fn keep(watches: &Watches, performer: &Performer, default_ttl: Option<Span>) {
    let mut agenda = Agenda::default();
    let births = Births::default();
    let mut resync = Instant::now() + RESYNC;
    loop {
        let next = agenda.next().unwrap_or(resync).min(resync);
        tokio::select! {
            () = watches.touched.touched() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep_until(next.into()) => {}
        }
        if Instant::now() >= resync {
            resync = Instant::now() + RESYNC;
            watches.touched.all();
        }
        let sight = Sight::new(watches);
        births.seen(&sight);
        let now = Instant::now();
        for key in sight.about(&watches.touched.take()) {
            agenda.touch(key, now);
        }
        let looks = agenda.take(now).into_iter().map(|key| {
            let look = look(&sight, &births, performer, default_ttl, key.clone());
            async { (key, look.await) }
        });
        let looked: Vec<_> = futures::stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
        for (key, again) in looked {
            agenda.looked(key, again);
        }
    }
}

/// One look. Answers when to look again without a reason.
async fn look(
    sight: &Sight<'_>,
    births: &Births,
    performer: &Performer,
    default_ttl: Option<Span>,
    key: Key,
) -> Option<Duration> {
    let view = births.count(&key.name, sight.view(&key)?);
    let records = sight.records(&key, &view);
    let now = Timestamp::now();
    let seen = SeenSandbox {
        name: &key.name,
        view: &view,
        records: &records,
        pods: sight.pods(&key),
        default_ttl,
        now,
    };
    let decision = decide(&seen);
    // Before anything is awaited: the next look counts them.
    for action in &decision.actions {
        if let Action::Prepare(preparation) = action {
            births.begin(preparation);
        }
    }
    // The finalizer changes the revision that later actions would name: those wait for the next look, which the change brings.
    let hold = decision.actions.contains(&Action::Hold);
    for action in decision.actions {
        let later = hold && matches!(action, Action::Delete(_));
        if later {
            continue;
        }
        let lets_go = matches!(action, Action::Release | Action::Delete(Farewell::Unused));
        let performed = async {
            // The caches may be late. Whoever still has a resource is not let go, unless its whole namespace goes.
            let uid = &view.namespace.uid;
            if lets_go && !view.namespace.terminating && performer.has_records(uid, &key.name).await? {
                return Err(PortError::Conflict { what: format!("what is left of sandbox {}", key.name) });
            }
            performer.perform(&key, seen.sandbox(), action).await
        };
        if let Err(error) = performed.await {
            let conflict = matches!(error, PortError::Conflict { .. });
            if !conflict {
                tracing::warn!(
                    namespace = key.namespace,
                    sandbox = key.name,
                    error = &error as &dyn std::error::Error,
                    "a Sandbox is looked at again later"
                );
            }
            return Some(if conflict { BETWEEN } else { AGAIN });
        }
    }
    let wait = decision.again?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// When which sandbox is looked at.
#[derive(Debug, Default)]
struct Agenda {
    due: BTreeMap<Key, Instant>,
    last: BTreeMap<Key, Instant>,
}

impl Agenda {
    fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// As soon as the last look is long enough ago.
    fn touch(&mut self, key: Key, now: Instant) {
        let soonest = self.last.get(&key).map_or(now, |last| now.max(*last + BETWEEN));
        let due = self.due.entry(key).or_insert(soonest);
        *due = soonest.min(*due);
    }

    fn take(&mut self, now: Instant) -> Vec<Key> {
        self.last.retain(|_, last| *last + BETWEEN > now);
        self.due.extract_if(.., |_, due| *due <= now).map(|(key, _)| key).collect()
    }

    fn looked(&mut self, key: Key, again: Option<Duration>) {
        let now = Instant::now();
        if let Some(again) = again {
            let at = now + again.max(BETWEEN);
            let due = self.due.entry(key.clone()).or_insert(at);
            *due = at.min(*due);
        }
        self.last.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_about_one_sandbox_is_looked_at_at_a_steady_pace() {
        let start = Instant::now();
        let key = || Key::new("shop", "pr-1");
        let mut agenda = Agenda::default();
        for _ in 0..100 {
            agenda.touch(key(), start);
        }
        assert_eq!(agenda.take(start), [key()]);
        agenda.looked(key(), None);
        assert_eq!(agenda.next(), None);
        agenda.touch(key(), start);
        agenda.touch(Key::new("shop", "pr-2"), start);
        assert_eq!(agenda.take(start), [Key::new("shop", "pr-2")]);
        assert!(agenda.next().unwrap() >= start + BETWEEN);
        assert_eq!(agenda.take(start + BETWEEN * 4), [key()]);
    }

    #[test]
    fn time_alone_brings_a_look_and_a_change_brings_it_sooner() {
        let key = || Key::new("shop", "pr-1");
        let mut agenda = Agenda::default();
        agenda.looked(key(), Some(Duration::from_secs(3600)));
        let planned = agenda.next().unwrap();
        let later = Instant::now() + BETWEEN * 2;
        agenda.touch(key(), later);
        assert!(agenda.next().unwrap() < planned);
        assert_eq!(agenda.take(later), [key()]);
        assert_eq!(agenda.next(), None);
    }
}
