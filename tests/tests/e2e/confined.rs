//! What sandbind's own programs are refused, whoever may have got hold of their tokens: other Secrets than their own, and all reading
//! of a tenant's.

use super::support::{
    Namespace, kubectl,
    kubectl::{feed, try_kubectl},
};

const RUNNER: &str = "system:serviceaccount:sandbind-system:sandbind-plugin-runner";
const WEBHOOK: &str = "system:serviceaccount:sandbind-system:sandbind-webhook";
const STEP: &str = "system:serviceaccount:sandbind-steps:default";

/// A name that the runner could have chosen.
const OURS: &str = "sandbind-aaaaaaaaaaaaaaaa";

fn object(kind: &str, name: &str, more: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{more}")
}

fn create(namespace: &str, yaml: &str) -> Result<String, String> {
    feed(&["--as", RUNNER, "-n", namespace, "create", "-f", "-"], yaml)
}

fn apply(namespace: &str, yaml: &str) -> Result<String, String> {
    feed(&["--as", RUNNER, "-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-"], yaml)
}

#[track_caller]
fn refused(answer: Result<String, String>, because: &str) {
    let error = answer.expect_err("this must be refused");
    assert!(error.contains(because), "not refused because of `{because}`: {error}");
}

#[test]
fn the_runner_writes_no_secret_and_no_config_map_but_its_own() {
    let shop = Namespace::new();
    let shop = &*shop.name;
    let made = create(shop, &object("Secret", OURS, ""));
    assert!(made.is_ok(), "what it lives on: {made:?}");
    for wrong in ["app-password", "sandbind-short", "sandbind-tls", "sandbind-AAAAAAAAAAAAAAAA.x"] {
        let wrong = wrong.to_lowercase();
        refused(create(shop, &object("Secret", &wrong, "")), "only Secrets named sandbind-<incarnation>");
    }
    let token = "type: kubernetes.io/service-account-token\n";
    let of_account = object("Secret", "sandbind-bbbbbbbbbbbbbbbb", token)
        .replace("metadata: {", "metadata: {annotations: {kubernetes.io/service-account.name: default}, ");
    refused(create(shop, &of_account), "only Secrets of type Opaque");
    for kind in ["bootstrap.kubernetes.io/token", "example.com/mine"] {
        let typed = object("Secret", "sandbind-bbbbbbbbbbbbbbbb", &format!("type: {kind}\n"));
        refused(create(shop, &typed), "only Secrets of type Opaque");
    }
    for elsewhere in ["kube-system", "kube-public", "kube-node-lease", "sandbind-steps"] {
        refused(create(elsewhere, &object("Secret", OURS, "")), "may write nothing in this namespace");
    }

    // What others made under names of theirs is neither changed nor removed.
    kubectl(&["-n", shop, "create", "secret", "generic", "app-password", "--from-literal=a=b"]);
    refused(apply(shop, &object("Secret", "app-password", "")), "only Secrets named sandbind-<incarnation>");
    let delete =
        |name: &str| try_kubectl(&["--as", RUNNER, "-n", shop, "delete", "secret", name, "--wait=false"]);
    refused(delete("app-password"), "only Secrets named sandbind-<incarnation>");
    assert!(delete(OURS).is_ok());

    let own = object("ConfigMap", "sandbind-runner", "data: {url: u}\n");
    let made = apply(shop, &own);
    assert!(made.is_ok(), "what it lives on: {made:?}");
    refused(apply(shop, &object("ConfigMap", "app-settings", "")), "forbidden");
    refused(create(shop, &object("ConfigMap", "app-settings", "")), "forbidden");
    refused(apply("kube-system", &own), "may write nothing in this namespace");
}

#[test]
fn the_runner_asks_by_dry_runs_of_creation_only_where_steps_run_and_sees_nothing() {
    let shop = Namespace::new();
    let shop = &*shop.name;
    let ask = |namespace: &str, kind: &str, name: &str| {
        let words = ["--as", RUNNER, "-n", namespace, "create", "--dry-run=server", "-o", "yaml", "-f", "-"];
        feed(&words, &object(kind, name, ""))
    };
    let name = format!("asked-{shop}");
    kubectl(&["-n", "sandbind-steps", "create", "secret", "generic", &name, "--from-literal=a=hush"]);
    for kind in ["Secret", "ConfigMap", "ServiceAccount"] {
        let absent = ask("sandbind-steps", kind, "absent");
        assert!(absent.is_ok(), "what it lives on: {absent:?}");
        refused(create("sandbind-steps", &object(kind, "absent", "")), "plugin runner may write");
        // It may make Secrets in tenants' namespaces, by names of its own.
        let because = if kind == "Secret" { "plugin runner may write" } else { "forbidden" };
        refused(ask(shop, kind, "absent"), because);
    }
    refused(ask("sandbind-steps", "Secret", &name), "already exists");
    // A dry run of a change would show what is there.
    let words = ["--as", RUNNER, "-n", "sandbind-steps", "apply", "--server-side", "--force-conflicts"];
    let shown = feed(
        &[&words[..], &["--dry-run=server", "-o", "yaml", "-f", "-"]].concat(),
        &object("Secret", &name, ""),
    );
    refused(shown, "may write");
    kubectl(&["-n", "sandbind-steps", "delete", "secret", &name]);
}

