//! What a pass sees besides the record, and what the driver remembers of it from pass to pass.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sandbind_core::{
    api::{
        instance::{Phase, Work},
        plugin::DRAFT_VERSION,
    },
    lifecycle::{
        observed::{Ages, Observed, Plan, Replacement, StepPod, StepPodState, Timers},
        record::{Record, StepRun},
    },
    problem::Problem,
};

use crate::ports::{Answer, Catalog, Clock, Steps, Usage, Values, View, World};

/// What one driver remembers of one record. Losing it only delays: ages begin anew.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The life it is about.
    incarnation: String,
    /// First sight of each open reservation.
    reservations: BTreeMap<String, Duration>,
    /// First sight of each held claim, told apart by attempt and nonce.
    claims: BTreeMap<(Work, String), (u32, String, Duration)>,
    /// Since when no pass has seen evidence of use.
    unused: Option<Duration>,
    /// Runs whose pod was refused: since when, and the reason.
    refused: BTreeMap<StepRun, (Duration, String)>,
    /// A delivery that the record has not confirmed yet: the record it was made for, its revision and keys.
    pub(crate) delivery: Option<(Box<Record>, u64, BTreeSet<String>)>,
    /// The last delivery: when, of which revision and keys.
    pub(crate) delivered: Option<(Duration, u64, BTreeSet<String>)>,
}

impl Memory {
    /// Takes note of the record as it is now.
    pub(crate) fn see(&mut self, record: &Record, now: Duration) {
        if self.incarnation != record.spec.incarnation {
            let incarnation = record.spec.incarnation.clone();
            *self = Self { incarnation, delivery: self.delivery.take(), ..Self::default() };
        }
        let open = &record.status.reservations;
        self.reservations.retain(|id, _| open.iter().any(|reservation| reservation.id == *id));
        for reservation in open {
            self.reservations.entry(reservation.id.clone()).or_insert_with(|| {
                self.unused = None; // Somebody was promised the resource just now.
                now
            });
        }
        let held = record.status.steps.iter().filter_map(|step| {
            let claim = step.claim.as_ref()?;
            let key = (step.work, step.name.clone());
            let since = match self.claims.get(&key) {
                Some((attempt, nonce, since)) if (*attempt, nonce) == (step.attempt, &claim.nonce) => *since,
                _ => now,
            };
            Some((key, (step.attempt, claim.nonce.clone(), since)))
        });
        self.claims = held.collect();
        self.refused.retain(|run, _| {
            record.status.round == run.round
                && record
                    .status
                    .steps
                    .iter()
                    .any(|step| (step.work, &step.name, step.attempt) == (run.work, &run.step, run.attempt))
        });
    }

    /// This program looked away for a while: it cannot say that nobody used the resource meanwhile.
    pub(crate) fn look_away(&mut self) {
        self.unused = None;
    }

    /// Whether the very same was delivered within this time.
    pub(crate) fn has_delivered(
        &self,
        revision: u64,
        keys: &BTreeSet<String>,
        within: Duration,
        now: Duration,
    ) -> bool {
        self.delivered.as_ref().is_some_and(|(at, known_revision, known)| {
            now.saturating_sub(*at) < within && (*known_revision, known) == (revision, keys)
        })
    }

    /// Takes note of a step pod that was refused; answers whether that is news.
    pub(crate) fn refuse(&mut self, run: &StepRun, reason: String, now: Duration) -> bool {
        let since = self.refused.get(run).map(|(since, _)| *since);
        self.refused.insert(run.clone(), (since.unwrap_or(now), reason));
        since.is_none()
    }

    fn use_seen(&mut self, used: bool, now: Duration) {
        self.unused = if used { None } else { self.unused.or(Some(now)) };
    }

    fn ages(&self, now: Duration) -> Ages {
        let age = |since: Duration| now.saturating_sub(since);
        Ages {
            reservations: self.reservations.iter().map(|(id, since)| (id.clone(), age(*since))).collect(),
            claims: self.claims.iter().map(|(key, (_, _, since))| (key.clone(), age(*since))).collect(),
            unused: self.unused.map(age),
        }
    }

