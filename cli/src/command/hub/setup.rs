//! `sandbind hub setup`.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    client::Cluster,
    command::install::apply::{apply, established},
    exit::Outcome,
    install::hub,
    output::Shell,
};

/// How long the API server is given to serve the kinds.
const SERVED: Duration = Duration::from_secs(60);

/// Applies what a hub is made of; again, it changes nothing.
pub(super) async fn run(cluster: &Cluster, shell: &Shell) -> Outcome {
    let objects = hub::setup();
    for object in &objects {
        apply(&cluster.client, object, shell).await?;
    }
    let text = |object: &Value, pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let until = Instant::now() + SERVED;
    for kind in objects.iter().filter(|object| text(object, "/kind") == "CustomResourceDefinition") {
        established(&cluster.client, &text(kind, "/metadata/name"), until).await?;
    }
    shell.note("this API server is a hub: `sandbind hub join NAME --hub-context CONTEXT` lets a cluster take its plugins");
    Ok(())
}
