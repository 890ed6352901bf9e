use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::binding::{Namespace, Plugins};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn plugin_object(change: &Value) -> ResourcePlugin {
    let mut object = json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": "pg-1.0.0", "generation": 3},
        "spec": {"name": "pg", "version": "1.0.0", "runner": {"image": "i"},
            "create": [{"name": "make", "script": "#!/bin/sh\n", "outputs": [{"name": "url", "valueFromPath": "/tmp/url"}]}]}});
    let spec = object["spec"].as_object_mut().unwrap();
    spec.extend(change.as_object().unwrap().clone());
    serde_json::from_value(object).unwrap()
}

fn settings() -> StepSettings {
    StepSettings {
        image: "i".into(),
        runner_url: String::new(),
        runner_name: String::new(),
        runner_ca: String::new(),
        namespaces: vec!["steps".into()],
        image_pull_secrets: Vec::new(),
        start: Duration::from_secs(1),
        margin: Duration::from_secs(1),
    }
}

fn there(_: &Reference) -> Presence {
    Presence::There
}

fn binding_object(namespace: &str, spec: &Value) -> ResourceBinding {
    let object = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
        "metadata": {"name": "orders", "namespace": namespace, "generation": 2}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn view(name: &str, binding: &Arc<Binding>, plugins: Vec<ResourcePlugin>) -> View {
    let enabled = [(sandbind_wire::name::LABEL_ENABLED.to_owned(), "true".to_owned())];
    View {
        namespace: Arc::new(Namespace { name: name.into(), labels: enabled.into(), ..Namespace::default() }),
        bindings: vec![binding.clone()],
        plugins: Arc::new(Plugins::new(plugins.into_iter().map(Arc::new))),
        ..View::default()
    }
}

/// `status/reason` of both conditions.
fn said(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(|one| format!("{}={}/{}", one.type_, one.status, one.reason)).collect()
}

#[test]
fn a_plugin_is_accepted_by_its_own_rules_and_resolved_by_the_installation() {
    for (change, accepted, resolved) in [
        (json!({}), "Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"),
        (
            json!({"runner": {"image": "i", "namespace": "elsewhere"}}),
            "Accepted=True/Accepted",
            "ResolvedRefs=False/StepNamespaceNotAllowed",
        ),
    ] {
        let status = plugin_status(&plugin_object(&change), &settings(), there, 7, at(0));
        assert_eq!(said(&status.conditions), [accepted, resolved], "{change}");
        assert_eq!((status.instances, status.observed_generation), (7, 3));
    }
    let wrong = plugin_status(&plugin_object(&json!({"create": []})), &settings(), there, 0, at(0));
    assert_eq!(wrong.conditions[0].status, "False");
    assert!(!wrong.conditions[0].message.is_empty());
}

#[test]
fn a_binding_is_resolved_when_plugin_permission_and_outputs_are_there() {
    let env =
        |key: &str| json!([{"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": key}}}]);
    let allowed = json!({"from": "None"});
    for (key, plugins, expected) in [
        ("make.url", vec![plugin_object(&json!({}))], "ResolvedRefs=True/ResolvedRefs"),
        ("make.url", vec![], "ResolvedRefs=False/UnknownPlugin"),
        ("make.name", vec![plugin_object(&json!({}))], "ResolvedRefs=False/UnknownOutput"),
        (
            "make.url",
            vec![plugin_object(&json!({"allowedNamespaces": allowed}))],
            "ResolvedRefs=False/PluginNotAllowed",
        ),
    ] {
        let spec = json!({"resources": [{"name": "db", "plugin": "pg"}], "env": env(key)});
        let object = binding_object("shop", &spec);
        let binding = Arc::new(Binding::new(object.clone(), "system"));
        let views = [view("shop", &binding, plugins)];
        let status = binding_status(&object, &binding, &views, at(0));
        assert_eq!(said(&status.conditions), ["Accepted=True/Accepted", expected]);
        assert_eq!(status.observed_generation, 2);
    }
}

#[test]
fn a_cluster_wide_binding_says_in_which_namespaces_something_is_missing() {
    let spec = json!({"namespaceSelector": {}, "resources": [{"name": "db", "plugin": "pg"}]});
    let object = binding_object("system", &spec);
    let binding = Arc::new(Binding::new(object.clone(), "system"));
    let views: Vec<View> = ["a", "b", "c", "d", "e"].map(|name| view(name, &binding, Vec::new())).into();
    let status = binding_status(&object, &binding, &views, at(0));
    let message = &status.conditions[1].message;
    assert!(message.contains("in namespace `a`") && message.contains("in namespace `c`"), "{message}");
    assert!(message.ends_with("; and 2 more"), "{message}");
    assert_eq!(binding_status(&object, &binding, &[], at(0)).conditions[1].status, "True");
}

