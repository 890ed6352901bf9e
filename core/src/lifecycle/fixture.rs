//! What the tests of the rules are about: one plugin, one record, one quiet world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use sandbind_wire::{
    Bytes64,
    message::{ScriptEnd, StepResult},
};

use super::{
    Arrival, Settlement, claim::ClaimDecision, effect::Effect, observed::*, pinned, record::*, reserve,
    settle::settle, snapshot::*, steps,
};
use crate::api::{
    Span,
    instance::*,
    plugin::{Input, Output, Refresh, ResourcePluginSpec, Runner, Step, ValueFromStep},
};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `name`, outputs, and inputs as `step.output`.
pub(super) fn step(name: &str, outputs: &[&str], inputs: &[&str]) -> Step {
    let output = |name: &&str| Output {
        name: (*name).to_owned(),
        value_from_path: format!("/tmp/{name}"),
        ..Output::default()
    };
    let input = |from: &&str| {
        let (name, output) = from.split_once('.').unwrap();
        let from = ValueFromStep { name: name.to_owned(), output: output.to_owned() };
        Input { name: format!("{name}-{output}"), value_from_step: Some(from), ..Input::default() }
    };
    Step {
        name: name.to_owned(),
        script: format!("#!/bin/sh\n# {name}\n"),
        outputs: outputs.iter().map(output).collect(),
        inputs: inputs.iter().map(input).collect(),
        timeout: Some(Span::from_secs(60)),
        grace: Some(Span::from_secs(5)),
        ..Step::default()
    }
}

/// `make` → `fill`, and `drop` (takes `make.url`) → `sweep`; refresh of `make` each 5 min.
pub(super) fn snapshot() -> Snapshot {
    let plugin = ResourcePluginSpec {
        name: "pg".to_owned(),
        version: Some("1.0.0".to_owned()),
        description: None,
        runner: Runner::default(),
        params: None,
        create: vec![step("make", &["url"], &[]), step("fill", &["rows"], &["make.url"])],
        delete: vec![step("drop", &["done"], &["make.url"]), step("sweep", &[], &["drop.done"])],
        refresh: Some(Refresh {
            every: Span::from_secs(300),
            steps: vec![step("make", &["url"], &["make.url"])],
        }),
        allowed_namespaces: None,
        limits: None,
    };
    Snapshot {
        identity: plugin.identity(),
        uid: "u".to_owned(),
        plugin,
        params: Params::default(),
        routing_key: "k".to_owned(),
        delete_override: None,
    }
}

pub(super) fn request(id: &str, wanted: &[&str]) -> reserve::ReserveRequest {
    reserve::ReserveRequest {
        reservation: Reservation { id: id.to_owned(), at: at(0) },
        wanted: wanted.iter().map(|key| (*key).to_owned()).collect(),
        owner: None,
        linger_seconds: 60,
    }
}

pub(super) fn unpinned() -> Record {
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "ns".into(),
        sandbox: "pr-1".into(),
        resource: "db".into(),
        scope: None,
    };
    let (spec, status) = reserve::begin(key, "life".into(), None, &[request("r1", &["make.url"])], at(0));
    Record {
        name: "pr-1-db".into(),
        uid: "uid".into(),
        version: "1".into(),
        deleting: false,
        orders: Orders::default(),
        spec,
        status,
    }
}

/// Creating, pinned, nothing begun.
pub(super) fn creating() -> Record {
    let record = unpinned();
    Record { status: pinned(&record, &snapshot(), at(0)), ..record }
}

/// A record in this phase whose create steps are done.
pub(super) fn in_phase(phase: Phase) -> Record {
    let mut record = creating();
    record.status.phase = phase;
    for step in &mut record.status.steps {
        step.state = StepState::Done;
        step.claimed = true;
    }
    if matches!(phase, Phase::Undoing | Phase::Deleting) {
        record.status.steps.push(steps::fresh(Work::Delete, "drop"));
        record.status.steps.push(steps::fresh(Work::Delete, "sweep"));
    }
    if phase == Phase::Ready {
        record.status.revision = 1;
        record.status.refreshed_at = Some(at(0));
        record.status.delivered = BTreeSet::from(["make.url".to_owned()]);
    }
    super::conditions::update(&mut record.status, at(0));
    record
}

