//! A world in memory that the rules are played against: it may fail, lose, delay and crash; it keeps what is true outside.

use std::{
    collections::{BTreeMap, BTreeSet},
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
        Arrival, ClaimDecision, ReserveDecision, ReserveRequest, Settlement, claim, decide,
        effect::{Change, Effect},
        observed::{Ages, Evidence, Observed, Plan, Replacement, StepPod, StepPodState, Timers, Use},
        pinned,
        record::{Orders, Record, StepRun},
        reserve, settle,
        snapshot::{Params, Snapshot},
    },
    workflow::assignment::{Attempt, Given, assignment},
};
use sandbind_wire::{
    Bytes64,
    message::{ScriptEnd, StepResult},
    name::output_key,
};

/// How a script ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Ok,
    Exit(i32),
    /// Exit 0, an output missing.
    Forgets,
    Deadline,
}

#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) uid: String,
    pub(crate) state: StepPodState,
    /// Whether the API server still has the pod.
    pub(crate) visible: bool,
    pub(crate) born: Duration,
    /// When it won its claim.
    pub(crate) claimed: Option<Duration>,
    /// Until when it can act at most.
    pub(crate) ends: Duration,
    pub(crate) acting: bool,
    pub(crate) affected: bool,
    pub(crate) result: Option<StepResult>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PodState {
    /// Answered, not stored yet (it may never be).
    Answered {
        ready: bool,
    },
    Gated,
    Live,
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct UserPod {
    pub(crate) reservation: String,
    pub(crate) incarnation: String,
    pub(crate) state: PodState,
    /// The admission request ends by then.
    pub(crate) until: Duration,
}

/// One runner's memory: lost when it crashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    reservations: BTreeMap<String, Duration>,
    claims: BTreeMap<(Work, String, u64), Duration>,
    seen: BTreeSet<String>,
    unused: Option<Duration>,
    /// Effects decided on and not performed yet, with the record they were decided on.
    pub(crate) pending: Vec<(Record, Effect)>,
}

pub(crate) struct World {
    pub(crate) clock: Duration,
    pub(crate) record: Option<Record>,
    pub(crate) versions: u64,
    pub(crate) lives: u64,
    pub(crate) plugin: ResourcePluginSpec,
    pub(crate) snapshots: BTreeMap<(String, u32), Snapshot>,
    pub(crate) outputs: BTreeMap<(String, u32), BTreeMap<String, Bytes64>>,
    pub(crate) ever_stored: BTreeMap<(String, u32), BTreeSet<String>>,
    pub(crate) agents: BTreeMap<StepRun, Agent>,
    /// What exists outside: one thing per create step.
    pub(crate) outside: BTreeSet<(String, u32, String)>,
    pub(crate) secret: Option<(String, u64, BTreeSet<String>)>,
    pub(crate) pods: Vec<UserPod>,
    pub(crate) runners: Vec<Memory>,
    pub(crate) sandbox_deleted: bool,
    pub(crate) retry: Option<String>,
    pub(crate) changes: Vec<Change>,
    pub(crate) random: u32,
    pub(crate) uids: u64,
}

const SPEC_TIMEOUT: u64 = 60;

fn step(name: &str, outputs: &[&str], from: &[(&str, &str)]) -> Step {
    Step {
        name: name.to_owned(),
        script: format!("#!/bin/sh\n# {name}"),
        timeout: Some(Span::from_secs(SPEC_TIMEOUT)),
        grace: Some(Span::from_secs(5)),
        outputs: outputs
            .iter()
            .map(|output| Output {
                name: (*output).to_owned(),
                value_from_path: format!("/tmp/{output}"),
                ..Output::default()
            })
            .collect(),
        inputs: from
            .iter()
            .map(|(step, output)| Input {
                name: format!("{step}-{output}"),
                value_from_step: Some(ValueFromStep {
                    name: (*step).to_owned(),
                    output: (*output).to_owned(),
                }),
                ..Input::default()
            })
            .collect(),
        ..Step::default()
    }
}

