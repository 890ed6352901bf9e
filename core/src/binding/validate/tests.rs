#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "tables of JSON values read better so"
)]

use serde_json::{Value, json};

use super::*;

/// A whole, right binding.
fn right() -> Value {
    json!({
        "selector": {"matchLabels": {"app": "orders"}},
        "resources": [
            {"name": "db", "plugin": "postgres@^1", "params": {"seed": "small-$(sandbox)"}},
            {"name": "queue", "plugin": "sqs", "scope": "Workload", "params": {"name": "$(workload)$$"}},
        ],
        "env": [
            {"name": "DATABASE_URL", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.url"}}},
            {"name": "DB_OPTIONS", "value": "url=$(DATABASE_URL)&app=$(sandbox)"},
        ],
        "files": [
            {"path": "/bindings/db", "resource": "db"},
            {"path": "/bindings/queue", "resource": "queue", "items": [
                {"outputKey": "make.url", "path": "conf/url", "mode": "0440"}, {"outputKey": "make.arn"}]},
        ],
        "containers": ["app"],
        "onConflict": "Keep",
        "wait": {"mode": "Auto", "block": "10s", "ready": "30m"},
        "linger": "60s",
        "onRefresh": {"http": {"port": 8080, "path": "/-/reload"}},
    })
}

/// The right binding with one value put at a pointer; `null` takes it away.
fn with(pointer: &str, value: Value) -> Value {
    let mut spec = right();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match spec.pointer_mut(parent).unwrap() {
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        Value::Object(map) if value.is_null() => {
            map.remove(key);
        }
        Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        other => panic!("{other}"),
    }
    spec
}

fn check(spec: Value, in_system: bool) -> Vec<Problem> {
    let problems = validate(&serde_json::from_value(spec).unwrap(), in_system);
    for problem in &problems {
        assert!(!problem.way_out.is_empty() && !problem.place.is_empty() && !problem.reason.ends_with('.'));
    }
    problems
}

#[test]
fn a_right_binding_has_no_problem() {
    assert_eq!(check(right(), false), []);
    assert_eq!(check(json!({"resources": [{"name": "db", "plugin": "p"}]}), false), []);
    assert_eq!(check(with("/namespaceSelector", json!({})), true), []);
}

#[test]
fn every_mistake_is_told_with_code_and_place() {
    let env = |env: Value| with("/env/-", env);
    let output = |name: &str, key: &str| json!({"resource": {"name": name, "outputKey": key}});
    let files = |path: &str| with("/files/-", json!({"path": path, "resource": "db"}));
    let items = |items: Value| with("/files/1/items", items);
    for (spec, code, place) in [
        (
            with("/selector", json!({"matchLabels": {"a b": "c"}})),
            "InvalidSelector",
            "spec.selector.matchLabels",
        ),
        (
            with("/selector", json!({"matchExpressions": [{"key": "a", "operator": "in", "values": ["x"]}]})),
            "InvalidSelector",
            "spec.selector.matchExpressions[0].operator",
        ),
        (with("/namespaceSelector", json!({})), "NamespaceSelectorNotAllowed", "spec.namespaceSelector"),
        (with("/resources/0/plugin", json!("post_gres")), "InvalidReference", "spec.resources[0].plugin"),
        (with("/resources/0/plugin", json!("postgres@one")), "InvalidReference", "spec.resources[0].plugin"),
        (
            with("/resources/0/plugin", json!("postgres@1.0.0+x")),
            "InvalidReference",
            "spec.resources[0].plugin",
        ),
        (with("/resources/-", json!({"name": "Db", "plugin": "p"})), "InvalidName", "spec.resources[2].name"),
        (with("/resources/-", json!({"name": "db", "plugin": "p"})), "Duplicate", "spec.resources[2].name"),
        (
            with("/resources/0/params", json!({"a": "$(workload)"})),
            "UnknownSubstitution",
            "spec.resources[0].params.a",
        ),
        (
            with("/resources/1/params", json!({"a": "$(pod)"})),
            "UnknownSubstitution",
            "spec.resources[1].params.a",
        ),
        (env(json!({"name": "1A", "value": ""})), "InvalidEnvName", "spec.env[2].name"),
        (env(json!({"name": "A=B", "value": ""})), "InvalidEnvName", "spec.env[2].name"),
        (env(json!({"name": "DB_OPTIONS", "value": ""})), "Duplicate", "spec.env[2].name"),
        (env(json!({"name": "A"})), "EnvAmbiguous", "spec.env[2]"),
        (
            env(json!({"name": "A", "value": "x", "valueFrom": output("db", "a.b")})),
            "EnvAmbiguous",
            "spec.env[2]",
        ),
        (env(json!({"name": "A", "value": "a\u{0}"})), "InvalidEnvValue", "spec.env[2].value"),
        (
            env(json!({"name": "A", "valueFrom": output("cache", "a.b")})),
            "UnknownResource",
            "spec.env[2].valueFrom.resource.name",
        ),
        (
            env(json!({"name": "A", "valueFrom": output("db", "url")})),
            "InvalidOutputKey",
            "spec.env[2].valueFrom.resource.outputKey",
        ),
        (
            env(json!({"name": "A", "valueFrom": output("db", "a.b.c")})),
            "InvalidOutputKey",
            "spec.env[2].valueFrom.resource.outputKey",
        ),
        (files("bindings/x"), "InvalidPath", "spec.files[2].path"),
        (files("/bindings/../etc"), "InvalidPath", "spec.files[2].path"),
        (files("/bindings/x/"), "InvalidPath", "spec.files[2].path"),
        (files("/"), "InvalidPath", "spec.files[2].path"),
        (files("/a:b"), "InvalidPath", "spec.files[2].path"),
        (files("/proc/x"), "ReservedPath", "spec.files[2].path"),
        (files("/var/run"), "ReservedPath", "spec.files[2].path"),
        (files("/bindings/db"), "OverlappingPaths", "spec.files[2].path"),
        (files("/bindings/db/more"), "OverlappingPaths", "spec.files[2].path"),
        (with("/files/0/resource", json!("cache")), "UnknownResource", "spec.files[0].resource"),
        (items(json!([])), "NoItems", "spec.files[1].items"),
        (items(json!([{"outputKey": "url"}])), "InvalidOutputKey", "spec.files[1].items[0].outputKey"),
        (items(json!([{"outputKey": "a.b", "path": "../x"}])), "InvalidPath", "spec.files[1].items[0].path"),
        (items(json!([{"outputKey": "a.b", "path": "/x"}])), "InvalidPath", "spec.files[1].items[0].path"),
        (
            items(json!([{"outputKey": "a.b", "path": "..data"}])),
            "InvalidPath",
            "spec.files[1].items[0].path",
        ),
        (
            items(json!([{"outputKey": "a.b"}, {"outputKey": "a.b"}])),
            "Duplicate",
            "spec.files[1].items[1].path",
        ),
        (
            items(json!([{"outputKey": "a.b", "path": "x"}, {"outputKey": "a.c", "path": "x/y"}])),
            "OverlappingPaths",
            "spec.files[1].items[1].path",
        ),
        (items(json!([{"outputKey": "a.b", "mode": "0888"}])), "InvalidMode", "spec.files[1].items[0].mode"),
        (items(json!([{"outputKey": "a.b", "mode": "4755"}])), "InvalidMode", "spec.files[1].items[0].mode"),
        (with("/containers", json!([])), "NoContainers", "spec.containers"),
        (with("/containers", json!(["App"])), "InvalidName", "spec.containers[0]"),
        (with("/containers", json!(["app", "app"])), "Duplicate", "spec.containers[1]"),
        (with("/containers", json!(["sandbind-binder"])), "ReservedName", "spec.containers[0]"),
        (with("/wait/block", json!("11s")), "WaitTooLong", "spec.wait.block"),
        (with("/wait/ready", json!("9s")), "WaitOutOfRange", "spec.wait.ready"),
        (with("/wait/ready", json!("2d")), "WaitOutOfRange", "spec.wait.ready"),
        (with("/wait", json!({"mode": "Gate", "block": "1s"})), "WaitUnused", "spec.wait.block"),
        (with("/onRefresh", json!({})), "NotifyAmbiguous", "spec.onRefresh"),
        (with("/onRefresh/http/port", json!(0)), "InvalidPort", "spec.onRefresh.http.port"),
        (with("/onRefresh/http/path", json!("reload")), "InvalidPath", "spec.onRefresh.http.path"),
        (with("/onRefresh/http/path", json!("/a b")), "InvalidPath", "spec.onRefresh.http.path"),
        (
            with("/onRefresh", json!({"signal": {"container": "app", "name": "SIGKILL"}})),
            "InvalidSignal",
            "spec.onRefresh.signal.name",
        ),
        (
            with("/onRefresh", json!({"signal": {"container": "", "name": "SIGHUP"}})),
            "InvalidName",
            "spec.onRefresh.signal.container",
        ),
        (with("/files", Value::Null), "NothingToNotify", "spec.onRefresh"),
    ] {
        let found: Vec<_> = check(spec.clone(), false);
        let shown: Vec<_> = found.iter().map(|one| (one.code.as_str(), one.place.as_str())).collect();
        assert_eq!(shown, [(code, place)], "{spec:#}");
    }
    assert_eq!(check(right(), true)[0].code, "NamespaceSelectorMissing");
    assert_eq!(check(json!({"resources": []}), false)[0].code, "NoResources");
}

#[test]
fn all_mistakes_come_at_once() {
    let mut spec = right();
    spec["resources"][0]["plugin"] = json!("");
    spec["env"][0]["name"] = json!("");
    spec["files"][0]["path"] = json!("x");
    spec["wait"]["block"] = json!("1m");
    let codes: Vec<_> = check(spec, false).into_iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["InvalidReference", "InvalidEnvName", "InvalidPath", "WaitTooLong"]);
}
