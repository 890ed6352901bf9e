use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
    LabelSelector {
        match_labels: None,
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: key.into(),
            operator: operator.into(),
            values: (!values.is_empty()).then(|| values.iter().map(|v| (*v).to_owned()).collect()),
        }]),
    }
}

#[test]
fn selects_as_the_api_server_does() {
    let pod = labels(&[("app", "orders"), ("tier", "")]);
    let app = |value: &str| LabelSelector {
        match_labels: Some(labels(&[("app", value)])),
        match_expressions: None,
    };
    for (selector, expected) in [
        (LabelSelector::default(), true),
        (app("orders"), true),
        (app("other"), false),
        (expression("app", "In", &["x", "orders"]), true),
        (expression("app", "In", &["x"]), false),
        (expression("gone", "In", &["x"]), false),
        (expression("app", "NotIn", &["orders"]), false),
        (expression("app", "NotIn", &["x"]), true),
        (expression("gone", "NotIn", &["x"]), true),
        (expression("tier", "Exists", &[]), true),
        (expression("gone", "Exists", &[]), false),
        (expression("gone", "DoesNotExist", &[]), true),
        (expression("app", "DoesNotExist", &[]), false),
        (expression("app", "Near", &["orders"]), false),
    ] {
        assert_eq!(matches(&selector, &pod), expected, "{selector:?}");
    }
    let raw = serde_json::json!({"app": "orders", "count": 3});
    assert!(matches(&app("orders"), raw.as_object().unwrap()));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let selector = LabelSelector {
        match_labels: Some(labels(&[("-app", "ok"), ("app", "a b")])),
        match_expressions: Some(
            [("a/b/c", "In", &[][..]), ("ok", "Exists", &["x"]), ("ok", "Near", &["_x"])]
                .into_iter()
                .flat_map(|(key, operator, values)| {
                    expression(key, operator, values).match_expressions.unwrap()
                })
                .collect(),
        ),
    };
    let places: Vec<String> = validate(&selector, "spec.selector").into_iter().map(|p| p.place).collect();
    assert_eq!(
        places,
        [
            "spec.selector.matchLabels",
            "spec.selector.matchLabels.app",
            "spec.selector.matchExpressions[0].key",
            "spec.selector.matchExpressions[0].values",
            "spec.selector.matchExpressions[1].values",
            "spec.selector.matchExpressions[2].operator",
            "spec.selector.matchExpressions[2].values[0]",
        ]
    );
    assert!(validate(&expression("example.com/app", "NotIn", &["a", "b.c_d"]), "s").is_empty());
}
