//! `sandbind plugin delete`.

use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use sandbind_core::{
    api::{ResourceInstance, ResourcePlugin},
    hub::{self, Write},
    problem::Problem,
    version::Wanted,
};

use super::catalog::{self, Published};
use crate::{
    args::PluginDeleteArgs,
    client::Cluster,
    command::hub::members,
    exit::{Failure, Outcome},
    output::Shell,
};

/// Deletes one version, or all of a plugin, unless resources live that they made, here or in a cluster of this hub.
pub(super) async fn run(cluster: &Cluster, args: &PluginDeleteArgs, shell: &Shell) -> Outcome {
    let reference = catalog::reference(&args.plugin)?;
    let versions = catalog::versions(cluster, &reference.name).await?;
    let total = versions.len();
    let doomed: Vec<ResourcePlugin> = if args.all_versions {
        versions.into_iter().map(|(_, plugin)| plugin).collect()
    } else {
        if !args.plugin.contains('@') && total > 1 {
            return Err(ambiguous(&args.plugin, &versions));
        }
        if matches!(reference.wanted, Wanted::Requirement(_)) {
            return Err(Failure::usage(
                "WrongPlugin",
                &args.plugin,
                "a requirement may mean several versions",
                "name the version to delete",
            ));
        }
        vec![catalog::find(cluster, &args.plugin).await?]
    };
    let copies: Vec<Problem> = doomed.iter().filter_map(|plugin| hub::guard(Write::Delete(plugin))).collect();
    if !copies.is_empty() {
        return Err(copies.into());
    }
    if !args.force {
        refuse_in_use(cluster, &doomed).await?;
    }
    for plugin in &doomed {
        catalog::api(cluster).delete(&plugin.name_any(), &DeleteParams::default()).await?;
        shell.note(&format!("deleted ResourcePlugin {}", plugin.spec.identity()));
    }
    let left = total - doomed.len();
    if left > 0 {
        let name = &reference.name;
        shell.note(&format!("{left} other version(s) remain (`sandbind plugin versions {name}` lists them)"));
    }
    Ok(())
}

fn ambiguous(name: &str, versions: &[Published]) -> Failure {
    let there: Vec<String> = versions.iter().map(|(_, plugin)| plugin.spec.identity()).collect();
    Failure::usage(
        "WrongPlugin",
        name,
        format!("there are several versions: {}", there.join(", ")),
        "name the version, or give --all-versions",
    )
}

/// Says which sandboxes hold resources of these versions. Who may not read the records is told the number in the status.
async fn refuse_in_use(cluster: &Cluster, doomed: &[ResourcePlugin]) -> Outcome {
    let records: Api<ResourceInstance> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let records = match records.list(&ListParams::default()).await {
        Ok(list) => Some(list.items),
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => None,
        Err(error) => return Err(error.into()),
    };
    let (clusters, now) = (members::all(cluster).await?, Timestamp::now());
    let mut problems = Vec::new();
    for plugin in doomed {
        let identity = plugin.spec.identity();
        let users: Vec<String> = match &records {
            Some(records) => records
                .iter()
                .filter(|record| {
                    let pinned = record.status.as_ref().and_then(|status| status.plugin.as_ref());
                    pinned.is_some_and(|pinned| pinned.identity == identity)
                })
                .map(|record| format!("{}/{}", record.spec.key.namespace, record.spec.key.sandbox))
                .collect(),
            None => match plugin.status.as_ref().map(|status| status.instances).unwrap_or_default() {
                0 => Vec::new(),
                count => vec![format!("{count} resource(s)")],
            },
        };
        let elsewhere = hub::uses(&clusters, &identity, now);
        let here = (!users.is_empty()).then(|| format!("sandboxes {}", users.join(", ")));
        let by: Vec<String> = here.into_iter().chain(elsewhere).collect();
        if !by.is_empty() {
            problems.push(Problem::error(
                "InUse",
                format!("ResourcePlugin {identity}"),
                format!("it is in use by {}", by.join("; ")),
                "delete those first, or give --force: they carry their own copy of the version",
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}
