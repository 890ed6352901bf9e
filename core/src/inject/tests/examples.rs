use super::*;

/// The changed parts of a patched pod, without the sidecar's constant ones.
fn shown(patched: &Value) -> Value {
    let mut patched = patched.clone();
    for container in patched["spec"]["initContainers"].as_array_mut().into_iter().flatten() {
        if container["name"] == "sandbind-binder" {
            for env in container["env"].as_array_mut().unwrap() {
                if env["name"] == "SANDBIND_BINDINGS" {
                    env["value"] = serde_json::from_str(env["value"].as_str().unwrap()).unwrap();
                }
            }
        }
    }
    patched
}

#[test]
fn a_pod_of_a_deployment_with_its_resource_ready() {
    let pod = pod(json!({"containers": [{"name": "app", "image": "orders:1", "env": [
        {"name": "MINE", "value": "$(URL)"}, {"name": "URL", "value": "old"}]}]}));
    let (patched, operations) = inject(&one(json!({})), &pod, false).unwrap();
    assert_eq!(operations, 8);
    insta::assert_json_snapshot!(shown(&patched));
}

#[test]
fn a_gated_pod_with_items_and_a_notification() {
    let view = one(json!({
        "files": [{"path": "/bindings/db", "resource": "db", "items": [{"outputKey": "provision.url", "path": "url", "mode": "0400"}]}],
        "onRefresh": {"http": {"port": 8080, "path": "/-/reload?a=$(b)"}},
        "wait": {"ready": "95s"},
    }));
    let pod = pod(json!({"securityContext": {"runAsUser": 1000}, "containers": [{"name": "app"}]}));
    let (patched, _) = inject(&view, &pod, true).unwrap();
    let sidecar = &patched["spec"]["initContainers"][0];
    assert!(!sidecar["env"][0]["value"].as_str().unwrap().contains('$'), "the kubelet would expand it");
    insta::assert_json_snapshot!(shown(&patched));
}

