//! `sandbind sandbox delete`.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;

use super::{
    absent, api,
    holders::{self, Holders},
    place,
    verdict::{Removal, Verdict},
    wait,
};
use crate::{
    args::DeleteArgs,
    client::Cluster,
    exit::{Exit, Outcome},
    output::Shell,
};

/// How often holders are looked up while waiting.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Asks for the deletion of each, then waits for each if told.
pub(super) async fn run(cluster: &Cluster, args: &DeleteArgs, shell: &Shell) -> Outcome {
    let end = Instant::now() + args.timeout.duration();
    for name in &args.names {
        match api(cluster).delete(name, &DeleteParams::default()).await {
            Ok(_) => shell.note(&format!("{} is being deleted", place(cluster, name))),
            Err(kube::Error::Api(status)) if status.code == 404 && args.ignore_not_found => {}
            Err(kube::Error::Api(status)) if status.code == 404 => return Err(absent(cluster, name)),
            Err(error) => return Err(error.into()),
        }
    }
    if args.wait {
        for name in &args.names {
            gone(cluster, name, end.saturating_duration_since(Instant::now()), shell).await?;
        }
    }
    Ok(())
}

/// Waits until it is gone; says who holds it, each time that changes, and in the end if the time is over.
async fn gone(cluster: &Cluster, name: &str, timeout: Duration, shell: &Shell) -> Outcome {
    let place = place(cluster, name);
    let mut removal = Removal::default();
    let waiting = wait::until(cluster, name, timeout, shell, |sandbox| match removal.look(sandbox, &place) {
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
