//! `sandbind install`: print the objects, or apply them and wait until a labelled pod would be answered.

pub(crate) mod apply;
pub(crate) mod probe;

use crate::{
    args::{Format, Global, InstallArgs},
    client,
    exit::Outcome,
    install::{self, Options},
    output::{self, Shell},
};

/// Prints or applies.
pub(crate) async fn run(global: &Global, args: InstallArgs, shell: &Shell) -> Outcome {
    let InstallArgs { apply, timeout, .. } = args;
    let options = options(global, args);
    let objects = install::render(&options);
    if apply {
        let cluster = client::connect(global).await?;
        return apply::run(&cluster, &options, &objects, timeout.duration(), shell).await;
    }
    match shell.format() {
        Format::Human | Format::Yaml => shell.data(&output::yaml_stream(&objects)),
        Format::Json | Format::Sarif => {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
            shell.data(&serde_json::to_string_pretty(&list)?);
        }
    }
    Ok(())
}

fn options(global: &Global, args: InstallArgs) -> Options {
    let InstallArgs {
        image,
        image_pull_secret,
        step_namespace,
        step_security,
        default_ttl,
        replicas,
        timers,
        webhook_arg,
        runner_arg,
        apply: _,
        timeout: _,
    } = args;
    Options {
        namespace: global.namespace.clone().unwrap_or_else(|| global.system_namespace.clone()),
        step_namespaces: step_namespace,
        image,
        image_pull_secret,
        default_ttl,
        webhook_replicas: replicas,
        runner_replicas: replicas,
        step_security,
        webhook_args: [timers.of_webhook(), webhook_arg].concat(),
        runner_args: [timers.of_runner(), runner_arg].concat(),
    }
}
