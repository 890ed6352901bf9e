//! `plugin test --executor cluster`: the plugin as a draft of its own, and a throw-away sandbox for each test, in the current context.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use sandbind_core::{
    api::{
        ResourceBinding, ResourceBindingSpec, ResourcePlugin, Sandbox, SandboxSpec, Span,
        binding::BoundResource,
        plugin::{AllowedFrom, AllowedNamespaces, Step},
        sandbox::{OffsetFrom, Ttl},
    },
    problem::Problem,
};
use sandbind_wire::name::output_key;
use serde::Serialize;

use super::suite::{Suite, Test};
use crate::{
    client::{Cluster, unless_gone},
    command::{
        run::{Signals, signaled},
        sandbox::{verdict::Readiness, wait},
    },
    exit::{Exit, Failure, Outcome},
    output::{self, Shell},
};

/// The resource's name.
const RESOURCE: &str = "resource";
/// A test that takes longer has failed. Step timeouts end most of them earlier.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// A sandbox that this process does not come to remove, the plugin runner removes after this. What else it made is then left, and
/// holds nothing: the binding and the draft.
const TTL: Span = Span::from_secs(3600);

/// One test, as it went.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    name: String,
    ok: bool,
    /// Keys of the outputs that pods would get.
    outputs: Vec<String>,
}