/// Used by one pod, nothing else to see.
pub(super) fn quiet(now: i64) -> Observed {
    Observed {
        now: at(now),
        random: 0,
        timers: Timers::default(),
        ages: Ages { reservations: BTreeMap::from([("r1".to_owned(), secs(10))]), ..Ages::default() },
        snapshot: Some(snapshot()),
        plan: Plan::Unknown,
        replacement: Replacement::None,
        stored: BTreeSet::new(),
        step_pods: BTreeMap::new(),
        hint: Use {
            seen: BTreeSet::from(["r1".to_owned()]),
            evidence: vec![Evidence::Pods { count: 1, names: vec!["p".into()] }],
            ..Use::default()
        },
        proof: None,
        may_start: true,
        retry: None,
        sandbox_deleted: false,
        promised: BTreeSet::new(),
    }
}

/// Nobody uses it, for a long time.
pub(super) fn unused(now: i64) -> Observed {
    let quiet = quiet(now);
    Observed {
        hint: Use { evidence: Vec::new(), ..quiet.hint.clone() },
        ages: Ages { unused: Some(secs(3600)), ..quiet.ages.clone() },
        ..quiet
    }
}

pub(super) fn run(work: Work, step: &str, attempt: u32) -> StepRun {
    StepRun {
        instance: "pr-1-db".into(),
        incarnation: "life".into(),
        round: 1,
        work,
        step: step.into(),
        attempt,
    }
}

pub(super) fn pod(state: StepPodState, age: u64, why: &str) -> StepPod {
    StepPod { uid: "p1".into(), state, why: why.into(), age: secs(age) }
}

/// The record after a claim of this step's current attempt was won.
pub(super) fn claimed(record: &Record, work: Work, step: &str, now: i64) -> Record {
    let attempt = steps::find(&record.status, work, step).unwrap().attempt;
    let won = super::claim(record, &run(work, step, attempt), &snapshot(), "p1", "n", at(now));
    let ClaimDecision::Won(status) = won else { panic!("{won:?}") };
    Record { status: *status, ..record.clone() }
}

pub(super) fn result(end: ScriptEnd, outputs: &[&str]) -> StepResult {
    StepResult {
        nonce: "n".into(),
        end,
        outputs: outputs.iter().map(|name| ((*name).to_owned(), Bytes64::from("v"))).collect(),
        unreadable: BTreeMap::new(),
        log: String::new(),
        last_line: "boom".into(),
        milliseconds: 1,
    }
}

pub(super) fn exit(code: i32) -> ScriptEnd {
    ScriptEnd::Exited { code }
}

/// What becomes of a result of the step's current attempt.
pub(super) fn settled(record: &Record, work: Work, step: &str, result: &StepResult, now: i64) -> Settlement {
    let attempt = steps::find(&record.status, work, step).unwrap().attempt;
    let arrival = Arrival { holder: "p1", result, stored_bytes: 0, now: at(now), random: 0 };
    settle(record, &run(work, step, attempt), &snapshot(), &arrival)
}

/// The record after a result counted.
pub(super) fn ended(
    record: &Record,
    work: Work,
    step: &str,
    end: ScriptEnd,
    outputs: &[&str],
    now: i64,
) -> Record {
    let settled = settled(record, work, step, &result(end, outputs), now);
    let Settlement::Commit { status, .. } = settled else { panic!("{settled:?}") };
    Record { status: *status, ..record.clone() }
}

/// The one commit among these effects.
pub(super) fn commit(effects: &[Effect]) -> (super::effect::Change, &ResourceInstanceStatus) {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Commit { status, change, .. } => Some((*change, &**status)),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no commit in {effects:?}"))
}

pub(super) fn launches(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Launch { run } => Some(run.step.as_str()),
            _ => None,
        })
        .collect()
}
