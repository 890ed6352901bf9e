use proptest::{collection::vec, prelude::*, sample::select as pick};

use super::*;

/// Fields that nobody knows, put anywhere.
fn decoration() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z~/$()]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("x-[a-z/~]{1,4}", inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn container(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let env = vec((pick(vec!["URL", "OPTIONS", "A", "B"]), "[a-z$()]{0,4}"), 0..4);
    let mounts = vec(pick(vec!["/data", "/bindings", "/bindings/db2"]), 0..3);
    let parts =
        (pick(names), proptest::option::of(env), proptest::option::of(mounts), decoration(), any::<bool>());
    parts.prop_map(|(name, env, mounts, decoration, native)| {
        let mut container = json!({"x-unknown": decoration, "name": name});
        let map = container.as_object_mut().unwrap();
        if let Some(env) = env {
            let env =
                env.into_iter().map(|(name, value)| json!({"name": name, "value": value, "x-extra": 1}));
            map.insert("env".into(), env.collect());
        }
        if let Some(mounts) = mounts {
            let mounts = mounts.into_iter().map(|path| json!({"name": "v", "mountPath": path}));
            map.insert("volumeMounts".into(), mounts.collect());
        }
        if native {
            map.insert("restartPolicy".into(), json!("Always"));
        }
        container
    })
}

fn any_pod() -> impl Strategy<Value = Value> {
    let init = vec(container(&["istio-init", "istio-proxy", "migrate", "own"]), 0..4);
    let main = vec(container(&["app", "worker", "istio-proxy"]), 1..4);
    let annotations = proptest::option::of(vec(("x/[a-z]{1,3}", "[a-z]{0,3}"), 0..3));
    let lists = (proptest::option::of(init), main, proptest::option::of(vec(decoration(), 0..2)));
    (lists, annotations, decoration(), decoration()).prop_map(
        |((init, main, volumes), annotations, one, two)| {
            let mut raw = pod(json!({"x-spec": one, "containers": main}));
            raw["x-top"] = two;
            if let Some(init) = init {
                raw["spec"]["initContainers"] = Value::from(init);
            }
            if let Some(volumes) = volumes {
                let named = volumes.into_iter().map(|odd| json!({"name": "v", "x-odd": odd}));
                raw["spec"]["volumes"] = named.collect();
            }
            if let Some(annotations) = annotations {
                let all = annotations.into_iter().map(|(key, value)| (key, json!(value)));
                raw["metadata"]["annotations"] = Value::Object(all.collect());
            }
            raw
        },
    )
}

fn any_binding() -> impl Strategy<Value = Value> {
    let containers = proptest::option::of(Just(json!(["app"])));
    (pick(vec!["Replace", "Keep", "Deny"]), containers, any::<bool>()).prop_map(
        |(policy, containers, files)| {
            let mut spec = with_db(json!({"onConflict": policy}));
            if let Some(containers) = containers {
                spec["containers"] = containers;
            }
            if !files {
                spec.as_object_mut().unwrap().remove("files");
            }
            spec
        },
    )
}

/// What injecting means, said in another way: the whole pod, built anew.
fn intended(view: &View, raw: &Value, gated: bool) -> Value {
    let pod = Pod::read(raw).unwrap();
    let selected = selected(view, &pod);
    let shape = check(&selected, &pod).unwrap();
    let injection = plan(&selected, &pod, &shape, &granted(&selected, gated), &view.bounds, &installation());
    let spec = &selected.bindings[0].binding.spec;
    let mut wanted = raw.clone();
    let entries = |object: &Value, field: &str| object[field].as_array().cloned().unwrap_or_default();
    let init = entries(&raw["spec"], "initContainers");
    for (list, first) in [("initContainers", injection.sidecar_at), ("containers", 0)] {
        for container in wanted["spec"][list].as_array_mut().into_iter().flatten().skip(first) {
            let name = container["name"].as_str().unwrap().to_owned();
            let given = spec
                .containers
                .as_ref()
                .map_or(name != "istio-proxy" && name != "istio-init", |all| all.contains(&name));
            if !given {
                continue;
            }
            let own = entries(container, "env");
            let ours: Vec<Value> = injection_env(&injection)
                .into_iter()
                .filter(|env| {
                    let keep = spec.on_conflict == crate::api::binding::OnConflict::Keep;
                    let same = |one: &Value| env.get("value").is_some() && one["value"] == env["value"];
                    !(keep && own.iter().any(|one| one["name"] == env["name"] && !same(one)))
                })
                .collect();
            let rest = own.into_iter().filter(|one| ours.iter().all(|env| env["name"] != one["name"]));
            container["env"] = ours.iter().cloned().chain(rest.collect::<Vec<_>>()).collect();
            let mount = json!({"name": "sandbind-files", "mountPath": "/bindings/db", "readOnly": true, "subPath": "0"});
            if !spec.files.is_empty() {
                container["volumeMounts"] =
                    entries(container, "volumeMounts").into_iter().chain([mount]).collect();
            }
            if ours.is_empty() && container["env"] == json!([]) {
                container.as_object_mut().unwrap().remove("env");
            }
        }
    }
    let mut all = entries(&wanted["spec"], "initContainers");
    assert_eq!(all.len(), init.len());
    all.insert(injection.sidecar_at, injection.sidecar.clone());
    wanted["spec"]["initContainers"] = Value::from(all);
    wanted["spec"]["volumes"] =
        entries(&raw["spec"], "volumes").into_iter().chain(injection.volumes.clone()).collect();
    for (key, value) in &injection.annotations {
        wanted["metadata"]["annotations"][*key] = json!(value);
    }
    wanted
}

fn injection_env(_: &Injection) -> Vec<Value> {
    vec![
        json!({"name": "URL", "valueFrom": {"secretKeyRef": {
            "name": "sandbind-dbaaaaaaaaaaaaaa", "key": "provision.url", "optional": false}}}),
        json!({"name": "OPTIONS", "value": "u=$(URL)&s=pr-1&n=shop&d=$$(sandbox)"}),
    ]
}

/// Removes everything that an injection may add, and sorts nothing.
fn without_ours(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let ours = |one: &Value| one["name"].as_str().is_some_and(|name| name.starts_with("sandbind-"));
    for list in ["initContainers", "volumes"] {
        if let Some(list) = pod["spec"].get_mut(list).and_then(Value::as_array_mut) {
            list.retain(|one| !ours(one));
        }
    }
    for list in ["initContainers", "containers"] {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|one| !ours(one));
            }
            if let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) {
                env.retain(|one| one["name"] != "URL" && one["name"] != "OPTIONS");
            }
            for field in ["env", "volumeMounts"] {
                if container.get(field) == Some(&json!([])) {
                    container.as_object_mut().unwrap().remove(field);
                }
            }
        }
    }
    for list in ["initContainers", "volumes"] {
        if pod["spec"].get(list) == Some(&json!([])) {
            pod["spec"].as_object_mut().unwrap().remove(list);
        }
    }
    if let Some(annotations) = pod["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| key.starts_with("x/"));
    }
    if pod["metadata"].get("annotations") == Some(&json!({})) {
        pod["metadata"].as_object_mut().unwrap().remove("annotations");
    }
    pod
}

