//! `sandbind plugin list`, `versions`, `get`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sandbind_core::{
    api::{
        MemberCluster, ResourcePlugin,
        plugin::{DEFAULT_TIMEOUT, DRAFT_VERSION, Step},
    },
    hub::hub_of,
};
use serde_json::json;

use super::{
    catalog::{self, Published},
    lacking,
};
use crate::{
    args::Format,
    client::Cluster,
    command::hub::members,
    exit::Outcome,
    output::{Shell, age, table},
};

/// The highest version of each, or all of them.
pub(super) async fn list(cluster: &Cluster, all_versions: bool, shell: &Shell) -> Outcome {
    let all = catalog::all(cluster).await?;
    let clusters = members::readable(cluster).await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, plugin) in &all {
        *counts.entry(&plugin.spec.name).or_default() += 1;
    }
    let several = counts.values().filter(|count| **count > 1).count();
    let mut last = None;
    let shown: Vec<&ResourcePlugin> = all
        .iter()
        .map(|(_, plugin)| plugin)
        .filter(|plugin| {
            let first = last != Some(&plugin.spec.name);
            last = Some(&plugin.spec.name);
            all_versions || first
        })
        .collect();
    if shown.is_empty() && shell.format() == Format::Human {
        shell.note("no plugins");
        return Ok(());
    }
    let list = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePluginList", "items": shown});
    shell.show(&list, || rows(&shown, true, &clusters))?;
    if !all_versions && several > 0 && shell.format() == Format::Human {
        let have = if several == 1 { "1 plugin has".to_owned() } else { format!("{several} plugins have") };
        shell.note(&format!(
            "({have} multiple versions: --all-versions or `sandbind plugin versions NAME` shows them)"
        ));
    }
    Ok(())
}

/// All versions of one.
pub(super) async fn versions(cluster: &Cluster, name: &str, shell: &Shell) -> Outcome {
    let versions: Vec<Published> = catalog::versions(cluster, name).await?;
    let clusters = members::readable(cluster).await?;
    let items: Vec<&ResourcePlugin> = versions.iter().map(|(_, plugin)| plugin).collect();
    let list = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePluginList", "items": items});
    shell.show(&list, || rows(&items, false, &clusters))
}

/// One of them.
pub(super) async fn get(cluster: &Cluster, plugin: &str, shell: &Shell) -> Outcome {
    let plugin = catalog::find(cluster, plugin).await?;
    let clusters = members::readable(cluster).await?;
    shell.show(&plugin, || {
        let now = Timestamp::now();
        let mut text = details(&plugin, now);
        if !clusters.is_empty() {
            text.push('\n');
            text.push_str(&table(&members::HEADS, &members::rows(&clusters, &plugin.spec.identity(), now)));
        }
        text
    })
}

fn version(plugin: &ResourcePlugin) -> String {
    plugin.spec.version.clone().unwrap_or_else(|| DRAFT_VERSION.to_owned())
}

fn accepted(plugin: &ResourcePlugin) -> String {
    let conditions = plugin.status.iter().flat_map(|status| &status.conditions);
    let mut accepted = conditions.filter(|condition| condition.type_ == "Accepted");
    accepted.next().map(|condition| condition.status.clone()).unwrap_or_default()
}

/// A column's head, and its cell for a plugin.
type Column<'a> = (&'a str, Box<dyn Fn(&ResourcePlugin) -> String + 'a>);

