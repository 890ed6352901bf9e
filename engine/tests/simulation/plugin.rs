//! The plugin of the simulation: `b` needs what `a` writes; each has a delete step of its own.

use sandbind_core::{
    api::{
        Span,
        plugin::{Input, Output, Refresh, ResourcePluginSpec, Runner, Step, ValueFromStep},
    },
    lifecycle::snapshot::{Params, Snapshot},
};

pub(crate) const STEPS: [&str; 2] = ["a", "b"];

fn step(name: &str, from: Option<(&str, &str)>, output: Option<&str>, retries: u32) -> Step {
    let from = from.map(|(step, output)| Input {
        name: output.to_owned(),
        value_from_step: Some(ValueFromStep { name: step.to_owned(), output: output.to_owned() }),
        ..Input::default()
    });
    let output = output.map(|name| Output {
        name: name.to_owned(),
        value_from_path: format!("/tmp/{name}"),
        ..Output::default()
    });
    Step {
        name: name.to_owned(),
        inputs: from.into_iter().collect(),
        outputs: output.into_iter().collect(),
        timeout: Some(Span::from_secs(60)),
        grace: Some(Span::from_secs(10)),
        retries: Some(retries),
        ..Step::default()
    }
}

pub(crate) fn snapshot(retries: u32) -> Snapshot {
    let plugin = ResourcePluginSpec {
        name: "sim".to_owned(),
        version: Some("1.0.0".to_owned()),
        description: None,
        runner: Runner::default(),
        params: None,
        create: vec![
            step("a", None, Some("url"), retries),
            step("b", Some(("a", "url")), Some("id"), retries),
        ],
        delete: vec![step("drop-a", Some(("a", "url")), None, 0), step("drop-b", Some(("b", "id")), None, 0)],
        refresh: Some(Refresh { every: Span::from_secs(180), steps: vec![step("a", None, Some("url"), 0)] }),
        allowed_namespaces: None,
        limits: None,
    };
    Snapshot {
        identity: plugin.identity(),
        uid: "plugin-uid".to_owned(),
        plugin,
        params: Params::default(),
        routing_key: "route".to_owned(),
        delete_override: None,
    }
}