proptest! {
    #[test]
    fn a_patch_gives_just_the_intended_pod_and_a_second_one_nothing(
        raw in any_pod(), spec in any_binding(), gated in any::<bool>(),
    ) {
        let view = view(vec![binding("shop", "orders", spec)]);
        let before = raw.clone();
        match inject(&view, &raw, gated) {
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(Problem::is_error));
            }
            Ok((patched, _)) => {
                prop_assert_eq!(&patched, &intended(&view, &raw, gated));
                prop_assert_eq!(without_ours(&patched), without_ours(&before));
                let (again, operations) = inject(&view, &patched, gated).unwrap();
                prop_assert_eq!(operations, 0);
                prop_assert_eq!(again, patched);
            }
        }
    }

    #[test]
    fn no_pod_whatever_makes_it_fail(raw in decoration(), odd in decoration(), part in 0..4_usize) {
        let _ = Pod::read(&raw).map(|pod| pod.sandbox().is_some());
        let mut raw = pod(json!({"containers": [{"name": "app"}]}));
        match part {
            0 => raw["spec"]["containers"][0] = odd,
            1 => raw["spec"]["initContainers"] = odd,
            2 => raw["spec"]["volumes"] = odd,
            _ => raw["metadata"]["annotations"] = odd,
        }
        let view = one(json!({}));
        let pod = match Pod::read(&raw) {
            Ok(pod) => pod,
            Err(problem) => {
                prop_assert_eq!(&problem.code, "MalformedPod");
                return Ok(());
            }
        };
        let selected = selected(&view, &pod);
        if let Ok(shape) = check(&selected, &pod) {
            let injection = plan(&selected, &pod, &shape, &granted(&selected, true), &view.bounds, &installation());
            let _ = patch(&pod, injection);
        }
    }
}
