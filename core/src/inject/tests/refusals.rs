use super::*;

#[test]
fn what_stands_against_a_pod_has_a_code_a_place_and_a_way_out() {
    let plain = || json!({"containers": [{"name": "app"}]});
    let with = |more: Value| {
        let mut spec = plain();
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pod(spec)
    };
    let http = json!({"onRefresh": {"http": {"port": 80}}});
    let signal =
        |container: &str| json!({"onRefresh": {"signal": {"container": container, "name": "SIGHUP"}}});
    let shared = |more: Value| {
        let mut spec = json!({"shareProcessNamespace": true});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(spec)
    };
    let mut mirror = with(json!({}));
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let own_url =
        json!({"containers": [{"name": "app", "env": [{"name": "A"}, {"name": "URL", "value": "x"}]}]});
    let own_mount = |path: &str| json!({"containers": [{"name": "app", "volumeMounts": [{"name": "v", "mountPath": path}]}]});
    let both = |first: Value, second: Value| {
        view(vec![binding("shop", "orders", with_db(first)), binding("shop", "second", with_db(second))])
    };
    let meshed = json!({"initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}]});
    for (view, pod, code, place) in [
        (one(json!({})), mirror, "MirrorPod", "metadata.labels[sandbind.dev/sandbox]"),
        (
            one(json!({})),
            with(json!({"os": {"name": "windows"}})),
            "WindowsPod",
            "metadata.labels[sandbind.dev/sandbox]",
        ),
        (
            one(json!({})),
            with(json!({"nodeSelector": {"kubernetes.io/os": "windows"}})),
            "WindowsPod",
            "metadata.labels[sandbind.dev/sandbox]",
        ),
        (
            one(json!({})),
            pod(json!({"containers": [{"name": "a"}, {"name": "sandbind-binder"}]})),
            "ReservedName",
            "spec.containers[1].name",
        ),
        (one(json!({})), pod(json!({"containers": []})), "MalformedPod", "spec.containers"),
        (one(json!({})), json!({"metadata": {}}), "MalformedPod", "spec.containers"),
        (one(json!({})), json!("pod"), "MalformedPod", "spec.containers"),
        (
            one(json!({"containers": ["app", "worker"]})),
            with(json!({})),
            "UnknownContainer",
            "orders: spec.containers[1]",
        ),
        (
            one(json!({"containers": ["istio-proxy"]})),
            with(meshed),
            "ContainerBeforeSidecar",
            "orders: spec.containers[0]",
        ),
        (one(json!({"onConflict": "Deny"})), pod(own_url), "EnvConflict", "spec.containers[0].env[1]"),
        (
            both(json!({}), json!({"files": []})),
            with(json!({})),
            "ConflictingBindings",
            "second: spec.env[0].name",
        ),
        (
            both(json!({"env": []}), json!({"env": []})),
            with(json!({})),
            "ConflictingBindings",
            "second: spec.files[0].path",
        ),
        (
            both(json!({"env": []}), json!({"env": [], "files": [{"path": "/bindings", "resource": "db"}]})),
            with(json!({})),
            "ConflictingBindings",
            "second: spec.files[0].path",
        ),
        (one(json!({})), pod(own_mount("/bindings/db/")), "PathTaken", "orders: spec.files[0].path"),
        (one(json!({})), pod(own_mount("/bindings/db/x")), "PathTaken", "orders: spec.files[0].path"),
        (
            one(http.clone()),
            with(json!({"hostNetwork": true})),
            "NotifyOnHostNetwork",
            "orders: spec.onRefresh.http",
        ),
        (
            both(http.clone(), json!({"env": [], "files": [], "onRefresh": {"http": {"port": 81}}})),
            with(json!({})),
            "ConflictingNotify",
            "second: spec.onRefresh",
        ),
        (
            one(signal("worker")),
            shared(json!({})),
            "UnknownContainer",
            "orders: spec.onRefresh.signal.container",
        ),
        (one(signal("app")), with(json!({})), "SignalNeedsSharedProcesses", "orders: spec.onRefresh.signal"),
        (
            one(signal("app")),
            shared(json!({})),
            "SignalNeedsSameUser",
            "orders: spec.onRefresh.signal.container",
        ),
        (
            one(signal("app")),
            shared(json!({"securityContext": {"runAsUser": 0}})),
            "SignalNeedsSameUser",
            "orders: spec.onRefresh.signal.container",
        ),
    ] {
        let problems = inject(&view, &pod, false).unwrap_err();
        let problem = &problems[0];
        let expected = match place.split_once(": ") {
            Some(_) => format!("ResourceBinding shop/{place}"),
            None => place.to_owned(),
        };
        assert_eq!((problem.code.as_str(), &problem.place), (code, &expected), "{problem}");
        assert!(!problem.way_out.is_empty());
        if code.starts_with("Conflicting") {
            assert!(problem.reason.contains("ResourceBinding shop/orders"), "{problem}");
        }
    }
}

#[test]
fn one_conflict_is_told_once_however_many_containers_it_meets() {
    let both = view(vec![
        binding("shop", "orders", with_db(json!({}))),
        binding("shop", "second", with_db(json!({"files": []}))),
    ]);
    let pod = pod(json!({"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "c"}]}));
    let codes: Vec<_> = inject(&both, &pod, false).unwrap_err().into_iter().map(|one| one.place).collect();
    assert_eq!(
        codes,
        ["ResourceBinding shop/second: spec.env[0].name", "ResourceBinding shop/second: spec.env[1].name"]
    );
}

#[test]
fn bindings_that_say_the_same_or_give_to_other_containers_do_not_conflict() {
    let http = json!({"onRefresh": {"http": {"port": 80}}});
    let mut first = http.clone();
    first["containers"] = json!(["a"]);
    let mut second = http;
    second["containers"] = json!(["b"]);
    let both =
        view(vec![binding("shop", "orders", with_db(first)), binding("shop", "second", with_db(second))]);
    let pod = pod(json!({"hostNetwork": false, "containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}));
    let (patched, _) = inject(&both, &pod, false).unwrap();
    assert_eq!(names(&patched["spec"]["containers"][0]["env"]), ["URL", "OPTIONS"]);
    assert_eq!(patched["spec"]["containers"][0]["volumeMounts"][0]["subPath"], "0");
    assert_eq!(patched["spec"]["containers"][1]["volumeMounts"][0]["subPath"], "1");
    assert_eq!(patched["spec"]["containers"][2], json!({"name": "c"}));
}
