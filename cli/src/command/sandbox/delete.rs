//! `sandbind sandbox delete`.

use std::time::Instant;

use kube::api::DeleteParams;

use super::{absent, api, place, wait};
use crate::{args::DeleteArgs, client::Cluster, exit::Outcome, output::Shell};

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
            wait::deleted(cluster, name, end.saturating_duration_since(Instant::now()), shell).await?;
        }
    }
    Ok(())
}
