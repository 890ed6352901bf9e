//! The kubelet of step pods, with agents that may never start, fail, be lost or act on until their deadline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sandbind_core::{api::instance::Work, lifecycle::observed::StepPodState};
use sandbind_engine::{desk::DeskError, memory::Launched};
use sandbind_wire::message::{Assignment, ClaimAnswer, ClaimRequest, ResultAnswer, ScriptEnd, StepResult};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::{house::House, runner::ask};

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// Exit 1 before it did anything.
    FailsClean,
    /// Exit 1 after it did everything.
    FailsLate,
    /// Exit 75.
    Again,
    /// Ends without a word, its effect done or not.
    Dies,
    /// Acts until its own deadline, and nobody hears of it.
    Vanishes,
    /// The pod never starts.
    NeverStarts,
}

pub(crate) async fn kubelet(house: Arc<House>, mut launched: mpsc::UnboundedReceiver<Launched>) {
    while let Some(pod) = launched.recv().await {
        tokio::spawn(agent(Arc::clone(&house), pod));
    }
}

async fn agent(house: Arc<House>, pod: Launched) {
    let fate = house.fate(&pod.run);
    house.log(&format!("{} is to be: {fate:?}", pod.caller.pod_name));
    let start = house.cluster.chance().up_to(Duration::from_secs(4));
    sleep(start).await;
    if fate == Fate::NeverStarts {
        return;
    }
    set(&house, &pod, StepPodState::Running);
    let nonce = house.cluster.look().id("nonce-");
    if let Some(assignment) = claim(&house, &pod, &nonce).await {
        let since = Instant::now();
        house.outside().begin(&pod.run, house.is_removal(&pod.run));
        house.check_inputs(&pod.run, &assignment);
        let end = act(&house, &pod, &assignment, since, fate).await;
        house.outside().end(&pod.run);
        if let Some(code) = end {
            post(&house, &pod, nonce, code).await;
        }
    }
    if fate != Fate::Vanishes {
        set(&house, &pod, StepPodState::Ended);
    }
}

/// Sets the state of the pod, if it is still the same pod.
fn set(house: &House, pod: &Launched, state: StepPodState) {
    house.cluster.change(&pod.run.instance, |cluster| {
        if let Some(object) = cluster.step_pods.get_mut(&pod.caller.pod_name)
            && object.uid == pod.caller.pod_uid
        {
            object.state = state;
        }
    });
}

/// No agent waits longer for one answer: a claim must not be much older than its holder thinks.
const REQUEST: Duration = Duration::from_secs(45);

async fn claim(house: &House, pod: &Launched, nonce: &str) -> Option<Assignment> {
    let request = ClaimRequest { nonce: nonce.to_owned() };
    for _ in 0..200 {
        let asked = ask(house, async |desk| desk.claim(&pod.caller, &request).await);
        match timeout(REQUEST, asked).await.ok().flatten() {
            Some(Ok(ClaimAnswer::Run(assignment))) => return Some(*assignment),
            Some(Ok(ClaimAnswer::Refused { .. }) | Err(DeskError::Foreign { .. })) => return None,
            Some(Ok(ClaimAnswer::Wait)) => {}
            Some(Err(_)) | None => sleep(Duration::from_secs(1)).await,
        }
    }
    None
}

/// Runs the script; answers its exit code, if anybody is to hear of it.
async fn act(
    house: &House,
    pod: &Launched,
    assignment: &Assignment,
    since: Instant,
    fate: Fate,
) -> Option<i32> {
    let some = || house.cluster.chance().up_to(Duration::from_secs(5));
    let (before, after) = (some(), some());
    sleep(before).await;
    match fate {
        Fate::FailsClean => return Some(1),
        Fate::Again => return Some(75),
        Fate::Dies if house.cluster.chance().happens(500) => return None,
        _ => {}
    }
    if fate == Fate::Vanishes {
        // The effect comes as late as the agent's own deadline lets it.
        let seconds = assignment.timeout_seconds + assignment.grace_seconds;
        tokio::time::sleep_until(since + Duration::from_secs(seconds)).await;
        house.outside().effect(&pod.run);
        return None;
    }
    house.outside().effect(&pod.run);
    sleep(after).await;
    match fate {
        Fate::FailsLate => Some(1),
        Fate::Dies => None,
        _ => Some(0),
    }
}

/// Posts until it is accepted, as agents do.
async fn post(house: &House, pod: &Launched, nonce: String, code: i32) {
    let output = match (pod.run.work, pod.run.step.as_str()) {
        (Work::Delete, _) => None,
        (_, "a") => Some("url"),
        _ => Some("id"),
    };
    let value = format!("{}-{}-{}", pod.run.work.as_str(), pod.run.step, pod.run.attempt);
    let outputs: BTreeMap<_, _> =
        output.into_iter().map(|name| (name.to_owned(), value.as_str().into())).collect();
    let result = StepResult {
        nonce,
        end: ScriptEnd::Exited { code },
        outputs: outputs.clone(),
        unreadable: BTreeMap::new(),
        log: String::new(),
        last_line: "boom".to_owned(),
        milliseconds: 1,
    };
    for _ in 0..500 {
        match ask(house, async |desk| desk.result(&pod.caller, &result).await).await {
            Some(Ok(ResultAnswer::Accepted)) => return house.accepted(&pod.run, outputs.into_keys()),
            Some(Ok(ResultAnswer::Stale) | Err(DeskError::Foreign { .. })) => return,
            Some(Err(_)) | None => sleep(Duration::from_secs(1)).await,
        }
    }
}
