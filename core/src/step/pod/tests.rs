use k8s_openapi::api::core::v1::Pod;

use super::*;
use crate::api::{instance::Work, plugin::Runner};

fn settings() -> StepSettings {
    StepSettings {
        image: "localhost/sandbind:dev".into(),
        runner_url: "https://10.0.0.1:7443".into(),
        runner_name: "sandbind-plugin-runner.sandbind-system.svc".into(),
        runner_ca: "PEM".into(),
        namespaces: vec!["sandbind-steps".into(), "more".into()],
        image_pull_secrets: vec!["pull".into()],
        start: Duration::from_secs(300),
        margin: Duration::from_secs(60),
    }
}

fn plugin(overlay: &str) -> ResourcePluginSpec {
    ResourcePluginSpec {
        name: "p".into(),
        version: None,
        description: None,
        runner: Runner {
            image: "psql:1".into(),
            namespace: None,
            pod_template_overlay: (!overlay.is_empty()).then(|| overlay.to_owned()),
            ..Runner::default()
        },
        params: None,
        create: vec![Step { name: "provision".into(), ..Step::default() }],
        delete: vec![],
        refresh: None,
        allowed_namespaces: None,
        limits: None,
    }
}

fn run() -> StepRun {
    StepRun {
        instance: "pr-1-db-abc".into(),
        incarnation: "abcdefghijklmnop".into(),
        round: 1,
        work: Work::Create,
        step: "provision".into(),
        attempt: 2,
    }
}

fn made(overlay: &str) -> Value {
    let plugin = plugin(overlay);
    pod(&plugin, &plugin.create[0], &run(), &settings()).unwrap()
}

#[test]
fn a_step_pod_is_the_plugins_image_with_the_agent_as_its_command() {
    insta::assert_json_snapshot!(made(""));
    serde_json::from_value::<Pod>(made("")).unwrap();
}

#[test]
fn an_overlay_adds_and_cannot_take_away() {
    let pod = made(
        "metadata: {labels: {team: db}}\nspec:\n  serviceAccountName: sd\n  activeDeadlineSeconds: 30\n  volumes: [{name: v, emptyDir: {}}]\n  \
         initContainers: [{$patch: replace}, {name: i, image: x}]\n  containers:\n  - name: main\n    resources: {requests: {cpu: 1}}\n    \
         env: [{$patch: replace}, {name: A, value: b}]\n    volumeMounts: [{name: v, mountPath: /v}]\n",
    );
    let at = |pointer: &str| pod.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/metadata/labels/team"), "db");
    assert_eq!(at("/metadata/labels/sandbind.dev~1step"), "provision");
    assert_eq!(at("/spec/activeDeadlineSeconds"), 30);
    assert_eq!(at("/spec/automountServiceAccountToken"), Value::Null);
    assert_eq!(at("/spec/containers/0/resources/requests/cpu"), "1");
    let names = |pointer: &str, key: &str| -> Vec<String> {
        at(pointer).as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/spec/initContainers", "name"), ["i", "sandbind-agent"]);
    assert_eq!(names("/spec/volumes", "name"), ["sandbind-agent", "sandbind-token", "v"]);
    assert_eq!(names("/spec/containers/0/volumeMounts", "mountPath").len(), 3);
    let env = names("/spec/containers/0/env", "name");
    assert!(env.contains(&"A".to_owned()) && env.contains(&"SANDBIND_TOKEN_PATH".to_owned()));
    let files = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    assert!(at("/spec/containers/0/env").as_array().unwrap().iter().any(|item| item["value"] == files));
}

#[test]
fn what_the_overlay_takes_from_secrets_is_named_to_the_agent() {
    let pod = made(
        "spec:\n  volumes: [{name: s, secret: {secretName: x}}, {name: c, configMap: {name: conf}}]\n  containers:\n  - name: main\n    \
         envFrom: [{secretRef: {name: pg}}]\n    env: [{name: LEVEL, value: info}, {name: URL, value: 'x$(PW)'}, {name: PW, valueFrom: {secretKeyRef: {name: a, key: b}}}]\n    \
         volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /c}]\n",
    );
    let env = pod.pointer("/spec/containers/0/env").and_then(Value::as_array).unwrap();
    let value = |name: &str| {
        env.iter().find(|item| item["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value("SANDBIND_REDACT_ENV"), "!LEVEL,*,PW,URL");
    assert_eq!(value("SANDBIND_REDACT_FILES"), "/s");
}

#[test]
fn only_allowed_namespaces_run_steps() {
    let settings = settings();
    let mut plugin = plugin("");
    assert_eq!(namespace(&plugin, &settings).unwrap(), "sandbind-steps");
    plugin.runner.namespace = Some("more".into());
    assert_eq!(namespace(&plugin, &settings).unwrap(), "more");
    plugin.runner.namespace = Some("kube-system".into());
    let problem = namespace(&plugin, &settings).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.place.as_str()),
        ("StepNamespaceNotAllowed", "spec.runner.namespace")
    );
    assert!(pod(&plugin, &plugin.create[0], &run(), &settings).is_err());
}
