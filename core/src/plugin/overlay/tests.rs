use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

#[test]
fn keyed_lists_are_merged_item_by_item_and_other_lists_replaced() {
    let base = json!({"spec": {
        "containers": [{"name": "main", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "tolerations": [{"key": "a"}],
    }});
    let overlay = json!({"metadata": {"labels": {"x": "y"}}, "spec": {
        "containers": [
            {"name": "side", "image": "s"},
            {"name": "main", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}, {"name": "A", "$patch": "delete"}],
             "volumeMounts": [{"name": "w", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}]},
        ],
        "volumes": [{"name": "w", "secret": {"secretName": "s", "optional": null}}],
        "tolerations": [{"key": "b"}],
    }});
    assert_eq!(
        merge(&base, &overlay),
        json!({"spec": {
            "containers": [
                {"name": "main", "image": "i", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
                 "volumeMounts": [{"name": "w", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}]},
                {"name": "side", "image": "s"},
            ],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "secret": {"secretName": "s"}}],
            "tolerations": [{"key": "b"}],
        }, "metadata": {"labels": {"x": "y"}}})
    );
}

#[test]
fn null_removes_and_directives_delete_and_replace() {
    let base =
        json!({"a": {"x": 1, "y": 2}, "b": {"x": 1}, "c": 5, "volumes": [{"name": "v"}, {"name": "w"}]});
    for (overlay, merged) in [
        (
            json!({"c": null}),
            json!({"a": {"x": 1, "y": 2}, "b": {"x": 1}, "volumes": [{"name": "v"}, {"name": "w"}]}),
        ),
        (
            json!({"a": {"$patch": "replace", "z": 3}}),
            json!({"a": {"z": 3}, "b": {"x": 1}, "c": 5, "volumes": [{"name": "v"}, {"name": "w"}]}),
        ),
        (
            json!({"b": {"$patch": "delete"}}),
            json!({"a": {"x": 1, "y": 2}, "c": 5, "volumes": [{"name": "v"}, {"name": "w"}]}),
        ),
        (
            json!({"volumes": [{"$patch": "replace"}, {"name": "n"}]}),
            json!({"a": {"x": 1, "y": 2}, "b": {"x": 1}, "c": 5, "volumes": [{"name": "n"}]}),
        ),
        (
            json!({"volumes": [{"name": "v", "$patch": "delete"}, {"name": "none", "$patch": "delete"}]}),
            json!({"a": {"x": 1, "y": 2}, "b": {"x": 1}, "c": 5, "volumes": [{"name": "w"}]}),
        ),
    ] {
        assert_eq!(merge(&base, &overlay), merged, "{overlay}");
    }
}

#[test]
fn an_overlay_may_use_what_steps_need() {
    let runner = Runner {
        image: "i".into(),
        namespace: Some("steps".into()),
        pod_template_overlay: Some(
            "metadata: {annotations: {a.b/c: d}, labels: {team: x}, namespace: steps}\nspec:\n  serviceAccountName: sd\n  hostNetwork: false\n  \
             restartPolicy: Never\n  nodeSelector: {disk: ssd}\n  imagePullSecrets: [{name: s}]\n  initContainers: [{name: warm, image: x}]\n  \
             volumes: [{name: c, configMap: {name: conf}}, {name: e, emptyDir: {sizeLimit: 5}}]\n  containers:\n  - name: main\n    image: i\n    \
             resources: {limits: {cpu: 0.5, memory: 1Gi}}\n    securityContext: {runAsUser: 0, capabilities: {drop: [ALL]}}\n    \
             envFrom: [{secretRef: {name: pg}}]\n    volumeMounts: [{name: c, mountPath: /c}]\n"
                .into(),
        ),
        ..Runner::default()
    };
    let overlay = read(&runner).unwrap();
    assert_eq!(overlay.pointer("/spec/containers/0/resources/limits/cpu"), Some(&json!("0.5")));
    assert_eq!(overlay.pointer("/spec/volumes/1/emptyDir/sizeLimit"), Some(&json!("5")));
    assert_eq!(read(&Runner::default()), Ok(json!({})));
}

/// Pod-like maps whose keyed lists have unique keys; with directives and nulls when `patch`.
fn pods(patch: bool) -> impl Strategy<Value = Value> {
    let directive = move |value: Value, choice: u8| match (patch, choice, value) {
        (true, 0, Value::Object(mut fields)) => {
            fields.insert("$patch".to_owned(), json!("delete"));
            Value::Object(fields)
        }
        (true, 1, Value::Object(mut fields)) => {
            fields.insert("$patch".to_owned(), json!("replace"));
            Value::Object(fields)
        }
        (_, _, value) => value,
    };
    let scalar = prop_oneof![
        any::<u8>().prop_map(|n| json!(n.to_string())),
        any::<u8>().prop_map(move |n| if patch && n % 3 == 0 { Value::Null } else { json!(n) }),
        prop::collection::vec(any::<bool>(), 0..3).prop_map(|items| json!(items)),
    ];
    let field = prop::sample::select(vec!["image", "x", "tolerations", "args"]);
    let leaf = prop::collection::btree_map(field, scalar, 0..3).prop_map(|fields| {
        Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    });
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let item = (inner.clone(), 0u8..8).prop_map(move |(value, choice)| directive(value, choice));
        let list = |field: &'static str, key: &'static str| {
            let items =
                prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), item.clone(), 0..3);
            (items, prop::bool::weighted(if patch { 0.2 } else { 0.0 })).prop_map(move |(items, replace)| {
                let named = items.into_iter().map(|(name, item)| {
                    let mut fields = Map::new();
                    fields.insert(key.to_owned(), json!(name));
                    fields.extend(item.as_object().cloned().unwrap_or_default());
                    Value::Object(fields)
                });
                let first = replace.then(|| json!({"$patch": "replace"}));
                (field, Value::Array(first.into_iter().chain(named).collect()))
            })
        };
        let map = (prop::sample::select(vec!["securityContext", "resources"]), item.clone())
            .prop_map(|(k, v)| (k, v));
        let parts = prop_oneof![
            list("containers", "name"),
            list("volumeMounts", "mountPath"),
            list("env", "name"),
            map
        ];
        prop::collection::vec(parts, 0..4).prop_map(|parts| {
            Value::Object(parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        })
    })
}

proptest! {
    #[test]
    fn nothing_laid_over_a_pod_changes_nothing(pod in pods(false)) {
        prop_assert_eq!(merge(&pod, &json!({})), pod);
    }

    #[test]
    fn an_overlay_laid_over_twice_is_as_laid_over_once(pod in pods(false), overlay in pods(true)) {
        let once = merge(&pod, &overlay);
        prop_assert_eq!(merge(&once, &overlay), once);
    }

    #[test]
    fn no_directive_and_no_null_of_the_overlay_is_left(pod in pods(false), overlay in pods(true)) {
        let text = merge(&pod, &overlay).to_string();
        prop_assert!(!text.contains("$patch") && !text.contains("null"), "{}", text);
    }
}
