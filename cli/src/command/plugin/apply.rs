//! `sandbind plugin apply`.

use kube::api::PostParams;
use sandbind_core::{
    api::ResourcePlugin,
    hub::{Write, guard},
    plugin::{document::as_object, validate, validate_update},
    problem::Problem,
};

use super::{catalog, lacking, source};
use crate::{
    args::{Format, PluginApplyArgs},
    client::Cluster,
    exit::{Failure, Outcome},
    output::Shell,
};

/// Makes the object, or changes what may change of it; warns of what the cluster lacks for it.
pub(super) async fn run(cluster: &Cluster, args: &PluginApplyArgs, shell: &Shell) -> Outcome {
    let mut read = source::checked(&args.file)?;
    read.warnings.iter().for_each(|problem| shell.problem(problem));
    if let Some(namespace) = &args.step_namespace {
        read.plugin.runner.namespace = Some(namespace.clone());
    }
    let wrong: Vec<Problem> = validate(&read.plugin, None).into_iter().filter(Problem::is_error).collect();
    if !wrong.is_empty() {
        return Err(wrong.into());
    }
    let wanted: ResourcePlugin = serde_json::from_value(as_object(&read))?;
    let identity = wanted.spec.identity();
    let api = catalog::api(cluster);
    let refuse = |write: Write<'_>| guard(write).map_or(Ok(()), |problem| Err(Failure::from(problem)));
    let (applied, verb) = match api.get_opt(&read.object_name).await? {
        None => {
            refuse(Write::Create(&wanted))?;
            (api.create(&PostParams::default(), &wanted).await?, "created")
        }
        Some(there) => {
            if there.spec == wanted.spec && holds(&there, &wanted) {
                (there, "unchanged:")
            } else {
                let mut next = wanted.clone();
                next.metadata = there.metadata.clone();
                for (kept, more) in [
                    (&mut next.metadata.labels, &wanted.metadata.labels),
                    (&mut next.metadata.annotations, &wanted.metadata.annotations),
                ] {
                    if let Some(more) = more {
                        kept.get_or_insert_default().extend(more.clone());
                    }
                }
                refuse(Write::Update { old: &there, new: &next })?;
                refuse_changes(&there, &wanted)?;
                (api.replace(&read.object_name, &PostParams::default(), &next).await?, "changed")
            }
        }
    };
    shell.note(&format!("{verb} ResourcePlugin {identity}"));
    if let Some(warning) = lacking::warning(cluster, &applied).await {
        shell.problem(&warning);
    }
    if shell.format() != Format::Human {
        shell.show(&applied, String::new)?;
    }
    Ok(())
}

/// A published version stays as it is.
fn refuse_changes(there: &ResourcePlugin, wanted: &ResourcePlugin) -> Outcome {
    let problems = validate_update(&there.spec, &wanted.spec);
    if problems.is_empty() {
        return Ok(());
    }
    let fields: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    let identity = there.spec.identity();
    Err(Failure::failed(
        "Immutable",
        format!("ResourcePlugin {identity}"),
        format!("`{identity}` is published and exists with other content: {}", fields.join(", ")),
        "publish it under the next version; a plugin without a version is a draft, which may change",
    ))
}

/// Whether the labels and annotations that are wanted are there.
fn holds(there: &ResourcePlugin, wanted: &ResourcePlugin) -> bool {
    let within = |some: &Option<std::collections::BTreeMap<String, String>>, all: &Option<_>| {
        let all: &std::collections::BTreeMap<String, String> = match all {
            Some(all) => all,
            None => return some.as_ref().is_none_or(std::collections::BTreeMap::is_empty),
        };
        some.iter().flatten().all(|(key, value)| all.get(key) == Some(value))
    };
    within(&wanted.metadata.labels, &there.metadata.labels)
        && within(&wanted.metadata.annotations, &there.metadata.annotations)
}
