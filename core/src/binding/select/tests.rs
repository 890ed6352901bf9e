#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "tables of JSON values read better so"
)]

use serde_json::{Value, json};

use super::*;
use crate::{
    api::instance::InstanceKey,
    binding::{
        fixtures::{binding, sandbox, view},
        plan_key, preparable, warnings,
    },
    identity,
};

fn labels(app: &str) -> BTreeMap<String, String> {
    [("app".to_owned(), app.to_owned())].into()
}

fn with_db(plugin: &str) -> Value {
    json!({"selector": {"matchLabels": {"app": "orders"}}, "resources": [{"name": "db", "plugin": plugin}],
           "env": [{"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.url"}}}]})
}

fn merged(mut spec: Value, more: Value) -> Value {
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn bound(view: &View) -> Selected {
    match select(view, &labels("orders"), "pr-1") {
        Ok(Selection::Bound(selected)) => selected,
        other => panic!("{other:?}"),
    }
}

fn key(scope: Option<&str>) -> InstanceKey {
    InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "ns-uid".into(),
        sandbox: "pr-1".into(),
        resource: "db".into(),
        scope: scope.map(str::to_owned),
    }
}

#[test]
fn a_pod_gets_the_resources_of_all_bindings_that_select_it() {
    let view = view(vec![
        binding("shop", "orders", with_db("postgres@^1")),
        binding(
            "shop",
            "all",
            json!({"resources": [{"name": "queue", "plugin": "open"}, {"name": "db", "plugin": "postgres@^1"}],
            "files": [{"path": "/q", "resource": "queue"}], "linger": "5m", "wait": {"mode": "Block", "block": "3s"}}),
        ),
        binding(
            "shop",
            "other",
            merged(
                with_db("postgres@^1"),
                json!({"selector": {"matchLabels": {"app": "x"}}, "linger": "10m"}),
            ),
        ),
        binding("elsewhere", "foreign", with_db("postgres@^1")),
    ]);
    let selected = bound(&view);
    let names: Vec<_> = selected.bindings.iter().map(|taken| taken.binding.name.as_str()).collect();
    assert_eq!(names, ["all", "orders"]);
    let resources: Vec<_> = selected
        .resources
        .iter()
        .map(|one| {
            (one.name.as_str(), one.plugin.spec.identity(), one.keys.iter().cloned().collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        resources,
        [
            ("queue", "open@1.0.0".to_owned(), vec!["*".to_owned()]),
            ("db", "postgres@1.2.0".to_owned(), vec!["provision.url".to_owned()]),
        ]
    );
    let db = &selected.resources[1];
    assert_eq!((db.linger, db.mode, db.block.as_secs()), (Span::from_secs(600), WaitMode::Block, 10));
    assert!(db.refuse_new(&view, "pr-1", "orders").is_empty());
    assert!(selected.missing_outputs(db, None).is_empty());
}

#[test]
fn a_namespaces_own_declaration_wins_over_a_cluster_wide_one() {
    let wide = |spec: Value| {
        merged(spec, json!({"namespaceSelector": {"matchLabels": {name::LABEL_ENABLED: "true"}}}))
    };
    let both = wide(json!({
        "resources": [{"name": "db", "plugin": "open"}, {"name": "queue", "plugin": "open"}],
        "env": [{"name": "WIDE", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.url"}}}],
        "files": [{"path": "/db", "resource": "db"}, {"path": "/q", "resource": "queue"}]}));
    let view = view(vec![
        binding("sandbind-system", "wide", both),
        binding("sandbind-system", "gone", wide(json!({"resources": [{"name": "db", "plugin": "open"}]}))),
        binding("sandbind-system", "here-only", with_db("open")),
        binding("shop", "own", with_db("postgres@1.0.0")),
    ]);
    let selected = bound(&view);
    let names: Vec<_> = selected.bindings.iter().map(|taken| taken.binding.name.as_str()).collect();
    assert_eq!(names, ["own", "wide"], "a binding with nothing left is not there at all");
    assert_eq!(selected.resources[0].plugin.spec.identity(), "postgres@1.0.0");
    let wide = &selected.bindings[1];
    assert_eq!(wide.env().count(), 0);
    assert_eq!(wide.files().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
    assert_eq!(plan_key(&view, &key(None), None).unwrap().identity, "postgres@1.0.0");
    assert_eq!(preparable(&view).into_keys().collect::<Vec<_>>(), ["db", "queue"]);
}

#[test]
fn every_reason_to_deny_a_pod_has_a_code_a_place_and_a_way_out() {
    let orders = "ResourceBinding shop/orders: ";
    let one = |spec: Value| view(vec![binding("shop", "orders", spec)]);
    let two = |first: Value, second: Value| {
        view(vec![binding("shop", "orders", first), binding("shop", "other", second)])
    };
    let db = |more: Value| {
        let mut resource = json!({"name": "db", "plugin": "strict@draft"});
        resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"resources": [resource]})
    };
    let mut unlabelled = one(with_db("postgres@^1"));
    Arc::make_mut(&mut unlabelled.namespace).labels.clear();
    let mut terminating = one(with_db("postgres@^1"));
    Arc::make_mut(&mut terminating.namespace).terminating = true;
    let mut deleting = one(with_db("postgres@^1"));
    let mut object = Arc::unwrap_or_clone(sandbox(json!({})));
    object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    deleting.sandbox = Some(Arc::new(object));
    for (view, name, code, place) in [
        (one(with_db("postgres")), "PR-1", "InvalidSandboxName", "metadata.labels[sandbind.dev/sandbox]"),
        (one(with_db("postgres")), "", "InvalidSandboxName", "metadata.labels[sandbind.dev/sandbox]"),
        (one(with_db("postgres")), "a.b", "InvalidSandboxName", "metadata.labels[sandbind.dev/sandbox]"),
        (terminating, "pr-1", "NamespaceTerminating", "Namespace shop"),
        (deleting, "pr-1", "SandboxDeleting", "Sandbox shop/pr-1"),
        (view(vec![]), "pr-1", "NoBinding", "Namespace shop"),
        (
            one(merged(with_db("postgres"), json!({"selector": {"matchLabels": {"app": "x"}}}))),
            "pr-1",
            "NoBinding",
            "Namespace shop",
        ),
        (one(with_db("postgres@1.5.0")), "pr-1", "UnknownPluginVersion", "spec.resources[0].plugin"),
        (one(with_db("postgres@draft")), "pr-1", "UnknownPluginVersion", "spec.resources[0].plugin"),
        (one(with_db("Postgres")), "pr-1", "UnknownPlugin", "spec.resources[0].plugin"),
        (one(with_db("mysql")), "pr-1", "UnknownPlugin", "spec.resources[0].plugin"),
        (one(with_db("postgres")), "pr-1", "PluginNotAllowed", "spec.resources[0].plugin"),
        (unlabelled, "pr-1", "PluginNotAllowed", "spec.resources[0].plugin"),
        (one(with_db("post_gres")), "pr-1", "InvalidReference", "spec.resources[0].plugin"),
        (
            one(merged(with_db("postgres@^1"), json!({"linger": "2h"}))),
            "pr-1",
            "LingerTooLong",
            "spec.linger",
        ),
        (
            two(with_db("postgres@^1"), with_db("postgres@1.2.0")),
            "pr-1",
            "ConflictingBindings",
            "spec.resources[0].plugin",
        ),
        (
            two(db(json!({"params": {"seed": "small"}})), db(json!({"params": {"seed": "large"}}))),
            "pr-1",
            "ConflictingBindings",
            "spec.resources[0].params",
        ),
        (
            two(db(json!({})), db(json!({"scope": "Pod"}))),
            "pr-1",
            "ConflictingBindings",
            "spec.resources[0].scope",
        ),
    ] {
        let problems = select(&view, &labels("orders"), name).unwrap_err();
        let problem = &problems[0];
        let expected = if place.starts_with("spec.") { format!("{orders}{place}") } else { place.to_owned() };
        assert_eq!((problem.code.as_str(), &problem.place), (code, &expected), "{problem}");
        assert!(!problem.way_out.is_empty());
        if code == "ConflictingBindings" {
            assert!(problem.reason.contains("ResourceBinding shop/other"), "{problem}");
        }
    }
}

#[test]
fn what_only_stands_against_a_new_resource_is_asked_apart() {
    let strict = |params: Value| json!({"resources": [{"name": "db", "plugin": "strict", "params": params}]});
    for (params, over, code, place) in [
        (json!({}), json!({}), "MissingParam", "params.seed"),
        (json!({"seed": "tiny"}), json!({}), "BadParam", "params.seed"),
        (json!({"seed": "small", "sead": "x"}), json!({}), "UnknownParam", "params.sead"),
        (json!({"seed": "small"}), json!({"seed": "$(pod)"}), "UnknownSubstitution", "params.db.seed"),
        (json!({"seed": "small"}), json!({"seed": "$(workload)"}), "UnknownSubstitution", "params.db.seed"),
        (json!({"seed": "$(sandbox)"}), json!({}), "BadParam", "params.seed"),
    ] {
        let mut view = view(vec![binding("shop", "orders", strict(params))]);
        view.sandbox = Some(sandbox(json!({"params": {"db": over}})));
        let selected = bound(&view);
        let problems = selected.resources[0].refuse_new(&view, "pr-1", "orders");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].code, code);
        assert!(problems[0].place.ends_with(place), "{}", problems[0]);
        assert_eq!(plan_key(&view, &key(None), None).unwrap_err().code, code);
    }
    let mut view = view(vec![binding("shop", "orders", with_db("postgres@^1"))]);
    view.counts = Arc::new([("postgres@1.2.0".to_owned(), 2)].into());
    assert_eq!(bound(&view).resources[0].refuse_new(&view, "pr-1", "orders")[0].code, "TooManyInstances");
    assert!(plan_key(&view, &key(None), None).is_ok(), "a record that is there already gets its round");
}

#[test]
fn outputs_are_checked_against_the_round_that_is_pinned() {
    let named = |key: &str| {
        let output = json!({"resource": {"name": "db", "outputKey": key}});
        let spec = json!({"env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": output}]});
        bound(&view(vec![binding("shop", "orders", merged(with_db("postgres@^1"), spec))]))
    };
    for wrong in ["provision.dsn", "provision.admin", "deprovision.url"] {
        let selected = named(wrong);
        let refused = selected.resources[0].refuse_new(&View::default(), "pr-1", "orders");
        assert!(refused.iter().any(|problem| problem.code == "UnknownOutput"), "{refused:?}");
        let problems = selected.missing_outputs(&selected.resources[0], None);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].code, "UnknownOutput");
        assert_eq!(
            problems[0].place,
            "ResourceBinding shop/orders: spec.env[1].valueFrom.resource.outputKey"
        );
        assert_eq!(problems[0].way_out, "use one of `provision.url`");
    }
    let pinned = PinnedPlugin {
        identity: "postgres@1.0.0".into(),
        uid: "u".into(),
        hash: "h".into(),
        output_keys: ["provision.dsn".to_owned()].into(),
        refresh_seconds: None,
    };
    let selected = named("provision.dsn");
    assert!(selected.missing_outputs(&selected.resources[0], Some(&pinned)).is_empty());
    let selected = named("provision.url");
    let problems = selected.missing_outputs(&selected.resources[0], Some(&pinned));
    assert!(problems[0].reason.contains("postgres@1.0.0"));
}

