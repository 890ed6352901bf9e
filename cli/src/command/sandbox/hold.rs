//! `sandbind sandbox retry` and `hold`: annotations that the runner honours.

use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use sandbind_core::api::Sandbox;
use sandbind_wire::name::{ANNOTATION_HOLD, ANNOTATION_RETRY};
use serde_json::{Value, json};

use super::{absent, api, place};
use crate::{
    args::HoldArgs,
    client::Cluster,
    exit::{Failure, Outcome},
    output::Shell,
};

/// A new token each time.
pub(super) async fn retry(cluster: &Cluster, name: &str, shell: &Shell) -> Outcome {
    let sandbox = annotate(cluster, name, ANNOTATION_RETRY, json!(Timestamp::now().to_string())).await?;
    let failed: Vec<String> = sandbox
        .status
        .unwrap_or_default()
        .resources
        .into_iter()
        .filter(|resource| resource.phase == "Failed" || resource.phase == "Undoing")
        .map(|resource| resource.name)
        .collect();
    shell.note(&match failed.as_slice() {
        [] => format!(
            "{}: nothing has failed, so there is nothing to retry; run it again after a round has failed",
            place(cluster, name)
        ),
        names => format!("{}: {} will be tried again", place(cluster, name), names.join(", ")),
    });
    Ok(())
}

/// Until a moment, or no longer.
pub(super) async fn run(cluster: &Cluster, args: &HoldArgs, shell: &Shell) -> Outcome {
    let seconds = i64::try_from(args.duration.as_secs()).unwrap_or(i64::MAX);
    if seconds == 0 {
        annotate(cluster, &args.name, ANNOTATION_HOLD, Value::Null).await?;
        shell.note(&format!("{} is no longer held", place(cluster, &args.name)));
        return Ok(());
    }
    let until = Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).map_err(|error| {
        Failure::usage("WrongDuration", "DURATION", error.to_string(), "hold for a shorter time")
    })?;
    let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    annotate(cluster, &args.name, ANNOTATION_HOLD, json!(until)).await?;
    shell.note(&format!("{} is held until {until}", place(cluster, &args.name)));
    Ok(())
}

async fn annotate(cluster: &Cluster, name: &str, key: &str, value: Value) -> Outcome<Sandbox> {
    let patch = json!({"metadata": {"annotations": {key: value}}});
    match api(cluster).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(sandbox) => Ok(sandbox),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(absent(cluster, name)),
        Err(error) => Err(error.into()),
    }
}
