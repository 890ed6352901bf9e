//! `sandbind sandbox wait`.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sandbind_core::api::Sandbox;

use super::{
    api, place,
    verdict::{Readiness, Removal, Verdict},
};
use crate::{
    args::{Awaited, WaitArgs},
    client::{self, Cluster},
    exit::{Failure, Outcome},
    output::Shell,
};

/// How long a sandbox that promises nothing is given: a Deployment applied just before has no pod yet.
const EMPTY_FOR: Duration = Duration::from_secs(10);

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
        Awaited::Deleted => {
            let mut removal = Removal::default();
            until(cluster, name, timeout, shell, |sandbox| removal.look(sandbox, &place)).await?;
            shell.note(&format!("{place} is gone"));
        }
    }
    Ok(())
}

/// Follows the sandbox until a look says done or failed, or the time is over.
pub(super) async fn until(
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
