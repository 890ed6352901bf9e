//! The life of one resource key as a finite system: two runners that may pause or crash anywhere between decision and deed,
//! admissions that may be answered, dropped or retried, step pods that may fail, be lost, act late or be collected, effects
//! outside that are not atomic with any record, pods that are admitted before the resource is ready, rounds that fail and are
//! undone, refreshes, Sandboxes and records that are deleted. Every write of the record is made by the rules themselves
//! ([`decide`], [`claim`], [`settle`], [`reserve`](mod@reserve)); time is abstract: pauses are over at once, a reservation ends
//! no sooner than its admission, a claim is dead no sooner than its process.
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceInstanceStatus,
        duration::Span,
        instance::{InstanceKey, Phase, Reservation, StepState, Work},
        plugin::{Input, Output, Refresh, ResourcePluginSpec, Runner, Step, ValueFromStep},
    },
    lifecycle::{
        Arrival, ClaimDecision, ReserveDecision, ReserveRequest, Settlement, Standing, claim, decide,
        effect::{Change, Effect},
        observed::{Ages, Evidence, Observed, Plan, Replacement, StepPod, StepPodState, Timers, Use},
        pinned,
        record::{Orders, Record, StepRun},
        reserve, settle,
        snapshot::{Params, Snapshot},
    },
};
use sandbind_wire::message::{ScriptEnd, StepResult};
use stateright::{Model, Property};

/// Incarnations at most.
const NI: usize = 2;
/// Rounds per incarnation at most.
const NR: usize = 2;
const LONG: Duration = Duration::from_secs(3600);

/// One mechanism taken away: the check must then find a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weak {
    Nothing,
    /// Admit without a committed reservation.
    NoReservation,
    /// A reservation may end before its admission is resolved.
    ShortBind,
    /// Any pod seen ends every reservation.
    AnyPodEndsAll,
    /// The pod list may miss live pods.
    StaleList,
    /// The delete decision is written without compare-and-swap.
    BlindDelete,
    /// A step may act without winning the claim.
    UnclaimedStart,
    /// A lost step is written off while it may still act.
    EarlyDead,
    /// The world outside is changed before the record exists.
    EffectBeforeRecord,
    /// A failing delete is forgotten.
    GiveUpDelete,
    /// A failed round is retried without being undone.
    SkipUndo,
    /// The sidecar opens the gate without asking for Ready.
    OpenUnchecked,
    /// An admission during Deleting is granted on the dying incarnation.
    GrantWhileDeleting,
    /// The end of any pod of a run's name counts as the end of the claim's holder.
    AnyPodOfTheName,
    /// Deleting does not wait for attempts that may act.
    DeleteBesideOthers,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) admissions: usize,
    pub(crate) runners: usize,
    pub(crate) fails: u8,
    pub(crate) losts: u8,
    pub(crate) retries: u8,
    pub(crate) refreshes: u8,
    /// Whether the Sandbox or the record may be deleted by a person.
    pub(crate) deletes: u8,
}

#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) weak: Weak,
    pub(crate) bounds: Bounds,
    /// Check that everything drains in one state of this many.
    pub(crate) drain_every: u64,
    snapshot: Snapshot,
}

/// A record as it was read or is: compared by what matters.
#[derive(Clone)]
pub(crate) struct Rec {
    inc: u8,
    deleting: bool,
    status: Arc<ResourceInstanceStatus>,
    key: Arc<str>,
}

impl std::fmt::Debug for Rec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rec({} {} {})", self.inc, self.deleting, self.key)
    }
}
impl PartialEq for Rec {
    fn eq(&self, other: &Self) -> bool {
        (self.inc, self.deleting, &self.key) == (other.inc, other.deleting, &other.key)
    }
}
impl Eq for Rec {}
impl Hash for Rec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.inc, self.deleting, &self.key).hash(state);
    }
}