pub(crate) fn plugin(retries: u32, refresh: bool, graph: bool) -> ResourcePluginSpec {
    let mut create = vec![step("make", &["url"], &[])];
    let mut delete = vec![step("drop", &[], &[("make", "url")])];
    if graph {
        create.push(step("fill", &["rows"], &[("make", "url")]));
        create.push(step("side", &["x"], &[]));
        delete.push(step("undo-side", &[], &[("side", "x")]));
        delete.push(step("sweep", &[], &[("drop", "done")]));
        delete[0].outputs =
            vec![Output { name: "done".into(), value_from_path: "/tmp/done".into(), ..Output::default() }];
    }
    for step in &mut create {
        step.retries = Some(retries);
    }
    ResourcePluginSpec {
        name: "p".to_owned(),
        version: Some("1.0.0".to_owned()),
        description: None,
        runner: Runner::default(),
        params: None,
        create,
        delete,
        refresh: refresh.then(|| Refresh {
            every: Span::from_secs(300),
            steps: vec![step("make", &["url"], &[("make", "url")])],
        }),
        allowed_namespaces: None,
        limits: None,
    }
}

impl World {
    pub(crate) fn new(plugin: ResourcePluginSpec) -> Self {
        Self {
            clock: Duration::ZERO,
            record: None,
            versions: 0,
            lives: 0,
            plugin,
            snapshots: BTreeMap::new(),
            outputs: BTreeMap::new(),
            ever_stored: BTreeMap::new(),
            agents: BTreeMap::new(),
            outside: BTreeSet::new(),
            secret: None,
            pods: Vec::new(),
            runners: vec![Memory::default(), Memory::default()],
            sandbox_deleted: false,
            retry: None,
            changes: Vec::new(),
            random: 1,
            uids: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap().checked_add(self.clock).unwrap()
    }

    fn random(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random
    }

    /// Compare-and-swap, with the API server's own rules.
    fn write(&mut self, read: &Record, status: ResourceInstanceStatus) -> bool {
        let Some(live) = self.record.clone() else { return false };
        if live.uid != read.uid || live.version != read.version {
            return false;
        }
        refuse_illegal(&live.status, &status);
        self.versions += 1;
        self.record = Some(Record { version: self.versions.to_string(), status, ..live });
        true
    }

    // ---- admissions ----

    /// An admission: reserve (or begin), answer. Nothing on refusal.
    pub(crate) fn admit(&mut self) {
        let id = format!("r{}", self.pods.len());
        let request = ReserveRequest {
            reservation: Reservation { id: id.clone(), at: self.now() },
            wanted: BTreeSet::from(["make.url".to_owned()]),
            owner: None,
            linger_seconds: 30,
        };
        let answered = match self.record.clone() {
            None => {
                self.lives += 1;
                let incarnation = format!("life{}", self.lives);
                let key = InstanceKey {
                    namespace: "shop".into(),
                    namespace_uid: "u".into(),
                    sandbox: "pr".into(),
                    resource: "db".into(),
                    scope: None,
                };
                let (spec, status) = reserve::begin(key, incarnation.clone(), None, &[request], self.now());
                self.versions += 1;
                self.record = Some(Record {
                    name: "pr-db".into(),
                    uid: incarnation.clone(),
                    version: self.versions.to_string(),
                    deleting: false,
                    orders: Orders::default(),
                    spec,
                    status,
                });
                Some((incarnation, false))
            }
            Some(record) => match reserve::reserve(&record, &[request], self.now()) {
                ReserveDecision::Commit { status, denied } if denied.is_empty() => {
                    let ready = status.phase == Phase::Ready
                        && reserve::standing(&record, &BTreeSet::from(["make.url".to_owned()]), self.now())
                            == reserve::Standing::Ready;
                    let incarnation = record.spec.incarnation.clone();
                    self.write(&record, *status).then_some((incarnation, ready))
                }
                _ => None,
            },
        };
        if let Some((incarnation, ready)) = answered {
            let until = self.clock + Duration::from_secs(60);
            self.pods.push(UserPod {
                reservation: id,
                incarnation,
                state: PodState::Answered { ready },
                until,
            });
        }
    }

    /// The API server stores the pod, if the request still lives.
    pub(crate) fn store(&mut self, index: usize) {
        let clock = self.clock;
        let Some(pod) = self.pods.get_mut(index) else { return };
        if let PodState::Answered { ready } = pod.state {
            pod.state = match (clock <= pod.until, ready) {
                (false, _) => PodState::Gone,
                (true, true) => PodState::Live,
                (true, false) => PodState::Gated,
            };
        }
    }

    pub(crate) fn drop_admission(&mut self, index: usize) {
        if let Some(pod) =
            self.pods.get_mut(index).filter(|pod| matches!(pod.state, PodState::Answered { .. }))
        {
            pod.state = PodState::Gone;
        }
    }

    /// The sidecar asks, and opens on the runner's word.
    pub(crate) fn ask(&mut self, index: usize) {
        let record = self.record.clone();
        let now = self.now();
        let Some(pod) = self.pods.get_mut(index).filter(|pod| pod.state == PodState::Gated) else { return };
        let Some(record) = record.filter(|record| record.spec.incarnation == pod.incarnation) else { return };
        if reserve::standing(&record, &BTreeSet::from(["make.url".to_owned()]), now)
            == reserve::Standing::Ready
        {
            pod.state = PodState::Live;
        }
    }

    pub(crate) fn end_pod(&mut self, index: usize) {
        if let Some(pod) = self.pods.get_mut(index)
            && matches!(pod.state, PodState::Gated | PodState::Live)
        {
            pod.state = PodState::Gone;
        }
    }

    fn users(&self, record: &Record) -> Vec<&UserPod> {
        self.pods
            .iter()
            .filter(|pod| pod.incarnation == record.spec.incarnation)
            .filter(|pod| matches!(pod.state, PodState::Gated | PodState::Live))
            .collect()
    }

    fn usage(&mut self, runner: usize, record: &Record) -> Use {
        let users: Vec<String> = self.users(record).iter().map(|pod| pod.reservation.clone()).collect();
        self.runners[runner].seen.extend(users.iter().cloned());
        let evidence = match users.len() {
            0 => Vec::new(),
            count => vec![Evidence::Pods { count, names: Vec::new() }],
        };
        Use { seen: self.runners[runner].seen.clone(), evidence, ..Use::default() }
    }

    // ---- runners ----

    pub(crate) fn crash(&mut self, runner: usize) {
        self.runners[runner] = Memory::default();
    }

    pub(crate) fn observe(&mut self, runner: usize, record: &Record, prove: bool) -> Observed {
        let clock = self.clock;
        let hint = self.usage(runner, record);
        let random = self.random();
        let memory = &mut self.runners[runner];
        let age = |first: &mut Duration| clock.saturating_sub(*first);
        memory.unused = if hint.evidence.is_empty() { Some(memory.unused.unwrap_or(clock)) } else { None };
        let reservations = record
            .status
            .reservations
            .iter()
            .map(|open| (open.id.clone(), age(memory.reservations.entry(open.id.clone()).or_insert(clock))))
            .collect();
        let claims = record
            .status
            .steps
            .iter()
            .filter_map(|step| Some((step, step.claim.as_ref()?)))
            .map(|(step, claim)| {
                let key = (step.work, step.name.clone(), claim.fence);
                ((step.work, step.name.clone()), age(memory.claims.entry(key).or_insert(clock)))
            })
            .collect();
        let unused = memory.unused.map(|from| clock.saturating_sub(from));
        let key = (record.spec.incarnation.clone(), record.status.round);
        Observed {
            now: self.now(),
            random,
            timers: Timers::default(),
            ages: Ages { reservations, claims, unused },
            snapshot: self.snapshots.get(&key).cloned(),
            plan: Plan::Found(Box::new(self.live_snapshot())),
            replacement: Replacement::None,
            stored: self
                .outputs
                .get(&key)
                .map(|outputs| outputs.keys().cloned().collect())
                .unwrap_or_default(),
            step_pods: self
                .agents
                .iter()
                .filter(|(_, agent)| agent.visible)
                .map(|(run, agent)| {
                    let pod = StepPod {
                        uid: agent.uid.clone(),
                        state: agent.state,
                        why: String::new(),
                        age: clock.saturating_sub(agent.born),
                    };
                    (run.clone(), pod)
                })
                .collect(),
            proof: prove.then(|| hint.clone()),
            hint,
            may_start: true,
            retry: self.retry.clone(),
            sandbox_deleted: self.sandbox_deleted,
            promised: BTreeSet::new(),
        }
    }

    fn live_snapshot(&self) -> Snapshot {
        Snapshot {
            identity: self.plugin.identity(),
            uid: "plugin".into(),
            plugin: self.plugin.clone(),
            params: Params::default(),
            routing_key: "k".into(),
            delete_override: None,
        }
    }

    /// Read, observe, decide. The effects wait in the runner's memory: it may be paused for any time now.
    pub(crate) fn think(&mut self, runner: usize) -> Vec<Effect> {
        let Some(record) = self.record.clone() else {
            self.runners[runner].pending.clear();
            return Vec::new();
        };
        let seen = self.observe(runner, &record, false);
        let mut effects = decide::decide(&record, &seen);
        if effects.contains(&Effect::ProveUnused) {
            let seen = self.observe(runner, &record, true);
            effects = decide::decide(&record, &seen);
            assert!(!effects.contains(&Effect::ProveUnused), "a proof is asked for once");
        }
        for effect in &effects {
            if let Effect::Wake(after) = effect {
                assert!(!after.is_zero(), "a wake in the past");
            }
        }
        self.runners[runner].pending =
            effects.iter().cloned().map(|effect| (record.clone(), effect)).collect();
        effects
    }

    /// Perform the next decided effect. A refused write drops the rest.
    pub(crate) fn act(&mut self, runner: usize) {
        if self.runners[runner].pending.is_empty() {
            return;
        }
        let (record, effect) = self.runners[runner].pending.remove(0);
        let key = (record.spec.incarnation.clone(), record.status.round);
        match effect {
            Effect::Pin { snapshot } => {
                let stored = self.snapshots.entry(key).or_insert_with(|| (*snapshot).clone()).clone();
                let status = pinned(&record, &stored, self.now());
                if self.write(&record, status) {
                    self.changes.push(Change::Pinned);
                }
                self.runners[runner].pending.clear();
            }
            Effect::Override { .. } => unreachable!("nobody ordered one"),
            Effect::Commit { status, change, .. } => {
                if self.write(&record, *status) {
                    self.changes.push(change);
                }
                self.runners[runner].pending.clear();
            }
            Effect::ProveUnused => unreachable!("proven while thinking"),
            Effect::Launch { run } => {
                self.uids += 1;
                let uid = format!("pod{}", self.uids);
                let born = self.clock;
                // The object may have vanished: then one of the same name is made.
                self.agents.retain(|known, agent| *known != run || agent.visible || agent.acting);
                self.agents.entry(run).or_insert(Agent {
                    uid,
                    state: StepPodState::Starting,
                    visible: true,
                    born,
                    claimed: None,
                    ends: Duration::MAX,
                    acting: false,
                    affected: false,
                    result: None,
                });
            }
            Effect::Reap { run } => {
                // The object goes; a process on an unreachable node may live on to its deadline.
                if let Some(agent) = self.agents.get_mut(&run) {
                    agent.visible = false;
                    if !agent.acting {
                        agent.state = StepPodState::Ended;
                    }
                }
            }
            Effect::Adopt { runs } => {
                for run in runs {
                    let result = self.agents.get(&run).and_then(|agent| agent.result.clone());
                    for (name, value) in result.into_iter().flat_map(|result| result.outputs) {
                        self.outputs
                            .entry(key.clone())
                            .or_default()
                            .insert(output_key(&run.step, &name), value);
                    }
                }
            }
            Effect::Deliver { revision, keys } => {
                for key_ in &keys {
                    assert!(
                        self.outputs.get(&key).is_some_and(|o| o.contains_key(key_)),
                        "{key_} is not stored"
                    );
                }
                self.secret = Some((record.spec.incarnation.clone(), revision, keys));
            }
            Effect::Withdraw => {
                if self.secret.as_ref().is_some_and(|secret| secret.0 == record.spec.incarnation) {
                    self.secret = None;
                }
            }
            Effect::Remove { .. } => {
                let live = self.record.as_ref();
                if live.is_some_and(|live| live.uid == record.uid && live.version == record.version) {
                    self.record = None;
                    self.versions += 1;
                }
                self.runners[runner].pending.clear();
            }
            Effect::Wake(_) => {}
        }
    }

    pub(crate) fn pass(&mut self, runner: usize) -> Vec<Effect> {
        let effects = self.think(runner);
        while !self.runners[runner].pending.is_empty() {
            self.act(runner);
        }
        effects
    }

    // ---- step pods ----

    fn run(&self, index: usize) -> Option<StepRun> {
        let open: Vec<&StepRun> = self
            .agents
            .iter()
            .filter(|(_, a)| a.visible || a.acting || a.claimed.is_some() && a.result.is_some())
            .map(|(run, _)| run)
            .collect();
        if open.is_empty() { None } else { open.get(index % open.len()).map(|run| (*run).clone()) }
    }

    pub(crate) fn agent_starts(&mut self, index: usize) {
        let Some(run) = self.run(index) else { return };
        if let Some(agent) =
            self.agents.get_mut(&run).filter(|agent| agent.visible && agent.state == StepPodState::Starting)
        {
            agent.state = StepPodState::Running;
        }
    }

    pub(crate) fn agent_claims(&mut self, index: usize) {
        let Some(run) = self.run(index) else { return };
        let agent = self.agents.get(&run).unwrap().clone();
        if agent.state != StepPodState::Running || agent.acting || agent.result.is_some() {
            return;
        }
        let refused = |world: &mut Self| {
            let agent = world.agents.get_mut(&run).unwrap();
            agent.state = StepPodState::Ended;
        };
        let Some(record) = self.record.clone() else { return refused(self) };
        let key = (record.spec.incarnation.clone(), record.status.round);
        let Some(snapshot) = self.snapshots.get(&key).cloned() else { return refused(self) };
        match claim::claim(&record, &run, &snapshot, &agent.uid, "nonce", self.now()) {
            ClaimDecision::Won(status) => {
                assert!(self.write(&record, *status));
                let graph = match run.work {
                    Work::Create => &snapshot.plugin.create,
                    Work::Delete => &snapshot.plugin.delete,
                    Work::Refresh => &snapshot.plugin.refresh.as_ref().unwrap().steps,
                };
                let step = graph.iter().find(|step| step.name == run.step).unwrap();
                let outputs = self.outputs.get(&key).cloned().unwrap_or_default();
                let given = Given {
                    plugin: &snapshot.plugin,
                    params: &snapshot.params.0,
                    outputs: &outputs,
                    routing_key: &snapshot.routing_key,
                };
                let attempt = Attempt {
                    spec: &record.spec,
                    round: run.round,
                    work: run.work,
                    step,
                    attempt: run.attempt,
                };
                let told = assignment(&attempt, &given, Duration::ZERO);
                // I11: whatever was ever stored and is asked for is there.
                for input in &step.inputs {
                    let from = input.value_from_step.as_ref().unwrap();
                    let stored = self
                        .ever_stored
                        .get(&key)
                        .is_some_and(|all| all.contains(&output_key(&from.name, &from.output)));
                    let variable = input.name.to_ascii_uppercase().replace('-', "_");
                    assert_eq!(told.env.contains_key(&variable), stored, "{run:?} {variable}");
                }
                let clock = self.clock;
                let agent = self.agents.get_mut(&run).unwrap();
                agent.claimed = Some(clock);
                agent.acting = true;
                agent.ends = clock + Duration::from_secs(told.timeout_seconds + told.grace_seconds);
            }
            ClaimDecision::Again { .. } | ClaimDecision::Wait => {}
            ClaimDecision::Refused(_) => refused(self),
        }
    }

    /// The script does what it is for.
    pub(crate) fn script_acts(&mut self, index: usize) {
        let Some(run) = self.run(index) else { return };
        self.affect(&run);
    }

    fn affect(&mut self, run: &StepRun) {
        let Some(agent) = self.agents.get_mut(run).filter(|agent| agent.acting) else { return };
        agent.affected = true;
        let made = |step: &str| (run.incarnation.clone(), run.round, step.to_owned());
        match run.work {
            Work::Create => {
                self.outside.insert(made(&run.step));
            }
            Work::Delete => match run.step.as_str() {
                "drop" => {
                    self.outside.remove(&made("make"));
                }
                "undo-side" => {
                    self.outside.remove(&made("side"));
                }
                _ => {
                    self.outside.remove(&made("fill"));
                }
            },
            Work::Refresh => {}
        }
        // One delete step may stand for more.
        if run.work == Work::Delete && self.plugin.delete.len() == 1 {
            self.outside.retain(|thing| (&thing.0, thing.1) != (&run.incarnation, run.round));
        }
    }

    pub(crate) fn script_ends(&mut self, index: usize, fate: Fate) {
        let Some(run) = self.run(index) else { return };
        if matches!(fate, Fate::Ok | Fate::Forgets) {
            self.affect(&run);
        }
        let key = (run.incarnation.clone(), run.round);
        let plugin = self.snapshots.get(&key).map(|snapshot| snapshot.plugin.clone());
        let clock = self.clock;
        let Some(agent) = self.agents.get_mut(&run).filter(|agent| agent.acting && agent.result.is_none())
        else {
            return;
        };
        let graph = match (run.work, &plugin) {
            (Work::Create, Some(plugin)) => plugin.create.clone(),
            (Work::Delete, Some(plugin)) => plugin.delete.clone(),
            (Work::Refresh, Some(plugin)) => plugin.refresh.as_ref().unwrap().steps.clone(),
            _ => Vec::new(),
        };
        let step = graph.iter().find(|step| step.name == run.step).unwrap();
        let outputs = step
            .outputs
            .iter()
            .filter(|_| fate != Fate::Forgets && agent.affected)
            .map(|output| {
                (output.name.clone(), Bytes64::from(format!("{}-{}", run.step, run.attempt).as_str()))
            })
            .collect();
        agent.acting = false;
        agent.ends = clock;
        agent.result = Some(StepResult {
            nonce: "nonce".into(),
            end: match fate {
                Fate::Ok | Fate::Forgets => ScriptEnd::Exited { code: 0 },
                Fate::Exit(code) => ScriptEnd::Exited { code },
                Fate::Deadline => ScriptEnd::Deadline,
            },
            outputs,
            unreadable: BTreeMap::new(),
            log: String::new(),
            last_line: "last words".into(),
            milliseconds: 1,
        });
    }

    /// The agent posts its result; `lost_answer`: it is stored and written, and the agent has to post it again.
    pub(crate) fn agent_posts(&mut self, index: usize, lost_answer: bool) {
        let Some(run) = self.run(index) else { return };
        let Some(agent) = self.agents.get(&run).cloned() else { return };
        let Some(result) = agent.result.clone().filter(|_| agent.state == StepPodState::Running) else {
            return;
        };
        if let Some(record) = self.record.clone()
            && let Some(snapshot) = self.snapshots.get(&(run.incarnation.clone(), run.round)).cloned()
        {
            let random = self.random();
            let arrival =
                Arrival { holder: &agent.uid, result: &result, stored_bytes: 0, now: self.now(), random };
            if let Settlement::Commit { status, outputs, .. } =
                settle::settle(&record, &run, &snapshot, &arrival)
            {
                let key = (run.incarnation.clone(), run.round);
                if run.work != Work::Refresh {
                    for (name, value) in outputs {
                        let name = output_key(&run.step, &name);
                        self.ever_stored.entry(key.clone()).or_default().insert(name.clone());
                        self.outputs.entry(key.clone()).or_default().insert(name, value);
                    }
                }
                assert!(self.write(&record, *status));
            }
        }
        if !lost_answer {
            self.agents.get_mut(&run).unwrap().state = StepPodState::Ended;
        }
    }

    /// The pod dies with everything in it (OOM, eviction): no result.
    pub(crate) fn agent_dies(&mut self, index: usize) {
        let Some(run) = self.run(index) else { return };
        if let Some(agent) = self.agents.get_mut(&run) {
            agent.state = StepPodState::Ended;
            agent.acting = false;
            agent.result = None;
        }
    }

    /// The node is lost: the object goes, the process acts on until its own deadline, nobody hears of it.
    pub(crate) fn agent_is_lost(&mut self, index: usize) {
        let Some(run) = self.run(index) else { return };
        if let Some(agent) = self.agents.get_mut(&run) {
            agent.visible = false;
        }
    }

    pub(crate) fn tick(&mut self, by: Duration) {
        // A process acts up to its own deadline, then the agent ends it.
        self.clock += by;
        let clock = self.clock;
        for agent in self.agents.values_mut().filter(|agent| agent.acting && agent.ends <= clock) {
            agent.acting = false;
            if agent.visible && agent.result.is_none() {
                agent.state = StepPodState::Ended;
            }
        }
        for pod in &mut self.pods {
            if matches!(pod.state, PodState::Answered { .. }) && pod.until < clock {
                pod.state = PodState::Gone;
            }
        }
    }

    // ---- what must always hold ----

    pub(crate) fn check(&self) {
        let acting: Vec<&StepRun> =
            self.agents.iter().filter(|(_, agent)| agent.acting).map(|(run, _)| run).collect();
        for pod in &self.pods {
            let record = self.record.as_ref().filter(|record| record.spec.incarnation == pod.incarnation);
            if pod.state == PodState::Live {
                let record = record.expect("I1: a running pod's record exists");
                assert_eq!(record.status.phase, Phase::Ready, "I1: a running pod's resource is Ready");
                for step in &self.plugin.create {
                    let thing = (pod.incarnation.clone(), record.status.round, step.name.clone());
                    assert!(self.outside.contains(&thing), "I1: a running pod's {} exists", step.name);
                }
                let secret = self.secret.as_ref().expect("I1: a running pod's Secret exists");
                assert_eq!(secret.0, pod.incarnation, "I1: and it is of its own incarnation");
            }
            if matches!(pod.state, PodState::Live | PodState::Gated) {
                let record = record.expect("I6: no pod waits for an incarnation that is gone");
                assert_ne!(record.status.phase, Phase::Deleting, "I6: nor for one that is going");
            }
        }
        let creating =
            acting.iter().filter(|run| run.work == Work::Create).map(|run| (&run.incarnation, run.round));
        let covered = self.outside.iter().map(|thing| (&thing.0, thing.1)).chain(creating);
        for (incarnation, round) in covered {
            let record = self.record.as_ref().expect("I2: what exists or may come to exist has a record");
            assert_eq!((&record.spec.incarnation, record.status.round), (incarnation, round), "I2: its own");
        }
        let mut names = BTreeSet::new();
        for run in &acting {
            assert!(names.insert((run.work, &run.step)), "I3: one effectful attempt per step: {run:?}");
        }
        if acting.iter().any(|run| run.work == Work::Delete) {
            assert!(acting.iter().all(|run| run.work == Work::Delete), "I15: {acting:?}");
        }
        let lives: BTreeSet<_> = self.outside.iter().map(|thing| (&thing.0, thing.1)).collect();
        assert!(lives.len() <= 1, "I4: one resource at a time");
    }

    pub(crate) fn clean(&self) -> bool {
        self.record.is_none()
            && self.outside.is_empty()
            && self.secret.is_none()
            && self.agents.values().all(|agent| !agent.acting)
    }

    /// No more faults, no more users: everything goes.
    pub(crate) fn drain(&mut self) {
        for runner in 0..self.runners.len() {
            self.crash(runner);
        }
        for index in 0..self.pods.len() {
            self.store(index);
            self.end_pod(index);
        }
        for _ in 0..400 {
            if self.clean() {
                return;
            }
            self.pass(0);
            self.check();
            for index in 0..self.agents.len() {
                self.agent_starts(index);
                self.agent_claims(index);
                self.script_ends(index, Fate::Ok);
                self.agent_posts(index, false);
                self.check();
            }
            self.settle_down();
            self.tick(Duration::from_secs(30));
        }
        panic!("I5: it does not drain: {:?}\n{:?}", self.record, self.changes);
    }

    /// `decide` comes to rest: with nothing new, a few passes leave nothing to write.
    pub(crate) fn settle_down(&mut self) {
        for _ in 0..40 {
            let effects = self.pass(0);
            let writes = effects.iter().any(|effect| {
                !matches!(
                    effect,
                    Effect::Wake(_) | Effect::Launch { .. } | Effect::Reap { .. } | Effect::Deliver { .. }
                )
            });
            if !writes {
                let again = self.think(0);
                let same =
                    again.iter().all(|effect| matches!(effect, Effect::Wake(_) | Effect::Deliver { .. }));
                assert!(same, "a fixed point: {again:?}");
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.changes);
    }
}

/// What the API server's rules refuse.
fn refuse_illegal(old: &ResourceInstanceStatus, new: &ResourceInstanceStatus) {
    use Phase::{Creating, Deleting, Failed, Ready, Undoing};
    let edges = [
        (Creating, Ready),
        (Creating, Undoing),
        (Creating, Deleting),
        (Ready, Deleting),
        (Undoing, Failed),
        (Failed, Creating),
    ];
    assert!(
        old.phase == new.phase || edges.contains(&(old.phase, new.phase)),
        "{:?} → {:?}",
        old.phase,
        new.phase
    );
    assert!(new.fence >= old.fence, "I8: the fence falls");
    assert!(old.phase == new.phase || new.fence > old.fence, "I8: a change of phase raises the fence");
    assert!(new.revision >= old.revision, "I8: the revision falls");
    assert!(old.wanted.is_subset(&new.wanted), "what was promised stays promised");
    let next_round = old.phase == Failed && new.phase == Creating;
    assert_eq!(new.round, old.round + u32::from(next_round), "I8: rounds rise one by one");
    if !next_round {
        for step in &old.steps {
            let same = new.steps.iter().find(|new| (new.work, &new.name) == (step.work, &step.name));
            let same = same.expect("steps do not disappear");
            assert!(same.attempt >= step.attempt, "I8: attempts rise");
            assert!(same.claimed >= step.claimed, "what may have had an effect stays known");
            assert!(
                same.attempt == step.attempt || same.claim.is_none() || new.fence > old.fence,
                "an attempt raises the fence"
            );
            if step.claim.is_some() && same.claim.is_none() {
                let ended = same.last.as_ref().is_some_and(|last| last.attempt == step.attempt);
                assert!(ended, "a claim goes only with the end of its attempt");
            }
        }
    }
    let steps: BTreeSet<_> = new.steps.iter().map(|step| (step.work, &step.name)).collect();
    assert_eq!(steps.len(), new.steps.len(), "one status per step");
    assert!(new.steps.iter().all(|step| step.claim.is_none() || step.state == StepState::Pending));
}