#[test]
fn an_unmatched_pod_runs_where_its_namespace_lets_it() {
    let mut view = view(vec![]);
    for (value, allowed) in [("Allow", true), ("allow", false), ("", false)] {
        let annotations = [(name::ANNOTATION_UNMATCHED.to_owned(), value.to_owned())];
        Arc::make_mut(&mut view.namespace).annotations = annotations.into();
        assert_eq!(matches!(select(&view, &labels("x"), "pr-1"), Ok(Selection::Unbound)), allowed, "{value}");
    }
}

#[test]
fn a_round_is_pinned_to_params_in_force_and_a_routing_key() {
    let spec = json!({"resources": [{"name": "db", "plugin": "strict", "scope": "Workload",
        "params": {"seed": "small", "size": "$(workload)-$(sandbox)-$(namespace)-$$5"}}]});
    let mut view = view(vec![binding("shop", "orders", spec)]);
    let snapshot = plan_key(&view, &key(Some("uid")), Some("orders")).unwrap();
    assert_eq!(snapshot.identity, "strict@0.0.0");
    assert_eq!(snapshot.uid, "uid-strict-draft");
    assert_eq!(snapshot.params.0["size"], "orders-pr-1-shop-$5");
    assert_eq!(snapshot.routing_key, identity::routing_key("ns-uid", "pr-1"));
    view.sandbox = Some(sandbox(json!({"params": {"db": {"seed": "large"}}, "routingKey": "r"})));
    let snapshot = plan_key(&view, &key(Some("uid")), Some("orders")).unwrap();
    assert_eq!((snapshot.params.0["seed"].as_str(), snapshot.routing_key.as_str()), ("large", "r"));
    assert!(!format!("{:?}", snapshot.params).contains("large"), "params do not show themselves");
    assert_eq!(plan_key(&view, &key(None), None).unwrap_err().code, "ScopeChanged");
    view.bindings.clear();
    assert_eq!(plan_key(&view, &key(None), None).unwrap_err().code, "NoDeclaration");
}

#[test]
fn references_that_do_not_hold_are_warnings_at_apply() {
    let spec = json!({
        "resources": [{"name": "db", "plugin": "postgres@^1"}, {"name": "mq", "plugin": "kafka"}, {"name": "s", "plugin": "strict"}],
        "env": [{"name": "A", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.admin"}}}]});
    let declared = binding("shop", "orders", spec);
    let found = warnings(&view(vec![Arc::clone(&declared)]), &declared);
    let codes: Vec<_> = found.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["UnknownOutput", "UnknownPlugin", "MissingParam"]);
    assert!(found.iter().all(|problem| !problem.is_error()));
}