/// Timestamps, messages and the fence are left out: pauses are over at once. That the fence rises is another test's.
fn rec(inc: u8, deleting: bool, mut status: ResourceInstanceStatus) -> Rec {
    status.since = start();
    status.fence = 0;
    status.next_try = None;
    status.first_failure = None;
    status.last_failure = None;
    status.message = String::new();
    status.conditions = Vec::new();
    status.refreshed_at = status.refreshed_at.map(|_| start());
    status.revision = status.revision.min(1);
    let mut key = format!("{:?}{}{}", status.phase, status.round, u8::from(status.refreshing));
    for reservation in &status.reservations {
        key.push_str(&reservation.id);
    }
    key.push_str(if status.plugin.is_some() { "P" } else { "-" });
    for step in &mut status.steps {
        step.first_at = None;
        step.not_before = None;
        step.last = None;
        if step.work != Work::Create {
            step.failures = 0;
        }
        let state = match step.state {
            StepState::Pending => 'p',
            StepState::Done => 'd',
            StepState::Failed => 'f',
        };
        let letter = step.work.as_str().get(..1).unwrap_or_default();
        key.push_str(&format!(
            " {letter}{}{state}{}{}{}{:?}",
            step.name,
            step.attempt,
            step.failures,
            u8::from(step.claimed),
            step.claim.as_ref().map(|claim| claim.holder.as_str())
        ));
        if let Some(claim) = &mut step.claim {
            claim.at = start();
            claim.fence = 0;
        }
    }
    Rec { inc, deleting, status: Arc::new(status), key: key.into() }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum StepSt {
    Created,
    Running,
    Ok,
    Failed,
    /// Nothing more comes of it: posted, refused, killed.
    Over,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) struct Pod {
    inc: u8,
    round: u8,
    work: Work,
    attempt: u32,
    uid: u8,
    st: StepSt,
    eff: bool,
    /// Whether the API server shows it.
    shown: bool,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Adm {
    Idle,
    Waiting,
    Granted { inc: u8, ready: bool },
    Over,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum User {
    None,
    Gated(u8),
    Opening(u8),
    Live(u8),
    Gone,
}

/// What a runner has decided and not done yet.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Deed {
    Launch(Work, u32),
    Reap(Work, u32),
    Pin,
    Write(Rec, bool),
    Remove,
    Prove,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct View {
    rec: Rec,
    version: u8,
    /// Step pods as they were seen: work, attempt, state, uid.
    pods: Vec<(Work, u32, u8, u8)>,
    dead: Vec<Work>,
    late: bool,
    used: bool,
    deeds: Vec<Deed>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) struct State {
    rec: Option<Rec>,
    version: u8,
    next_inc: u8,
    stored: u8,
    ext: [[bool; NR]; NI],
    pods: Vec<Pod>,
    uids: u8,
    adm: Vec<Adm>,
    users: Vec<User>,
    expired: u8,
    views: Vec<Option<View>>,
    seen: Vec<u8>,
    sandbox_deleted: bool,
    fails: u8,
    losts: u8,
    retries: u8,
    refreshes: u8,
    deletes: u8,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Action {
    AdmStart(u8),
    Reserve(u8),
    Grant(u8),
    AdmTimeout(u8),
    Persist(u8),
    Drop(u8),
    Ask(u8),
    Open(u8),
    UserEnds(u8),
    Expire(u8),
    DeleteSandbox,
    DeleteRecord,
    Think(u8),
    ThinkLate(u8),
    Act(u8),
    Crash(u8),
    Claim(u8),
    Effect(u8),
    Succeed(u8),
    Fail(u8),
    Vanish(u8),
    Die(u8),
    Post(u8),
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn acting(pod: &Pod) -> bool {
    pod.st == StepSt::Running
}

fn uses(user: User, inc: u8) -> bool {
    matches!(user, User::Gated(k) | User::Opening(k) | User::Live(k) if k == inc)
}

fn run_of(inc: u8, round: u8, work: Work, attempt: u32) -> StepRun {
    let step = if work == Work::Delete { "drop" } else { "make" };
    StepRun {
        instance: "r".into(),
        incarnation: inc.to_string(),
        round: u32::from(round) + 1,
        work,
        step: step.into(),
        attempt,
    }
}

fn record(rec: &Rec) -> Record {
    let key = InstanceKey::default();
    let (spec, _) = reserve::begin(key, rec.inc.to_string(), None, &[], start());
    Record {
        name: "r".into(),
        uid: rec.inc.to_string(),
        version: String::new(),
        deleting: rec.deleting,
        orders: Orders::default(),
        spec,
        status: (*rec.status).clone(),
    }
}

fn request(index: u8) -> ReserveRequest {
    ReserveRequest {
        reservation: Reservation { id: index.to_string(), at: start() },
        wanted: BTreeSet::new(),
        owner: None,
        linger_seconds: 0,
    }
}

impl Protocol {
    pub(crate) fn new(weak: Weak, bounds: Bounds, drain_every: u64) -> Self {
        let step = |name: &str, from: Option<&str>| Step {
            name: name.into(),
            script: "x".into(),
            retries: Some(1),
            inputs: from
                .map(|from| Input {
                    name: "x".into(),
                    value_from_step: Some(ValueFromStep { name: from.into(), output: "x".into() }),
                    ..Input::default()
                })
                .into_iter()
                .collect(),
            outputs: Vec::<Output>::new(),
            ..Step::default()
        };
        let refresh = Refresh { every: Span::from_secs(10), steps: vec![step("make", None)] };
        let plugin = ResourcePluginSpec {
            name: "p".into(),
            version: Some("1.0.0".into()),
            description: None,
            runner: Runner::default(),
            params: None,
            create: vec![step("make", None)],
            delete: vec![step("drop", Some("make"))],
            refresh: (bounds.refreshes > 0).then_some(refresh),
            allowed_namespaces: None,
            limits: None,
        };
        let snapshot = Snapshot {
            identity: plugin.identity(),
            uid: "u".into(),
            plugin,
            params: Params::default(),
            routing_key: String::new(),
            delete_override: None,
        };
        Self { weak, bounds, drain_every, snapshot }
    }

    pub(crate) fn clean(state: &State) -> bool {
        state.rec.is_none()
            && state.ext.iter().flatten().all(|e| !e)
            && !state.pods.iter().any(acting)
            && state.adm.iter().all(|a| matches!(a, Adm::Idle | Adm::Over))
            && state.users.iter().all(|u| matches!(u, User::None | User::Gone))
    }

    /// From here, with no more faults, one fresh runner and pods that end, is everything gone at last?
    fn drains(&self, state: &State) -> bool {
        let mut state = state.clone();
        for runner in 0..state.views.len() {
            state.views[runner] = None;
            state.seen[runner] = 0;
        }
        for _ in 0..300 {
            if Self::clean(&state) {
                return true;
            }
            let mut actions = Vec::new();
            self.actions(&state, &mut actions);
            let rank = |action: &Action| match action {
                Action::AdmTimeout(_) => 0,
                Action::Persist(_) => 1,
                Action::UserEnds(_) => 2,
                Action::Expire(_) => 3,
                Action::Claim(_) => 5,
                Action::Effect(_) => 6,
                Action::Succeed(_) => 7,
                Action::Post(_) => 8,
                Action::Act(0) => 9,
                Action::Think(0) => 10,
                Action::Die(_) => 11,
                _ => 99,
            };
            actions.retain(|action| rank(action) < 99);
            actions.sort_by_key(rank);
            let next =
                actions.into_iter().filter_map(|a| self.next_state(&state, a)).find(|next| *next != state);
            let Some(next) = next else { return false };
            state = next;
        }
        false
    }

    fn write(state: &mut State, next: Rec) {
        state.rec = Some(next);
        state.version += 1;
    }

    /// Look at the world and at the record, and decide.
    fn think(&self, state: &mut State, runner: usize, late: bool) -> Option<()> {
        let rec = state.rec.clone()?;
        let round = u8::try_from(rec.status.round - 1).ok()?;
        let mut pods = Vec::new();
        for pod in state.pods.iter().filter(|pod| pod.shown && (pod.inc, pod.round) == (rec.inc, round)) {
            let shown = match pod.st {
                StepSt::Created => 0,
                StepSt::Running | StepSt::Ok | StepSt::Failed => 1,
                StepSt::Over => 2,
            };
            pods.push((pod.work, pod.attempt, shown, pod.uid));
        }
        let holder_acts = |holder: &str| {
            state.pods.iter().any(|pod| pod.uid.to_string() == holder && pod.st != StepSt::Over)
        };
        let dead = rec
            .status
            .steps
            .iter()
            .filter_map(|step| Some((step.work, step.claim.as_ref()?)))
            .filter(|(_, claim)| self.weak == Weak::EarlyDead || !holder_acts(&claim.holder))
            .map(|(work, _)| work)
            .collect();
        self.list(state, runner, rec.inc);
        // The cache may miss what the quorum list shows; only under `StaleList` both do.
        let used = state.users.iter().any(|user| uses(*user, rec.inc));
        let used = used && self.weak != Weak::StaleList;
        let mut view = View { rec, version: state.version, pods, dead, late, used, deeds: Vec::new() };
        view.deeds = self.deeds(state, runner, &view, None);
        state.views[runner] = (!view.deeds.is_empty()).then_some(view);
        Some(())
    }

    fn list(&self, state: &mut State, runner: usize, inc: u8) {
        for index in 0..state.users.len() {
            if uses(state.users[index], inc) {
                state.seen[runner] |= if self.weak == Weak::AnyPodEndsAll { u8::MAX } else { 1 << index };
            }
        }
    }

    fn observed(&self, state: &State, runner: usize, view: &View, proof: Option<bool>) -> Observed {
        let status = &view.rec.status;
        let round = u8::try_from(status.round - 1).unwrap_or_default();
        let seen: BTreeSet<String> = (0..state.users.len())
            .filter(|index| state.seen[runner] & (1 << index) != 0 || self.weak == Weak::NoReservation)
            .map(|index| index.to_string())
            .collect();
        let evidence = |used: bool| {
            if used { vec![Evidence::Pods { count: 1, names: Vec::new() }] } else { Vec::new() }
        };
        let reservations = (0..state.users.len())
            .map(|index| {
                (index.to_string(), if state.expired & (1 << index) == 0 { Duration::ZERO } else { LONG })
            })
            .collect();
        let claims = view
            .dead
            .iter()
            .map(|work| ((*work, run_of(0, 0, *work, 1).step), Duration::from_secs(1_000_000)))
            .collect();
        let step_pods: BTreeMap<StepRun, StepPod> = view
            .pods
            .iter()
            .map(|(work, attempt, shown, uid)| {
                let state = match shown {
                    0 => StepPodState::Starting,
                    1 => StepPodState::Running,
                    _ => StepPodState::Ended,
                };
                let holder = |step: &&sandbind_core::api::instance::StepStatus| {
                    step.work == *work && step.claim.is_some()
                };
                let holder = status.steps.iter().find(holder).and_then(|step| step.claim.as_ref());
                let uid = match (self.weak, holder) {
                    (Weak::AnyPodOfTheName, Some(claim)) => claim.holder.clone(),
                    _ => uid.to_string(),
                };
                let pod = StepPod { uid, state, why: String::new(), age: Duration::ZERO };
                (run_of(view.rec.inc, round, *work, *attempt), pod)
            })
            .collect();
        let bit = usize::from(view.rec.inc) * NR + usize::from(round);
        Observed {
            now: start() + Duration::from_secs(if view.late { 20 } else { 1 }),
            random: 0,
            timers: Timers::default(),
            ages: Ages { reservations, claims, unused: Some(LONG) },
            snapshot: (state.stored & (1 << bit) != 0).then(|| self.snapshot.clone()),
            plan: Plan::Found(Box::new(self.snapshot.clone())),
            replacement: Replacement::None,
            stored: BTreeSet::new(),
            step_pods,
            hint: Use { seen: seen.clone(), evidence: evidence(view.used), ..Use::default() },
            proof: proof.map(|used| Use { seen, evidence: evidence(used), ..Use::default() }),
            may_start: true,
            retry: None,
            sandbox_deleted: state.sandbox_deleted,
            promised: BTreeSet::new(),
        }
    }

    fn deeds(&self, state: &State, runner: usize, view: &View, proof: Option<bool>) -> Vec<Deed> {
        let mut record = record(&view.rec);
        if self.weak == Weak::DeleteBesideOthers {
            for step in &mut record.status.steps {
                if step.work != Work::Delete {
                    step.claim = None;
                }
            }
        }
        let mut deeds = Vec::new();
        for effect in decide::decide(&record, &self.observed(state, runner, view, proof)) {
            match effect {
                Effect::Launch { run } => deeds.push(Deed::Launch(run.work, run.attempt)),
                Effect::Reap { run } => deeds.push(Deed::Reap(run.work, run.attempt)),
                Effect::Pin { .. } => deeds.push(Deed::Pin),
                Effect::ProveUnused => deeds.push(Deed::Prove),
                Effect::Remove { .. } => deeds.push(Deed::Remove),
                Effect::Commit { change: Change::Noted | Change::Pruned | Change::Delivered, .. }
                | Effect::Override { .. }
                | Effect::Adopt { .. }
                | Effect::Deliver { .. }
                | Effect::Withdraw
                | Effect::Wake(_) => {}
                Effect::Commit { change: Change::NextRound, status, .. } if status.round as usize > NR => {}
                Effect::Commit { mut status, change, .. } => {
                    if change == Change::Undoing && self.weak == Weak::SkipUndo {
                        status.phase = Phase::Failed;
                    }
                    deeds.push(Deed::Write(
                        rec(view.rec.inc, view.rec.deleting, *status),
                        change == Change::Deleting,
                    ));
                }
            }
        }
        deeds
    }

    fn act(&self, state: &mut State, runner: usize) -> Option<()> {
        let mut view = state.views[runner].take()?;
        let deed = view.deeds.remove(0);
        let round = u8::try_from(view.rec.status.round - 1).ok()?;
        let bit = usize::from(view.rec.inc) * NR + usize::from(round);
        let same = state.rec.is_some() && state.version == view.version;
        match deed {
            Deed::Launch(work, attempt) => {
                let inc = view.rec.inc;
                let named =
                    |pod: &Pod| (pod.inc, pod.round, pod.work, pod.attempt) == (inc, round, work, attempt);
                if !state.pods.iter().any(|pod| named(pod) && pod.shown) {
                    let uid = state.uids;
                    state.uids += 1;
                    let st = StepSt::Created;
                    state.pods.push(Pod { inc, round, work, attempt, uid, st, eff: false, shown: true });
                }
            }
            Deed::Reap(work, attempt) => {
                // The object goes; a process that acts goes on until it ends (a lost node).
                let inc = view.rec.inc;
                for pod in &mut state.pods {
                    if (pod.inc, pod.round, pod.work, pod.attempt) == (inc, round, work, attempt) {
                        pod.shown = false;
                    }
                }
            }
            Deed::Pin => {
                state.stored |= 1 << bit;
                if same {
                    let status = pinned(&record(&view.rec), &self.snapshot, start());
                    Self::write(state, rec(view.rec.inc, view.rec.deleting, status));
                }
            }
            Deed::Write(next, deletes) => {
                let blind = self.weak == Weak::BlindDelete
                    && deletes
                    && state
                        .rec
                        .as_ref()
                        .is_some_and(|live| live.inc == next.inc && live.status.phase == Phase::Ready);
                if same || blind {
                    Self::write(state, next);
                }
            }
            Deed::Remove => {
                if same {
                    state.rec = None;
                    state.version += 1;
                }
            }
            Deed::Prove => {
                self.list(state, runner, view.rec.inc);
                let used = state.users.iter().any(|user| uses(*user, view.rec.inc));
                let used = used && self.weak != Weak::StaleList;
                view.deeds = self.deeds(state, runner, &view, Some(used));
                if view.deeds.contains(&Deed::Prove) {
                    return None;
                }
            }
        }
        // What is left of a record that moved on is left undone, but for pods to be launched late by a paused runner.
        state.views[runner] = (!view.deeds.is_empty()).then_some(view);
        Some(())
    }

    fn claim(&self, state: &mut State, index: usize) -> Option<()> {
        let pod = state.pods[index].clone();
        let run = run_of(pod.inc, pod.round, pod.work, pod.attempt);
        let decision = state.rec.as_ref().map(|live| {
            claim::claim(&record(live), &run, &self.snapshot, &pod.uid.to_string(), "n", start())
        });
        let mut won = false;
        if let Some(ClaimDecision::Won(status)) = decision {
            let live = state.rec.clone()?;
            Self::write(state, rec(live.inc, live.deleting, *status));
            won = true;
        }
        won |= self.weak == Weak::UnclaimedStart;
        state.pods[index].st = if won { StepSt::Running } else { StepSt::Over };
        Some(())
    }

    fn post(&self, state: &mut State, index: usize) {
        let pod = state.pods[index].clone();
        let run = run_of(pod.inc, pod.round, pod.work, pod.attempt);
        let code = i32::from(pod.st == StepSt::Failed);
        let result = StepResult {
            nonce: "n".into(),
            end: ScriptEnd::Exited { code },
            outputs: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            log: String::new(),
            last_line: String::new(),
            milliseconds: 0,
        };
        let holder = pod.uid.to_string();
        let arrival = Arrival { holder: &holder, result: &result, stored_bytes: 0, now: start(), random: 0 };
        if let Some(live) = state.rec.clone()
            && let Settlement::Commit { status, .. } =
                settle::settle(&record(&live), &run, &self.snapshot, &arrival)
        {
            if self.weak == Weak::GiveUpDelete && pod.work == Work::Delete && code != 0 {
                state.rec = None;
                state.version += 1;
            } else {
                Self::write(state, rec(live.inc, live.deleting, *status));
            }
        }
        state.pods[index].st = StepSt::Over;
    }

    fn reserve(&self, state: &mut State, index: u8) -> Option<()> {
        match state.rec.clone() {
            None => {
                let inc = state.next_inc;
                if usize::from(inc) >= NI {
                    return None;
                }
                if self.weak == Weak::EffectBeforeRecord && !state.ext[usize::from(inc)][0] {
                    state.ext[usize::from(inc)][0] = true;
                    return Some(());
                }
                let (_, status) =
                    reserve::begin(InstanceKey::default(), inc.to_string(), None, &[request(index)], start());
                Self::write(state, rec(inc, false, status));
                state.next_inc += 1;
            }
            Some(live) => {
                if live.status.reservations.iter().any(|open| open.id == index.to_string()) {
                    return None;
                }
                let decision = reserve::reserve(&record(&live), &[request(index)], start());
                let ReserveDecision::Commit { status, .. } = decision else { return None };
                Self::write(state, rec(live.inc, live.deleting, *status));
            }
        }
        Some(())
    }

    fn grant(&self, state: &mut State, index: u8) -> Option<()> {
        let live = state.rec.clone()?;
        let held = live.status.reservations.iter().any(|open| open.id == index.to_string());
        let standing = reserve::standing(&record(&live), &BTreeSet::new(), start());
        let ready = standing == Standing::Ready;
        let weak = self.weak == Weak::GrantWhileDeleting && matches!(standing, Standing::Going { .. });
        let may = matches!(standing, Standing::Ready | Standing::Creating { .. });
        if !(may && (held || self.weak == Weak::NoReservation) || weak) {
            return None;
        }
        state.adm[usize::from(index)] = Adm::Granted { inc: live.inc, ready };
        Some(())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let Bounds { admissions, runners, fails, losts, retries, refreshes, deletes } = self.bounds;
        vec![State {
            rec: None,
            version: 0,
            next_inc: 0,
            stored: 0,
            ext: [[false; NR]; NI],
            pods: Vec::new(),
            uids: 0,
            adm: vec![Adm::Idle; admissions],
            users: vec![User::None; admissions],
            expired: 0,
            views: vec![None; runners],
            seen: vec![0; runners],
            sandbox_deleted: false,
            fails,
            losts,
            retries,
            refreshes,
            deletes,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, adm) in state.adm.iter().enumerate() {
            let i = u8::try_from(index).unwrap();
            match adm {
                Adm::Idle => actions.push(Action::AdmStart(i)),
                Adm::Waiting => actions.extend([Action::Reserve(i), Action::Grant(i), Action::AdmTimeout(i)]),
                Adm::Granted { .. } => actions.extend([Action::Persist(i), Action::Drop(i)]),
                Adm::Over => {}
            }
            match state.users[index] {
                User::Gated(_) => actions.extend([Action::Ask(i), Action::UserEnds(i)]),
                User::Opening(_) => actions.extend([Action::Open(i), Action::UserEnds(i)]),
                User::Live(_) => actions.push(Action::UserEnds(i)),
                User::None | User::Gone => {}
            }
            let held = state
                .rec
                .as_ref()
                .is_some_and(|live| live.status.reservations.iter().any(|open| open.id == i.to_string()));
            let resolved = matches!(adm, Adm::Over | Adm::Idle) || self.weak == Weak::ShortBind;
            if held && resolved && state.expired & (1 << i) == 0 {
                actions.push(Action::Expire(i));
            }
        }
        if state.deletes > 0 && state.rec.as_ref().is_some_and(|live| !live.deleting) {
            actions.extend([Action::DeleteSandbox, Action::DeleteRecord]);
        }
        for runner in 0..state.views.len() {
            let r = u8::try_from(runner).unwrap();
            match &state.views[runner] {
                Some(_) => actions.extend([Action::Act(r), Action::Crash(r)]),
                None if state.rec.is_some() => {
                    actions.push(Action::Think(r));
                    if state.refreshes > 0 {
                        actions.push(Action::ThinkLate(r));
                    }
                }
                None => {}
            }
        }
        for (index, pod) in state.pods.iter().enumerate() {
            let i = u8::try_from(index).unwrap();
            match pod.st {
                StepSt::Created => actions.push(Action::Claim(i)),
                StepSt::Running => {
                    actions.push(if pod.eff { Action::Succeed(i) } else { Action::Effect(i) });
                    if state.fails > 0 {
                        actions.push(Action::Fail(i));
                    }
                    if state.losts > 0 && pod.shown {
                        actions.push(Action::Vanish(i));
                    }
                    if state.losts > 0 || !pod.shown {
                        actions.push(Action::Die(i));
                    }
                }
                StepSt::Ok | StepSt::Failed => actions.push(Action::Post(i)),
                StepSt::Over => {}
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::AdmStart(i) => state.adm[usize::from(i)] = Adm::Waiting,
            Action::AdmTimeout(i) => {
                state.adm[usize::from(i)] = Adm::Over;
                if state.retries > 0 {
                    state.retries -= 1;
                    state.adm[usize::from(i)] = Adm::Idle;
                }
            }
            Action::Reserve(i) => self.reserve(&mut state, i)?,
            Action::Grant(i) => self.grant(&mut state, i)?,
            Action::Persist(i) => {
                let Adm::Granted { inc, ready } = state.adm[usize::from(i)] else { return None };
                state.users[usize::from(i)] = if ready { User::Live(inc) } else { User::Gated(inc) };
                state.adm[usize::from(i)] = Adm::Over;
            }
            Action::Drop(i) => state.adm[usize::from(i)] = Adm::Over,
            Action::Ask(i) => {
                let User::Gated(inc) = state.users[usize::from(i)] else { return None };
                let ready = state.rec.as_ref().is_some_and(|live| {
                    live.inc == inc
                        && reserve::standing(&record(live), &BTreeSet::new(), start()) == Standing::Ready
                });
                if !ready && self.weak != Weak::OpenUnchecked {
                    return None;
                }
                state.users[usize::from(i)] = User::Opening(inc);
            }
            Action::Open(i) => {
                let User::Opening(inc) = state.users[usize::from(i)] else { return None };
                state.users[usize::from(i)] = User::Live(inc);
            }
            Action::UserEnds(i) => state.users[usize::from(i)] = User::Gone,
            Action::Expire(i) => state.expired |= 1 << i,
            Action::DeleteSandbox => {
                state.deletes -= 1;
                state.sandbox_deleted = true;
            }
            Action::DeleteRecord => {
                // A person who deletes the record itself takes it from under its pods: only once there are none.
                let live = state.rec.clone()?;
                if state.users.iter().any(|user| uses(*user, live.inc))
                    || !state.adm.iter().all(|a| matches!(a, Adm::Over | Adm::Idle))
                {
                    return None;
                }
                state.deletes -= 1;
                Self::write(&mut state, Rec { deleting: true, ..live });
            }
            Action::Think(r) => self.think(&mut state, usize::from(r), false)?,
            Action::ThinkLate(r) => {
                state.refreshes -= 1;
                self.think(&mut state, usize::from(r), true)?;
            }
            Action::Act(r) => self.act(&mut state, usize::from(r))?,
            Action::Crash(r) => {
                state.views[usize::from(r)] = None;
                state.seen[usize::from(r)] = 0;
            }
            Action::Claim(i) => self.claim(&mut state, usize::from(i))?,
            Action::Effect(i) => {
                let pod = &mut state.pods[usize::from(i)];
                pod.eff = true;
                let place = &mut state.ext[usize::from(pod.inc)][usize::from(pod.round)];
                match pod.work {
                    Work::Create => *place = true,
                    Work::Delete => *place = false,
                    Work::Refresh => {}
                }
            }
            Action::Succeed(i) => state.pods[usize::from(i)].st = StepSt::Ok,
            Action::Fail(i) => {
                state.fails -= 1;
                state.pods[usize::from(i)].st = StepSt::Failed;
            }
            Action::Vanish(i) => {
                state.losts -= 1;
                state.pods[usize::from(i)].shown = false;
            }
            Action::Die(i) => {
                let pod = &mut state.pods[usize::from(i)];
                if pod.shown {
                    state.losts -= 1;
                }
                pod.st = StepSt::Over;
            }
            Action::Post(i) => self.post(&mut state, usize::from(i)),
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "I1 a running pod's resource exists and is not being destroyed",
                |_, s: &State| {
                    s.users.iter().all(|user| match user {
                        User::Live(k) => s.rec.as_ref().is_some_and(|live| {
                            let round = live.status.round as usize - 1;
                            live.inc == *k
                                && live.status.phase == Phase::Ready
                                && s.ext[usize::from(*k)][round]
                        }),
                        _ => true,
                    })
                },
            ),
            Property::always("I2 the record covers whatever exists or may come to exist", |_, s: &State| {
                let creating = s.pods.iter().filter(|p| acting(p) && p.work == Work::Create && !p.eff);
                let creating = creating.map(|p| (usize::from(p.inc), usize::from(p.round)));
                let exists =
                    (0..NI).flat_map(|k| (0..NR).map(move |r| (k, r))).filter(|(k, r)| s.ext[*k][*r]);
                creating.chain(exists).all(|(k, r)| {
                    s.rec
                        .as_ref()
                        .is_some_and(|x| (usize::from(x.inc), x.status.round as usize - 1) == (k, r))
                })
            }),
            Property::always("I3 one acting attempt", |_, s: &State| {
                s.pods.iter().filter(|p| acting(p)).count() <= 1
            }),
            Property::always("I4 one external object", |_, s: &State| {
                s.ext.iter().flatten().filter(|e| **e).count() <= 1
            }),
            Property::always("I5 everything drains", |m: &Self, s: &State| {
                !fingerprint(s).is_multiple_of(m.drain_every) || m.drains(s)
            }),
            Property::always("I6 no pod waits for an incarnation that is going or gone", |_, s: &State| {
                s.users.iter().all(|user| match user {
                    User::Gated(k) | User::Opening(k) | User::Live(k) => s
                        .rec
                        .as_ref()
                        .is_some_and(|live| live.inc == *k && live.status.phase != Phase::Deleting),
                    User::None | User::Gone => true,
                })
            }),
            Property::always("I15 no delete step beside another that may act", |_, s: &State| {
                let delete = s.pods.iter().any(|p| acting(p) && p.work == Work::Delete);
                !delete || s.pods.iter().all(|p| !acting(p) || p.work == Work::Delete)
            }),
            Property::sometimes("a pod runs", |_, s: &State| {
                s.users.iter().any(|u| matches!(u, User::Live(_)))
            }),
            Property::sometimes("all clean after use", |_, s: &State| {
                s.users.contains(&User::Gone) && Self::clean(s)
            }),
        ]
    }
}
