//! An API server without nodes, as the ServiceAccounts that the examples' pages describe: what they may not do fails.

use crate::{
    example::Example,
    server::{Server, shell},
};

/// The example's name.
pub(crate) const NAME: &str = "kubernetes";

/// Makes the ServiceAccount `sandbind-$EXAMPLE` and a kubeconfig with a token of it. The controllers put a ConfigMap into each new
/// namespace, which must not count as the example's.
const ACCESS: &str = r#"
kubectl create namespace sandbind-steps --dry-run=client -o yaml | kubectl apply --server-side -f -
kubectl apply -f "$ACCESS"
kubectl --namespace "$IN" wait --for=create configmap/kube-root-ca.crt --timeout=60s
token=$(kubectl --namespace sandbind-steps create token "sandbind-$EXAMPLE" --duration=2h)
cp "$KUBECONFIG" steps
export KUBECONFIG="$PWD/steps"
kubectl config set-credentials steps --token="$token"
kubectl config set-context --current --user=steps
"#;

/// An example that runs as the ServiceAccount of its `access.yaml`, and makes `kinds` in `namespace`, which `variable` names.
pub(crate) fn example(
    name: &'static str,
    variable: &'static str,
    namespace: &'static str,
    kinds: &str,
) -> Example {
    let admin = std::env::var("SANDBIND_TEST_KUBECONFIG")
        .unwrap_or_else(|error| panic!("`cargo xtask test` sets SANDBIND_TEST_KUBECONFIG: {error}"));
    let server = Server::new();
    let access = sandbind_tests::pages::root().join("examples").join(name).join("access.yaml");
    let env = [
        ("KUBECONFIG", admin),
        ("HOME", server.path("")),
        ("ACCESS", access.display().to_string()),
        ("EXAMPLE", name.to_owned()),
        ("IN", namespace.to_owned()),
    ];
    shell(server.folder.path(), ACCESS, &env).unwrap_or_else(|error| panic!("{error}"));
    Example {
        name,
        env: vec![("KUBECONFIG", server.path("steps")), (variable, namespace.to_owned())],
        list: format!("kubectl --namespace {namespace} get {kinds} -o name | sort"),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_objects_that_go_with_it() {
    example(NAME, "OBJECTS_NAMESPACE", "sandbind-objects", "configmaps,services").check();
}