#[test]
fn a_pod_in_a_mesh_with_init_containers() {
    let pod = json!({
        "metadata": {"labels": {"app": "orders", "sandbind.dev/sandbox": "pr-1"},
            "annotations": {"linkerd.io/inject": "enabled", "config.linkerd.io/skip-outbound-ports": "25,3306"}},
        "spec": {
            "initContainers": [
                {"name": "istio-init"}, {"name": "istio-proxy", "restartPolicy": "Always"}, {"name": "migrate"}],
            "containers": [{"name": "app"}, {"name": "linkerd-proxy"}]}});
    let (patched, _) = inject(&one(json!({})), &pod, false).unwrap();
    assert_eq!(
        names(&patched["spec"]["initContainers"]),
        ["istio-init", "istio-proxy", "sandbind-binder", "migrate"]
    );
    let bound = |container: &Value| !container["env"].is_null();
    let init = patched["spec"]["initContainers"].as_array().unwrap();
    assert_eq!(init.iter().map(bound).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(patched["spec"]["containers"][1], json!({"name": "linkerd-proxy"}));
    insta::assert_json_snapshot!(patched["metadata"]["annotations"]);
}

#[test]
fn a_guaranteed_pod_stays_so_and_keeps_its_user() {
    let resources = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
    let pod = pod(json!({"containers": [
        {"name": "app", "resources": resources, "securityContext": {"runAsUser": 2000}}]}));
    let (patched, _) = inject(&one(json!({})), &pod, false).unwrap();
    let sidecar = &patched["spec"]["initContainers"][0];
    insta::assert_json_snapshot!(json!([sidecar["resources"], sidecar["securityContext"]]));
}

#[test]
fn a_signal_goes_to_a_container_of_the_same_user() {
    let view = one(json!({"onRefresh": {"signal": {"container": "app", "name": "SIGHUP"}}}));
    let pod = pod(json!({"shareProcessNamespace": true, "containers": [
        {"name": "first", "securityContext": {"runAsUser": 1}}, {"name": "app", "securityContext": {"runAsUser": 2}}]}));
    let (patched, _) = inject(&view, &pod, false).unwrap();
    assert_eq!(patched["spec"]["initContainers"][0]["securityContext"]["runAsUser"], 2);
    let told = json!({"name": "SANDBIND_CONTAINER", "value": "app"});
    assert_eq!(patched["spec"]["containers"][1]["env"][0], told);
    assert_eq!(names(&patched["spec"]["containers"][0]["env"]), ["URL", "OPTIONS"]);
    assert_eq!(inject(&view, &patched, false).unwrap().1, 0);
}

#[test]
fn conflicts_go_as_the_binding_says() {
    let own = json!([{"name": "FIRST", "value": "1"}, {"name": "URL", "value": "own"}, {"name": "LAST", "value": "$(URL)"}]);
    let pod = pod(json!({"containers": [{"name": "app", "env": own}]}));
    for (policy, expected) in [
        ("Replace", vec!["URL", "OPTIONS", "FIRST", "LAST"]),
        ("Keep", vec!["OPTIONS", "FIRST", "URL", "LAST"]),
    ] {
        let (patched, _) = inject(&one(json!({"onConflict": policy})), &pod, false).unwrap();
        assert_eq!(names(&patched["spec"]["containers"][0]["env"]), expected);
    }
}

#[test]
fn env_values_are_references_or_plain_texts_of_the_binding() {
    let pod = pod(json!({"containers": [{"name": "app"}]}));
    let (patched, _) = inject(&one(json!({})), &pod, false).unwrap();
    assert_eq!(
        patched["spec"]["containers"][0]["env"],
        json!([
            {"name": "URL", "valueFrom": {"secretKeyRef": {
                "name": "sandbind-dbaaaaaaaaaaaaaa", "key": "provision.url", "optional": false}}},
            {"name": "OPTIONS", "value": "u=$(URL)&s=pr-1&n=shop&d=$$(sandbox)"},
        ])
    );
}

#[test]
fn a_sidecar_that_others_completed_is_left_as_it_is() {
    let view = one(json!({}));
    let pod = pod(json!({"containers": [{"name": "app"}]}));
    let (mut patched, _) = inject(&view, &pod, true).unwrap();
    let sidecar = &mut patched["spec"]["initContainers"][0];
    sidecar["terminationMessagePath"] = json!("/dev/termination-log");
    sidecar["startupProbe"]["successThreshold"] = json!(1);
    sidecar["image"] = json!("mirror/sandbind:dev");
    patched["spec"]["serviceAccountName"] = json!("default");
    assert_eq!(inject(&view, &patched, false).unwrap(), (patched.clone(), 0));
    let sidecar = &mut patched["spec"]["initContainers"][0];
    sidecar["securityContext"]["runAsUser"] = json!(0);
    let (again, operations) = inject(&view, &patched, false).unwrap();
    assert!(operations > 0);
    assert_eq!(again["spec"]["initContainers"][0]["securityContext"]["runAsUser"], 65532);
}

#[test]
fn containers_that_came_since_are_given_the_same() {
    let view = one(json!({}));
    let (mut patched, _) = inject(&view, &pod(json!({"containers": [{"name": "app"}]})), false).unwrap();
    patched["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "late"}));
    patched["spec"]["initContainers"].as_array_mut().unwrap().insert(0, json!({"name": "early"}));
    let (again, _) = inject(&view, &patched, false).unwrap();
    assert_eq!(names(&again["spec"]["initContainers"]), ["sandbind-binder", "early"]);
    let spec = &again["spec"];
    assert_eq!(spec["containers"][1]["env"], spec["containers"][0]["env"]);
    assert_eq!(spec["initContainers"][1]["env"], spec["containers"][0]["env"]);
    assert_eq!(inject(&view, &again, false).unwrap().1, 0);
}

#[test]
fn a_copied_pod_is_injected_anew() {
    let view = one(json!({}));
    let raw = pod(json!({"containers": [{"name": "app", "env": [{"name": "MINE", "value": "1"}]}]}));
    let (copied, _) = inject(&view, &raw, false).unwrap();
    let pod = Pod::read(&copied).unwrap();
    assert_eq!(pod.existing().unwrap().resources[0].reservation, "dbrrrrrrrrrrrrrr");
    let selected = selected(&view, &pod);
    let shape = check(&selected, &pod).unwrap();
    let mut fresh = granted(&selected, true);
    fresh[0].incarnation = "bbbbbbbbbbbbbbbb".into();
    fresh[0].reservation = "ssssssssssssssss".into();
    let injection = plan(&selected, &pod, &shape, &fresh, &Bounds::default(), &installation());
    let mut again = copied.clone();
    json_patch::patch(&mut again, &patch(&pod, injection)).unwrap();
    let text = again.to_string();
    assert!(!text.contains("dbaaaaaaaaaaaaaa") && !text.contains("dbrrrrrrrrrrrrrr"), "{text}");
    assert_eq!(names(&again["spec"]["containers"][0]["env"]), ["URL", "OPTIONS", "MINE"]);
    assert_eq!(names(&again["spec"]["initContainers"]), ["sandbind-binder"]);
    assert_eq!(names(&again["spec"]["volumes"]), ["sandbind-token", "sandbind-files"]);
    assert_eq!(again["spec"]["containers"][0]["volumeMounts"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_pod_is_bound_to_is_read_from_its_sidecar_alone() {
    for (pod, bound) in [
        (json!({}), false),
        (
            json!({"spec": {"containers": [{"name": "sandbind-binder", "env": [{"name": "SANDBIND_BINDINGS", "value": "{\"resources\":[],\"readySeconds\":1}"}]}]}}),
            false,
        ),
        (
            json!({"spec": {"initContainers": [{"name": "sandbind-binder", "env": [{"name": "SANDBIND_BINDINGS", "value": "{"}]}]}}),
            false,
        ),
        (
            json!({"spec": {"initContainers": [{"name": "sandbind-binder", "env": [{"name": "SANDBIND_BINDINGS", "value": "{\"resources\":[],\"readySeconds\":1}"}]}]}}),
            true,
        ),
    ] {
        assert_eq!(bindings_of(&pod).is_some(), bound, "{pod}");
    }
}

#[test]
fn a_pull_secret_is_added_once() {
    let view = one(json!({}));
    let installation = Installation { image_pull_secret: Some("pull".into()), ..installation() };
    for (present, expected) in
        [(json!([]), vec!["pull"]), (json!([{"name": "x"}, {"name": "pull"}]), vec!["x", "pull"])]
    {
        let raw = pod(json!({"containers": [{"name": "app"}], "imagePullSecrets": present}));
        let pod = Pod::read(&raw).unwrap();
        let selected = selected(&view, &pod);
        let shape = check(&selected, &pod).unwrap();
        let injection =
            plan(&selected, &pod, &shape, &granted(&selected, false), &Bounds::default(), &installation);
        let mut patched = raw.clone();
        json_patch::patch(&mut patched, &patch(&pod, injection)).unwrap();
        assert_eq!(names(&patched["spec"]["imagePullSecrets"]), expected);
    }
}

#[test]
fn the_namespace_and_its_limits_shape_the_sidecar() {
    let mut view = one(json!({}));
    view.bounds.cpu.min = Some(50);
    Arc::make_mut(&mut view.namespace).labels.insert("istio-injection".into(), "enabled".into());
    let (patched, _) = inject(&view, &pod(json!({"containers": [{"name": "app"}]})), false).unwrap();
    assert_eq!(patched["spec"]["initContainers"][0]["resources"]["requests"]["cpu"], "50m");
    let key = "traffic.sidecar.istio.io/excludeOutboundPorts";
    assert_eq!(patched["metadata"]["annotations"][key], "7443");
}