/// A table of plugins. On a hub it has the clusters where each is ready, and counts their resources; where there are copies, it has
/// whose each is.
fn rows(plugins: &[&ResourcePlugin], named: bool, clusters: &[MemberCluster]) -> String {
    let copies = plugins.iter().any(|plugin| hub_of(plugin).is_some());
    let now = Timestamp::now();
    let mut columns: Vec<Column<'_>> = Vec::new();
    if named {
        columns.push(("NAME", Box::new(|plugin| plugin.spec.name.clone())));
    }
    columns.push(("VERSION", Box::new(version)));
    if copies {
        columns.push((
            "FROM",
            Box::new(|plugin| if hub_of(plugin).is_some() { "hub" } else { "here" }.to_owned()),
        ));
    }
    columns.push(("ACCEPTED", Box::new(accepted)));
    if !clusters.is_empty() {
        columns.push(("CLUSTERS", Box::new(|plugin| members::ready(clusters, &plugin.spec.identity()))));
    }
    columns.push(("INSTANCES", Box::new(|plugin| instances(plugin, clusters).to_string())));
    columns.push(("AGE", Box::new(move |plugin| age(created(plugin), now))));
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let row = |plugin: &&ResourcePlugin| columns.iter().map(|(_, cell)| cell(plugin)).collect();
    table(&heads, &plugins.iter().map(row).collect::<Vec<Vec<String>>>())
}

fn created(plugin: &ResourcePlugin) -> Option<Timestamp> {
    plugin.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Here and in the clusters of this hub.
fn instances(plugin: &ResourcePlugin, clusters: &[MemberCluster]) -> i64 {
    let here = plugin.status.as_ref().map(|status| status.instances).unwrap_or_default();
    here.saturating_add(members::instances(clusters, &plugin.spec.identity()))
}

fn details(plugin: &ResourcePlugin, now: Timestamp) -> String {
    let spec = &plugin.spec;
    let lines = [
        ("Name", Some(spec.name.clone())),
        ("Version", Some(version(plugin))),
        ("Description", spec.description.clone()),
        ("Age", Some(age(created(plugin), now))),
        ("Copy of", hub_of(plugin).map(|hub| format!("the plugin of hub {hub}"))),
        ("Image", Some(spec.runner.image.clone())),
        ("Namespace", spec.runner.namespace.clone()),
        ("Refresh", spec.refresh.as_ref().map(|refresh| format!("every {}", refresh.every))),
        ("Instances", plugin.status.as_ref().map(|status| status.instances.to_string())),
        ("Lacking", lacking::line(plugin)),
    ];
    let mut text: String = lines
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{:<13}{value}\n", format!("{name}:"))))
        .collect();
    let params: Vec<Vec<String>> = sandbind_core::plugin::params::declared(spec)
        .into_iter()
        .map(|param| {
            let default = match (param.default, param.optional) {
                (Some(_), _) if param.sensitive => "(sensitive)".to_owned(),
                (Some(default), _) => default,
                (None, true) => "(optional)".to_owned(),
                (None, false) => "(required)".to_owned(),
            };
            vec![param.name, default, param.description.unwrap_or_default()]
        })
        .collect();
    if !params.is_empty() {
        text.push('\n');
        text.push_str(&table(&["PARAM", "DEFAULT", "DESCRIPTION"], &params));
    }
    let refresh = spec.refresh.iter().flat_map(|refresh| &refresh.steps);
    let steps: Vec<Vec<String>> = spec
        .create
        .iter()
        .map(|step| step_row("create", step))
        .chain(refresh.map(|step| step_row("refresh", step)))
        .chain(spec.delete.iter().map(|step| step_row("delete", step)))
        .collect();
    if !steps.is_empty() {
        text.push('\n');
        text.push_str(&table(&["PHASE", "STEP", "TIMEOUT", "OUTPUTS"], &steps));
    }
    text
}

fn step_row(phase: &str, step: &Step) -> Vec<String> {
    let outputs: Vec<String> = step
        .outputs
        .iter()
        .map(|output| match output.deliver {
            Some(false) => format!("({}.{})", step.name, output.name),
            _ => format!("{}.{}", step.name, output.name),
        })
        .collect();
    let timeout = step.timeout.unwrap_or(DEFAULT_TIMEOUT).to_string();
    vec![phase.to_owned(), step.name.clone(), timeout, outputs.join(",")]
}