    /// A pod that is refused for longer than a pod may take to start is one that never starts.
    fn stand_in(&self, pods: &mut BTreeMap<StepRun, StepPod>, timers: &Timers, now: Duration) {
        for (run, (since, reason)) in &self.refused {
            let age = now.saturating_sub(*since);
            if age >= timers.start {
                pods.entry(run.clone()).or_insert_with(|| StepPod {
                    uid: String::new(),
                    state: StepPodState::Starting,
                    why: reason.clone(),
                    age,
                });
            }
        }
    }
}

/// Sees what this record's phase needs.
pub(crate) async fn observe<W: World>(
    world: &W,
    timers: Timers,
    record: &Record,
    memory: &mut Memory,
    may_start: bool,
) -> Answer<Observed> {
    let clock = world.clock();
    memory.see(record, clock.monotonic());
    let status = &record.status;
    let pinned = status.plugin.is_some() && status.phase != Phase::Failed;
    let snapshot = async {
        if !pinned {
            return Ok(None);
        }
        world.values().snapshot(record, status.round).await
    };
    let stored = async {
        if pinned && matches!(status.phase, Phase::Creating | Phase::Ready) {
            world.values().outputs(record, status.round).await.map(|values| values.into_keys().collect())
        } else {
            Ok(BTreeSet::new())
        }
    };
    let wishes = world.catalog().wishes(&record.spec.key);
    let pods = world.steps().pods(record);
    let (snapshot, stored, plan, replacement) =
        futures::future::try_join4(snapshot, stored, plan(world, record), replacement(world, record)).await?;
    let (wishes, mut step_pods) = futures::future::try_join(wishes, pods).await?;
    // What is seen of users is newer than the record that was read, never older than the last look.
    let hint = world.usage().hint(record);
    let now = clock.monotonic();
    memory.use_seen(!hint.evidence.is_empty(), now);
    memory.stand_in(&mut step_pods, &timers, now);
    Ok(Observed {
        now: clock.now(),
        random: clock.random(),
        timers,
        ages: memory.ages(now),
        snapshot,
        plan,
        replacement,
        stored,
        step_pods,
        hint,
        proof: None,
        may_start,
        retry: wishes.retry,
        sandbox_deleted: wishes.deleted,
        promised: world.usage().promised(record),
    })
}

async fn plan<W: World>(world: &W, record: &Record) -> Answer<Plan> {
    let view = match record.status.phase {
        _ if record.deleting => return Ok(Plan::Unknown),
        Phase::Creating if record.status.plugin.is_none() => View::Fresh,
        Phase::Ready | Phase::Failed => View::Cached,
        _ => return Ok(Plan::Unknown),
    };
    world.catalog().plan(&record.spec, view).await
}

/// Other delete steps: those that an admin ordered, or a draft's current ones once a delete step has failed.
async fn replacement<W: World>(world: &W, record: &Record) -> Answer<Replacement> {
    let status = &record.status;
    if !matches!(status.phase, Phase::Undoing | Phase::Deleting) {
        return Ok(Replacement::None);
    }
    let ordered =
        record.orders.delete_with.as_ref().filter(|order| status.delete_with.as_ref() != Some(order));
    let draft = || {
        let pinned = &status.plugin.as_ref()?.identity;
        let failed = status.steps.iter().any(|step| step.work == Work::Delete && step.failures > 0);
        (failed && pinned.ends_with(&format!("@{DRAFT_VERSION}"))).then_some(pinned)
    };
    let Some(identity) = ordered.or_else(draft) else { return Ok(Replacement::None) };
    Ok(match world.catalog().plugin(identity).await? {
        Some(plugin) => Replacement::Found { identity: identity.clone(), steps: plugin.spec.delete },
        None if ordered.is_none() => Replacement::None,
        None => Replacement::Impossible(Box::new(Problem::error(
            "UnknownPlugin",
            format!("ResourceInstance {}", record.name),
            format!("there is no plugin `{identity}`, whose delete steps are to be used"),
            "apply that plugin, or name another with `sandbind orphans retry`",
        ))),
    })
}