/// Lives through every test, and leaves nothing unless `keep`.
pub(super) async fn run(
    cluster: &Cluster,
    plugin: ResourcePlugin,
    suite: &Suite,
    keep: bool,
    shell: &Shell,
) -> Outcome {
    let name = format!("test-{}", sandbind_local::clock::id()?.chars().take(10).collect::<String>());
    if suite.observe.is_some() || suite.list.is_some() || suite.tests.iter().any(|test| test.check.is_some())
    {
        shell.note("`check`, `observe` and `list` are scripts for this machine, and do not run in a cluster");
    }
    let plugins: Api<ResourcePlugin> = Api::all(cluster.client.clone());
    let bindings: Api<ResourceBinding> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PostParams::default();
    let outputs = outputs(&plugin);
    plugins.create(&params, &draft(plugin, &name, &cluster.namespace)).await?;
    let lived = async {
        bindings.create(&params, &binding(&name)).await?;
        let mut signals = Signals::listen()?;
        let (mut told, mut problems) = (Vec::new(), Vec::new());
        for (index, test) in suite.tests.iter().enumerate() {
            let sandbox = format!("{name}-{index}");
            let made = tokio::select! {
                made = make(cluster, &sandbox, test, shell) => made,
                signal = signals.next() => {
                    Err(Failure { exit: Exit::Code(signaled(signal)), problems: Vec::new() })
                }
            };
            if keep && made.is_ok() {
                shell.note(&format!("the sandbox stays; `sandbind sandbox delete {sandbox}` removes it"));
            } else {
                remove(cluster, &sandbox, shell).await?;
            }
            match made {
                Ok(()) => {}
                Err(failure) if failure.exit != Exit::Failed => return Err(failure),
                Err(failure) => {
                    problems.extend(failure.problems.into_iter().map(|problem| placed(problem, test)));
                    told.push(Told { name: test.name.clone(), ok: false, outputs: Vec::new() });
                    continue;
                }
            }
            let missing = missing(test, &outputs);
            told.push(Told { name: test.name.clone(), ok: missing.is_empty(), outputs: outputs.clone() });
            problems.extend(missing);
        }
        Ok((told, problems))
    };
    let lived = Box::pin(lived).await;
    if !(keep && lived.as_ref().is_ok_and(|(_, problems)| problems.is_empty())) {
        let delete = DeleteParams::default();
        // Both are tried whatever becomes of one.
        let (binding, plugin) = (bindings.delete(&name, &delete).await, plugins.delete(&name, &delete).await);
        unless_gone(binding)?;
        unless_gone(plugin)?;
    }
    let (told, problems) = lived?;
    shell.show(&told, || human(&told, problems.is_empty()))?;
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// The plugin under a name that nobody else uses, for this namespace only.
fn draft(mut plugin: ResourcePlugin, name: &str, namespace: &str) -> ResourcePlugin {
    plugin.metadata.name = Some(name.to_owned());
    name.clone_into(&mut plugin.spec.name);
    plugin.spec.version = None;
    let here = labels("kubernetes.io/metadata.name", namespace);
    plugin.spec.allowed_namespaces =
        Some(AllowedNamespaces { from: AllowedFrom::Selector, selector: Some(here) });
    plugin
}

/// What the sandboxes prepare. No pod carries the label that it selects.
fn binding(name: &str) -> ResourceBinding {
    let spec = ResourceBindingSpec {
        selector: labels("sandbind.dev/test", name),
        resources: vec![BoundResource {
            name: RESOURCE.to_owned(),
            plugin: format!("{name}@draft"),
            ..BoundResource::default()
        }],
        ..ResourceBindingSpec::default()
    };
    ResourceBinding::new(name, spec)
}

fn labels(key: &str, value: &str) -> LabelSelector {
    let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

/// Outputs that pods could get. A resource is ready only when all of them have appeared.
fn outputs(plugin: &ResourcePlugin) -> Vec<String> {
    let of_step = |step: &Step| {
        let delivered = step.outputs.iter().filter(|output| output.deliver != Some(false));
        delivered.map(|output| output_key(&step.name, &output.name)).collect::<Vec<_>>()
    };
    plugin.spec.create.iter().flat_map(of_step).collect()
}

/// Makes a sandbox with the resource, and waits until it is ready.
async fn make(cluster: &Cluster, name: &str, test: &Test, shell: &Shell) -> Outcome {
    let sandboxes: Api<Sandbox> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    // What is typed is meant as it is.
    let params = test.params.iter().map(|(name, value)| (name.clone(), value.replace('$', "$$")));
    let spec = SandboxSpec {
        ttl: Some(Ttl { duration: TTL, offset_from: OffsetFrom::CreatedAt }),
        params: BTreeMap::from([(RESOURCE.to_owned(), params.collect())]),
        prepare: vec![RESOURCE.to_owned()],
        ..SandboxSpec::default()
    };
    sandboxes.create(&PostParams::default(), &Sandbox::new(name, spec)).await?;
    let place = format!("Sandbox {}/{name}", cluster.namespace);
    let mut readiness = Readiness::new(&place, name, false, false);
    wait::until(cluster, name, PATIENCE, shell, |sandbox| readiness.look(sandbox)).await
}

/// Deletes the sandbox and waits until its delete steps have run.
async fn remove(cluster: &Cluster, name: &str, shell: &Shell) -> Outcome {
    let sandboxes: Api<Sandbox> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    unless_gone(sandboxes.delete(name, &DeleteParams::default()).await)?;
    wait::deleted(cluster, name, PATIENCE, shell).await
}

/// Outputs that the test expects and the plugin does not deliver. What they hold is not looked at: it is in a Secret.
fn missing(test: &Test, outputs: &[String]) -> Vec<Problem> {
    let missing = test.outputs.keys().filter(|key| !outputs.contains(key));
    missing
        .map(|key| {
            Problem::error(
                "OutputUnexpected",
                format!("test {}, output {key}", test.name),
                "there is no such output",
                "let a create step write it",
            )
        })
        .collect()
}

fn placed(problem: Problem, test: &Test) -> Problem {
    Problem::error(
        &problem.code,
        format!("test {}: {}", test.name, problem.place),
        problem.reason,
        problem.way_out,
    )
}

fn human(told: &[Told], ok: bool) -> String {
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|one| {
            let verdict = if one.ok { "ok" } else { "failed" };
            vec![one.name.clone(), verdict.to_owned(), one.outputs.join(", ")]
        })
        .collect();
    let table = output::table(&["TEST", "RESULT", "OUTPUTS"], &rows);
    format!("{table}{}\n", if ok { "ok" } else { "failed" })
}