#[test]
fn the_same_said_later_is_the_same() {
    let mut object = plugin_object(&json!({}));
    let first = plugin_status(&object, &settings(), there, 1, at(0));
    object.status = Some(first.clone());
    assert_eq!(plugin_status(&object, &settings(), there, 1, at(60)), first);
    let mut elsewhere = settings();
    elsewhere.namespaces = Vec::new();
    let changed = plugin_status(&object, &elsewhere, there, 1, at(60));
    assert_eq!(changed.conditions[0], first.conditions[0]);
    assert_eq!(changed.conditions[1].last_transition_time, Time(at(60)));
}

/// A plugin whose steps need two Secrets and a ServiceAccount.
fn needy() -> ResourcePlugin {
    let overlay = "spec: {serviceAccountName: maker, volumes: [{name: a, secret: {secretName: admin}}, \
                   {name: b, secret: {secretName: ca}}, {name: c, configMap: {name: extra, optional: true}}]}";
    plugin_object(
        &json!({"runner": {"image": "i", "podTemplateOverlay": overlay}, "delete": [{"name": "unmake", "script": "x"}]}),
    )
}

#[test]
fn what_the_step_pods_lack_is_named_and_an_open_question_is_never_an_absence() {
    let lost = || Presence::Unknown("no answer in time".to_owned());
    for (admin, account, expected, parts) in [
        (Presence::There, Presence::There, "ResolvedRefs=True/ResolvedRefs", &[][..]),
        (
            Presence::Absent,
            Presence::There,
            "ResolvedRefs=False/ReferenceNotFound",
            &["namespace `steps`", "no Secret `admin`", "`make`, `unmake`", "create", "15 seconds"][..],
        ),
        (
            Presence::Absent,
            Presence::Absent,
            "ResolvedRefs=False/ReferenceNotFound",
            &["no Secret `admin`", "no ServiceAccount `maker`"],
        ),
        (
            lost(),
            Presence::There,
            "ResolvedRefs=Unknown/ReferenceUnknown",
            &["Secret `admin`", "no answer in time"],
        ),
        (
            lost(),
            Presence::Absent,
            "ResolvedRefs=False/ReferenceNotFound",
            &["no ServiceAccount `maker`", "ReferenceUnknown", "Secret `admin`"],
        ),
    ] {
        let presence = |one: &Reference| match one.name.as_str() {
            "admin" => admin.clone(),
            "maker" => account.clone(),
            "ca" => Presence::There,
            other => panic!("nobody needs {other}"),
        };
        let status = plugin_status(&needy(), &settings(), presence, 0, at(0));
        assert_eq!(said(&status.conditions), ["Accepted=True/Accepted", expected]);
        let message = &status.conditions[1].message;
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(!message.contains("`ca`") && !message.contains("extra"), "{message}");
    }
}

#[test]
fn a_plugin_that_lacks_very_much_has_a_message_that_fits() {
    let volumes: Vec<serde_json::Value> = (0..500)
        .map(|at| json!({"name": format!("v{at}"), "secret": {"secretName": format!("{at}-{}", "s".repeat(200))}}))
        .collect();
    let overlay = json!({"spec": {"volumes": volumes}}).to_string();
    let object = plugin_object(&json!({"runner": {"image": "i", "podTemplateOverlay": overlay}}));
    for presence in [Presence::Absent, Presence::Unknown("x".repeat(5_000))] {
        let status = plugin_status(&object, &settings(), |_| presence.clone(), 0, at(0));
        let message = &status.conditions[1].message;
        assert!(message.len() < 32_768 && message.contains("more"), "{}", message.len());
    }
}

#[test]
fn what_an_unreadable_overlay_names_is_unknown() {
    let object =
        plugin_object(&json!({"runner": {"image": "i", "podTemplateOverlay": "spec: {hostNetwork: true}"}}));
    let status = plugin_status(&object, &settings(), there, 0, at(0));
    assert_eq!(
        said(&status.conditions),
        ["Accepted=False/OverlayRefused", "ResolvedRefs=Unknown/ReferenceUnknown"]
    );
}
