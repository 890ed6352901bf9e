//! Looks at objects by this process's own client. A wait looks ten times a second, and a kubectl process costs a third of a second of
//! a core: it would slow down what it waits for.

use std::sync::LazyLock;

use kube::{Client, Error};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The kinds that tests look at, by both names, and where the API server has them.
const KINDS: &[(&str, &str, &str)] = &[
    ("configmap", "configmaps", "/api/v1"),
    ("deployment", "deployments", "/apis/apps/v1"),
    ("pod", "pods", "/api/v1"),
    ("resourcebinding", "resourcebindings", "/apis/sandbind.dev/v1alpha1"),
    ("resourceinstance", "resourceinstances", "/apis/sandbind.dev/v1alpha1"),
    ("resourceplugin", "resourceplugins", "/apis/sandbind.dev/v1alpha1"),
    ("resourcequota", "resourcequotas", "/api/v1"),
    ("sandbox", "sandboxes", "/apis/sandbind.dev/v1alpha1"),
    ("secret", "secrets", "/api/v1"),
    ("serviceaccount", "serviceaccounts", "/api/v1"),
];

/// The cluster of `KUBECONFIG`, by the same file as kubectl.
struct Eyes {
    runtime: Runtime,
    client: Client,
}

static EYES: LazyLock<Eyes> = LazyLock::new(|| {
    sandbind_kit::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(Client::try_default()).unwrap();
    Eyes { runtime, client }
});

/// What `kubectl get --ignore-not-found -o json` answers to these words, of which it understands `-n NAMESPACE`, `-l SELECTOR`, a kind
/// and a name. `Null` when there is no such object.
pub fn json(arguments: &[&str]) -> Value {
    let path = path(arguments);
    let request = http::Request::get(&path).body(Vec::new()).unwrap();
    match EYES.runtime.block_on(EYES.client.request(request)) {
        Ok(found) => found,
        Err(Error::Api(status)) if status.code == 404 => Value::Null,
        Err(error) => panic!("GET {path}: {error}"),
    }
}

/// What a pod of one container has logged; none when it cannot be asked any more.
pub fn log(namespace: &str, pod: &str) -> Option<String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log");
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    EYES.runtime.block_on(EYES.client.request_text(request)).ok()
}

fn path(arguments: &[&str]) -> String {
    let (mut namespace, mut query) = (String::new(), String::new());
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match *word {
            "-n" => namespace = format!("/namespaces/{}", rest.next().unwrap()),
            "-l" => {
                let selector = rest.next().unwrap().replace('=', "%3D").replace(',', "%2C");
                query = format!("?labelSelector={selector}");
            }
            word => words.push(word),
        }
    }
    let (_, plural, api) = KINDS
        .iter()
        .find(|(one, many, _)| words.first().is_some_and(|word| [*one, *many].contains(word)))
        .unwrap_or_else(|| panic!("no known kind in {arguments:?}"));
    let name = words.get(1).map(|name| format!("/{name}")).unwrap_or_default();
    format!("{api}{namespace}/{plural}{name}{query}")
}
