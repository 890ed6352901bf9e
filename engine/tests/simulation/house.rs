//! One run: a cluster, runners, a kubelet, users; and what must hold on the way and at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use sandbind_core::{
    api::instance::{Phase, Work},
    lifecycle::{observed::Plan, record::StepRun},
};
use sandbind_engine::{
    memory::{Cluster, Faults},
    trace::{Point, Side},
};
use sandbind_wire::{message::Assignment, name::output_key};
use tokio::time::{Instant, sleep};

use crate::{
    agents::{Fate, kubelet},
    outside::Outside,
    plugin,
    runner::{Points, Up, runner},
    users::controller,
};

/// What a run is like.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) runners: usize,
    /// Pods per sandbox.
    pub(crate) sandboxes: Vec<usize>,
    pub(crate) faults: Faults,
    /// Runners that end by chance, per thousand write points.
    pub(crate) crashes: u32,
    /// Attempts that may go wrong.
    pub(crate) mishaps: u32,
    /// Attempts that go wrong in this order, before chance decides.
    pub(crate) script: Vec<(&'static str, Fate)>,
    pub(crate) retries: u32,
    /// Indices of write points at which the runner ends.
    pub(crate) ends_at: BTreeSet<usize>,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) violations: Vec<String>,
    pub(crate) log: Vec<String>,
    pub(crate) points: Vec<(Side, Point)>,
    pub(crate) scripts: BTreeMap<(String, u32, Work, String), u32>,
    pub(crate) served: u32,
}

#[derive(Debug)]
pub(crate) struct House {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) points: Points,
    pub(crate) runners: Mutex<Vec<Option<Up>>>,
    outside: Mutex<Outside>,
    log: Mutex<Vec<String>>,
    script: Mutex<Vec<(&'static str, Fate)>>,
    mishaps: AtomicU32,
    crashes: u32,
    calm: AtomicBool,
    /// Outputs that a runner has accepted: delete steps must get them.
    accepted: Mutex<BTreeSet<(String, u32, String)>>,
    start: Instant,
}

impl House {
    pub(crate) fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap()
    }

    pub(crate) fn log(&self, line: &str) {
        let at = self.start.elapsed().as_secs_f32();
        self.log.lock().unwrap().push(format!("{at:10.3} {line}"));
    }

    pub(crate) fn crash_per_mille(&self) -> u32 {
        if self.calm.load(Ordering::Relaxed) { 0 } else { self.crashes }
    }

    /// How often an admission's pod is never stored.
    pub(crate) fn mishap_per_mille(&self) -> u32 {
        if self.mishaps.load(Ordering::Relaxed) > 0 { 150 } else { 0 }
    }

    pub(crate) fn fate(&self, run: &StepRun) -> Fate {
        let mut script = self.script.lock().unwrap();
        if let Some(at) = script.iter().position(|(step, _)| *step == run.step) {
            return script.remove(at).1;
        }
        let left = self.mishaps.load(Ordering::Relaxed);
        let mut chance = self.cluster.chance();
        if left == 0 || !chance.happens(400) {
            return Fate::Done;
        }
        self.mishaps.store(left - 1, Ordering::Relaxed);
        match chance.below(6) {
            0 => Fate::FailsClean,
            1 => Fate::FailsLate,
            2 => Fate::Again,
            3 => Fate::Dies,
            4 => Fate::Vanishes,
            _ => Fate::NeverStarts,
        }
    }

    /// Whether this run is part of the removal of a resource that was, or might have been, in use.
    pub(crate) fn is_removal(&self, run: &StepRun) -> bool {
        let state = self.cluster.look();
        run.work == Work::Delete
            && state.records.get(&run.instance).is_some_and(|record| record.status.phase == Phase::Deleting)
    }

    /// A runner said that it has what this attempt wrote.
    pub(crate) fn accepted(&self, run: &StepRun, names: impl Iterator<Item = String>) {
        let key = |name: String| (run.incarnation.clone(), run.round, output_key(&run.step, &name));
        self.accepted.lock().unwrap().extend(names.map(key));
    }

    /// A delete step gets what was ever stored (I11).
    pub(crate) fn check_inputs(&self, run: &StepRun, assignment: &Assignment) {
        let (variable, key) = match run.step.as_str() {
            "drop-a" => ("URL", "a.url"),
            "drop-b" => ("ID", "b.id"),
            _ => return,
        };
        let stored =
            self.accepted.lock().unwrap().contains(&(run.incarnation.clone(), run.round, key.to_owned()));
        if stored && !assignment.env.contains_key(variable) {
            self.outside().violations.push(format!("{run:?} does not get {key}, which was stored"));
        }
    }

    /// Anything that is left although nobody uses anything.
    fn left(&self) -> Vec<String> {
        let state = self.cluster.look();
        let outside = self.outside();
        let mut left: Vec<String> = Vec::new();
        left.extend(
            state.records.values().map(|record| format!("record {} in {:?}", record.name, record.status)),
        );
        left.extend(state.snapshots.keys().map(|key| format!("snapshot {key:?}")));
        left.extend(state.outputs.keys().map(|key| format!("outputs {key:?}")));
        left.extend(state.attempts.keys().map(|key| format!("attempt {key:?}")));
        left.extend(state.step_pods.keys().map(|key| format!("step pod {key}")));
        left.extend(state.delivered.keys().map(|key| format!("Secret {key:?}")));
        left.extend(outside.objects.iter().map(|object| format!("object outside {object:?}")));
        left
    }
}