#[test]
fn no_program_reads_a_tenants_secret() {
    let shop = Namespace::new();
    let shop = &*shop.name;
    kubectl(&["-n", shop, "create", "secret", "generic", "app-password", "--from-literal=a=b"]);
    kubectl(&["-n", shop, "create", "secret", "generic", OURS, "--from-literal=a=b"]);
    for program in [RUNNER, WEBHOOK, STEP] {
        for name in ["app-password", OURS] {
            refused(try_kubectl(&["--as", program, "-n", shop, "get", "secret", name]), "forbidden");
        }
        refused(try_kubectl(&["--as", program, "-n", shop, "get", "secrets"]), "forbidden");
        refused(try_kubectl(&["--as", program, "get", "secrets", "-A"]), "forbidden");
        let watch =
            ["--as", program, "-n", shop, "get", "--raw", "/api/v1/secrets?watch=true&timeoutSeconds=1"];
        refused(try_kubectl(&watch), "forbidden");
    }
}

#[test]
fn no_program_may_what_would_make_it_more_than_it_is() {
    let shop = Namespace::new();
    let shop = &*shop.name;
    let never: &[(&str, &str, &[&str])] = &[
        (
            shop,
            "create",
            &["pods", "pods:exec", "pods:attach", "pods:ephemeralcontainers", "deployments.apps"],
        ),
        (shop, "create", &["serviceaccounts:token", "rolebindings.rbac.authorization.k8s.io"]),
        (shop, "patch", &["pods", "serviceaccounts", "namespaces", "resourcebindings.sandbind.dev"]),
        (shop, "delete", &["pods", "configmaps", "resourcebindings.sandbind.dev"]),
        (shop, "get", &["configmaps", "pods:log", "nodes:proxy"]),
        (shop, "impersonate", &["users", "groups", "serviceaccounts"]),
        (shop, "escalate", &["clusterroles.rbac.authorization.k8s.io"]),
        (shop, "bind", &["clusterroles.rbac.authorization.k8s.io"]),
        ("sandbind-system", "list", &["secrets", "configmaps"]),
        ("sandbind-system", "create", &["pods", "pods:exec"]),
        ("sandbind-steps", "get", &["secrets"]),
    ];
    for program in [RUNNER, WEBHOOK, STEP] {
        for (namespace, verb, resources) in never {
            for resource in *resources {
                may_not(program, namespace, verb, resource);
            }
        }
    }
    for (verb, resource) in [
        ("get", "secrets"),
        ("get", "secrets/other"),
        ("patch", "secrets/other"),
        ("delete", "resourceinstances.sandbind.dev"),
        ("patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/other"),
        ("delete", "mutatingwebhookconfigurations.admissionregistration.k8s.io/sandbind"),
    ] {
        may_not(WEBHOOK, "sandbind-system", verb, resource);
    }
    // The runner may, for copies of a hub's; a policy refuses it all others.
    for program in [WEBHOOK, STEP] {
        may_not(program, shop, "patch", "resourceplugins.sandbind.dev");
    }
    for (verb, resource) in [("update", "leases.coordination.k8s.io/other"), ("get", "configmaps/other")] {
        may_not(RUNNER, "sandbind-system", verb, resource);
    }
}

/// `resource` is a resource, one object of it (`secrets/other`) or a subresource (`pods:exec`).
#[track_caller]
fn may_not(program: &str, namespace: &str, verb: &str, resource: &str) {
    let (object, subresource) = resource.split_once(':').unwrap_or((resource, ""));
    let below = format!("--subresource={subresource}");
    let answer =
        try_kubectl(&["--as", program, "-n", namespace, "auth", "can-i", verb, object, &below, "-q"]);
    let no = answer.expect_err(&format!("{program} may {verb} {resource} in {namespace}"));
    assert!(!no.contains("error"), "not asked: {no}");
}
