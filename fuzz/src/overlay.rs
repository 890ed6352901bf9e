//! Overlays: an overlay (or an overlay and what it is laid over), and the step pod that an accepted one makes.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use sandbind_core::{
    api::{
        ResourcePluginSpec,
        instance::Work,
        plugin::{Runner, Step},
    },
    plugin::overlay::{self, merge},
    step::{StepRun, StepSettings, pod},
    yaml,
};
use sandbind_wire::name::{
    AGENT_DIR, CONTAINER_AGENT, CONTAINER_STEP, ENV_RUNNER_URL, TOKEN_DIR, VOLUME_AGENT, VOLUME_TOKEN,
};
use serde_json::{Value, json};

/// The law.
pub fn law(data: &[u8]) {
    let mut parts = super::parts(data);
    let Some(text) = parts.next() else { return };
    merged(text, parts.next().unwrap_or("spec: {containers: [{name: main, image: x}]}"));
    let runner =
        Runner { image: "x".into(), pod_template_overlay: Some(text.to_owned()), ..Runner::default() };
    match overlay::read(&runner) {
        Ok(overlay) => {
            assert!(overlay.is_object(), "accepted and no map: {overlay}");
            made(runner);
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            let outside = |place: &str| !place.starts_with(overlay::PLACE);
            assert!(!problems.iter().any(|problem| outside(&problem.place)), "{problems:?}");
        }
    }
}

/// Of any value laid over any other no directive is left, and over nothing it is itself.
fn merged(overlay: &str, base: &str) {
    let read = |text: &str| yaml::read_first(text, "f").map(|document| document.value);
    let (Ok(overlay), Ok(base)) = (read(overlay), read(base)) else { return };
    let alone = merge(&Value::Null, &overlay);
    super::same(&merge(&Value::Null, &alone), &alone, "what lies over nothing is not itself");
    assert!(!has_field(&alone, &|name, value| name == "$patch" || value.is_null()), "{alone}");
    if base.is_object() {
        super::same(&merge(&base, &json!({})), &base, "nothing changes something");
    }
    let _ = merge(&base, &overlay);
}

/// The step pod of an accepted overlay is a pod, and what the runner puts into it is there.
fn made(runner: Runner) {
    let step = Step { name: "a".into(), script: "x".into(), ..Step::default() };
    let plugin = ResourcePluginSpec {
        name: "p".into(),
        version: None,
        description: None,
        runner,
        params: None,
        create: vec![step.clone()],
        delete: Vec::new(),
        refresh: None,
        allowed_namespaces: None,
        limits: None,
    };
    let run = StepRun {
        instance: "i".into(),
        incarnation: "abcdefghijklmnop".into(),
        round: 1,
        work: Work::Create,
        step: "a".into(),
        attempt: 1,
    };
    let settings = StepSettings {
        image: "agent".into(),
        runner_url: "https://10.0.0.1:7443".into(),
        runner_name: "n".into(),
        runner_ca: "ca".into(),
        namespaces: vec!["steps".into()],
        image_pull_secrets: Vec::new(),
        start: Duration::from_secs(300),
        margin: Duration::from_secs(60),
    };
    let pod = pod(&plugin, &step, &run, &settings).expect("accepted, and no pod can be made");
    assert!(!has_field(&pod, &|name, _| name == "$patch"), "{pod:#}");
    let typed = serde_json::from_value::<Pod>(pod.clone());
    assert!(typed.is_ok(), "no pod: {typed:?}\n{pod:#}");
    let main = named(&pod, "/spec/containers", CONTAINER_STEP);
    super::same(&main["command"], &json!([format!("{AGENT_DIR}/agent")]), "the agent is not what runs");
    let url = named(main, "/env", ENV_RUNNER_URL);
    super::same(&url["value"], &json!("https://10.0.0.1:7443"), "another runner");
    for (volume, path) in [(VOLUME_AGENT, AGENT_DIR), (VOLUME_TOKEN, TOKEN_DIR)] {
        super::same(&named(main, "/volumeMounts", volume)["mountPath"], &json!(path), "mounted elsewhere");
        let volume = named(&pod, "/spec/volumes", volume);
        assert!(["emptyDir", "projected"].iter().any(|kind| volume.get(kind).is_some()), "{volume}");
    }
    let agent = named(&pod, "/spec/initContainers", CONTAINER_AGENT);
    super::same(&agent["image"], &json!("agent"), "another agent");
    super::same(&pod["spec"]["restartPolicy"], &json!("Never"), "it runs again");
    assert!(pod["spec"]["hostNetwork"] != json!(true), "it is on the node's network");
}

/// The one item of a list that has that name.
#[track_caller]
fn named<'v>(value: &'v Value, list: &str, name: &str) -> &'v Value {
    let items = value.pointer(list).and_then(Value::as_array).into_iter().flatten();
    let found: Vec<&Value> = items.filter(|item| item["name"] == name).collect();
    match found.as_slice() {
        [one] => one,
        _ => panic!("{} items `{name}` in {list} of {value:#}", found.len()),
    }
}

fn has_field(value: &Value, holds: &dyn Fn(&str, &Value) -> bool) -> bool {
    match value {
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| holds(name, value) || has_field(value, holds))
        }
        Value::Array(items) => items.iter().any(|item| has_field(item, holds)),
        _ => false,
    }
}