/// Plays the scene to its end.
pub(crate) fn play(scene: &Scene) -> Report {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(Box::pin(scenes(scene.clone())))
}

async fn scenes(scene: Scene) -> Report {
    let (cluster, launched) = Cluster::new(scene.seed, scene.faults);
    let plan = Plan::Found(Box::new(plugin::snapshot(scene.retries)));
    cluster.look().plans.insert("db".to_owned(), plan);
    let house = Arc::new(House {
        cluster,
        points: Points { ends_at: scene.ends_at, ..Points::default() },
        runners: Mutex::new(vec![None; scene.runners]),
        outside: Mutex::default(),
        log: Mutex::default(),
        script: Mutex::new(scene.script),
        mishaps: AtomicU32::new(scene.mishaps),
        crashes: scene.crashes,
        calm: AtomicBool::new(false),
        accepted: Mutex::default(),
        start: Instant::now(),
    });
    tokio::spawn(kubelet(Arc::clone(&house), launched));
    for index in 0..scene.runners {
        tokio::spawn(runner(Arc::clone(&house), index));
    }
    let mut users = tokio::task::JoinSet::new();
    for (sandbox, pods) in scene.sandboxes.iter().enumerate() {
        for _ in 0..*pods {
            users.spawn(controller(Arc::clone(&house), format!("pr-{sandbox}")));
        }
    }
    while let Some(ended) = users.join_next().await {
        ended.unwrap();
    }
    house.log("all pods have ended; no more faults");
    house.calm.store(true, Ordering::Relaxed);
    house.mishaps.store(0, Ordering::Relaxed);
    house.cluster.set_faults(Faults::default());
    for _ in 0..480 {
        if house.left().is_empty() {
            break;
        }
        sleep(Duration::from_secs(30)).await;
    }
    let mut violations = std::mem::take(&mut house.outside().violations);
    violations.extend(house.left().into_iter().map(|left| format!("left behind: {left}")));
    violations.append(&mut house.cluster.look().broken);
    let points = house.points.reached.lock().unwrap().clone();
    let outside = house.outside();
    let log = std::mem::take(&mut *house.log.lock().unwrap());
    Report { violations, log, points, scripts: outside.scripts.clone(), served: outside.served }
}
