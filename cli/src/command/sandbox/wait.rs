//! `sandbind sandbox wait`.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sandbind_core::api::Sandbox;

use super::{
    api,
    holders::{self, Holders},
    place,
    verdict::{Readiness, Removal, Verdict},
};
use crate::{
    args::{Awaited, WaitArgs},
    client::{self, Cluster},
    exit::{Exit, Failure, Outcome},
    output::Shell,
};

/// How long a sandbox that promises nothing is given: a Deployment applied just before has no pod yet.
const EMPTY_FOR: Duration = Duration::from_secs(10);

/// How often holders are looked up while waiting.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Waits for what was asked.
pub(super) async fn run(cluster: &Cluster, args: &WaitArgs, shell: &Shell) -> Outcome {
    let WaitArgs { name, state, timeout, through_failures, allow_empty } = args;
    let place = place(cluster, name);
    let timeout = timeout.duration();
    match state {
        Awaited::Ready => {
            let mut readiness = Readiness::new(&place, name, *through_failures, *allow_empty);
            until(cluster, name, timeout, shell, |sandbox| readiness.look(sandbox)).await?;
            shell.note(&format!("{place} is ready"));
        }
        Awaited::Deleted => deleted(cluster, name, timeout, shell).await?,
    }
    Ok(())
}

/// Follows the sandbox until a look says done or failed, or the time is over.
pub(crate) async fn until(
    cluster: &Cluster,
    name: &str,
    timeout: Duration,
    shell: &Shell,
    mut look: impl FnMut(Option<&Sandbox>) -> Verdict,
) -> Outcome {
    let place = place(cluster, name);
    let end = Instant::now() + timeout;
    let mut empty_since: Option<Instant> = None;
    let mut last = "was not seen yet".to_owned();
    let mut looks = std::pin::pin!(client::follow(api(cluster), name));
    loop {
        let empty_end = empty_since.map(|since| since + EMPTY_FOR);
        let wake = empty_end.map_or(end, |empty_end| empty_end.min(end));
        let seen = tokio::time::timeout_at(wake.into(), looks.next()).await;
        let Ok(Some(seen)) = seen else {
            if empty_end.is_some_and(|empty_end| Instant::now() >= empty_end) && Instant::now() < end {
                return Err(Failure::failed(
                    "NothingPromised",
                    place,
                    "the sandbox has no resource: no pod of it was bound and it prepares none",
                    format!(
                        "check the pods' label `sandbind.dev/sandbox: {name}` and the bindings, or give --allow-empty"
                    ),
                ));
            }
            return Err(late(place, name, timeout, &last));
        };
        match look(seen?.as_ref()) {
            Verdict::Done => return Ok(()),
            Verdict::Failed(problem) => return Err(problem.into()),
            Verdict::Empty => {
                empty_since.get_or_insert_with(Instant::now);
                "nothing is promised".clone_into(&mut last);
            }
            Verdict::Wait(line) => {
                empty_since = None;
                if line != last {
                    shell.progress(&line);
                }
                last = line;
            }
        }
    }
}

fn late(place: String, name: &str, timeout: Duration, last: &str) -> Failure {
    Failure::late(
        place,
        format!("not within {} s; the last look said: {last}", timeout.as_secs()),
        format!("`sandbind sandbox why {name}` tells more; --timeout gives more time"),
    )
}

/// Waits until it is gone; says who holds it, each time that changes, and in the end if the time is over.
pub(crate) async fn deleted(cluster: &Cluster, name: &str, timeout: Duration, shell: &Shell) -> Outcome {
    let place = place(cluster, name);
    let mut removal = Removal::default();
    let waiting = until(cluster, name, timeout, shell, |sandbox| match removal.look(sandbox, &place) {
        Verdict::Empty => Verdict::Wait(String::new()),
        verdict => verdict,
    });
    let watching = async {
        let mut told = Holders::new();
        loop {
            if let Ok(now) = holders::of(cluster, name).await
                && now != told
            {
                if !now.is_empty() {
                    shell.note(&format!("{place} is still used by {}", holders::sentence(&now)));
                }
                told = now;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let outcome = tokio::select! {
        outcome = waiting => outcome,
        never = watching => never,
    };
    match outcome {
        Ok(()) => {
            shell.note(&format!("{place} is gone"));
            Ok(())
        }
        Err(mut failure) if failure.exit == Exit::Late => {
            let holders = holders::of(cluster, name).await.unwrap_or_default();
            if !holders.is_empty() {
                for problem in &mut failure.problems {
                    problem.reason =
                        format!("{}; it is used by {}", problem.reason, holders::sentence(&holders));
                    "scale those down or delete them; the sandbox goes when the last pod is gone"
                        .clone_into(&mut problem.way_out);
                }
            }
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}
