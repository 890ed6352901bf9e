use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn all() -> Vec<Value> {
    render(&Options::default())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| text(object, "/kind") == kind).collect()
}

#[test]
fn every_object_has_an_identity_of_its_own() {
    let objects = all();
    let identities: BTreeSet<_> = objects
        .iter()
        .map(|o| {
            (
                text(o, "/apiVersion"),
                text(o, "/kind"),
                text(o, "/metadata/namespace"),
                text(o, "/metadata/name"),
            )
        })
        .collect();
    assert_eq!(identities.len(), objects.len());
    assert!(
        identities
            .iter()
            .all(|(version, kind, _, name)| !version.is_empty() && !kind.is_empty() && !name.is_empty())
    );
}

#[test]
fn no_manifest_holds_a_ca_bundle_or_content_of_a_secret() {
    let objects = all();
    assert!(!serde_json::to_string(&objects).unwrap().contains("caBundle"));
    for secret in of_kind(&objects, "Secret") {
        assert_eq!((secret.get("data"), secret.get("stringData")), (None, None));
    }
}

#[test]
fn nobody_is_granted_what_security_forbids() {
    let forbidden_verbs = ["*", "escalate", "bind", "impersonate"];
    let forbidden_resources =
        ["*", "pods/exec", "serviceaccounts/token", "nodes/proxy", "pods/ephemeralcontainers"];
    for role in all().iter().filter(|object| text(object, "/kind").ends_with("Role")) {
        for rule in role["rules"].as_array().unwrap() {
            let words = |key: &str| -> Vec<&str> {
                rule[key].as_array().unwrap().iter().filter_map(Value::as_str).collect()
            };
            let (verbs, resources) = (words("verbs"), words("resources"));
            assert!(!verbs.iter().any(|verb| forbidden_verbs.contains(verb)), "{role}");
            assert!(!resources.iter().any(|resource| forbidden_resources.contains(resource)), "{role}");
            if text(role, "/kind") == "ClusterRole" && resources.contains(&"secrets") {
                assert!(!verbs.iter().any(|verb| ["get", "list", "watch"].contains(verb)), "{role}");
            }
        }
    }
}

#[test]
fn only_the_runner_may_write_a_status() {
    for role in all().iter().filter(|object| text(object, "/kind").ends_with("Role")) {
        if role.to_string().contains("/status") {
            assert_eq!(text(role, "/metadata/name"), RUNNER);
        }
    }
}

#[test]
fn programs_fit_the_restricted_profile_and_say_what_they_need() {
    let objects = all();
    let deployments = of_kind(&objects, "Deployment");
    assert_eq!(deployments.len(), 2);
    for deployment in deployments {
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        let container = &pod["containers"][0];
        assert_eq!(container["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        for bound in ["requests", "limits"] {
            assert!(
                container["resources"][bound]["cpu"].is_string()
                    && container["resources"][bound]["memory"].is_string()
            );
        }
        assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
        assert_eq!(deployment["spec"]["replicas"], 2);
    }
}

#[test]
fn pods_reach_the_webhook_by_label_and_never_from_our_own_namespaces() {
    let options = Options {
        namespace: "sb".into(),
        step_namespaces: vec!["s1".into(), "s2".into(), "sb".into()],
        ..Options::default()
    };
    let objects = render(&options);
    let webhook = &of_kind(&objects, "MutatingWebhookConfiguration")[0]["webhooks"][0];
    assert_eq!(webhook["objectSelector"]["matchExpressions"][0]["key"], "sandbind.dev/sandbox");
    assert_eq!(
        webhook["namespaceSelector"]["matchExpressions"][0]["values"],
        serde_json::json!(["kube-system", "kube-node-lease", "sb", "s1", "s2"])
    );
    assert_eq!(webhook["rules"][0]["operations"], serde_json::json!(["CREATE"]));
    assert_eq!(webhook["failurePolicy"], "Fail");
    assert_eq!(webhook["timeoutSeconds"], 15);
    assert_eq!(of_kind(&objects, "Namespace").len(), 3);
}

#[test]
fn of_deletions_only_those_of_copies_reach_the_webhook() {
    let objects = all();
    let webhooks = of_kind(&objects, "ValidatingWebhookConfiguration")[0]["webhooks"].as_array().unwrap();
    let of_deletions: Vec<_> = webhooks
        .iter()
        .filter(|webhook| {
            webhook["rules"][0]["operations"].as_array().unwrap().iter().any(|one| one == "DELETE")
        })
        .collect();
    assert_eq!(of_deletions.len(), 1);
    let webhook = of_deletions[0];
    assert_eq!(webhook["rules"][0]["resources"], serde_json::json!(["resourceplugins"]));
    assert_eq!(webhook["objectSelector"]["matchExpressions"][0]["key"], "sandbind.dev/hub");
    assert_eq!(webhook["matchConditions"][0]["name"], "not-the-runner");
    assert_eq!(webhook["failurePolicy"], "Fail");
}

#[test]
fn every_choice_arrives_at_its_program() {
    let options = Options {
        image: "localhost/sandbind@sha256:00".into(),
        image_pull_secret: Some("pull".into()),
        default_ttl: Some(Span::from_secs(172_800)),
        webhook_replicas: 1,
        runner_replicas: 3,
        webhook_args: vec!["--leaf-lifetime=60s".into()],
        runner_args: vec!["--bind-window=5s".into()],
        ..Options::default()
    };
    let objects = render(&options);
    let seen: Vec<_> = of_kind(&objects, "Deployment")
        .into_iter()
        .map(|deployment| {
            let pod = &deployment["spec"]["template"]["spec"];
            serde_json::json!([
                deployment["spec"]["replicas"],
                pod["imagePullSecrets"],
                pod["containers"][0]["image"],
                pod["containers"][0]["args"],
            ])
        })
        .collect();
    insta::assert_json_snapshot!(seen);
}
