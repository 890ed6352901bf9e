use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{body::Body, http};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use sandbind_core::{
    api::instance::{Owner, ResourceInstanceSpec, ResourceInstanceStatus},
    binding::{Binding, Namespace, Plugins, View},
    inject::Installation,
    lifecycle::record::{Orders, Record},
};
use sandbind_engine::{
    admission::ports::{Owners, Views},
    ports::{Answer as PortAnswer, Clock, PortError, Records},
    trace::Untraced,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::*;

/// A namespace `shop` with one binding of one plugin.
struct World {
    records: Store,
    view: Objects,
    clock: Ticks,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Store {
    records: Mutex<BTreeMap<String, Arc<Record>>>,
    version: watch::Sender<u64>,
}

impl Store {
    fn put(&self, mut record: Record) -> Record {
        let mut records = self.records.lock().unwrap();
        self.version.send_modify(|version| *version += 1);
        record.version = self.version.borrow().to_string();
        records.insert(record.name.clone(), Arc::new(record.clone()));
        record
    }
}

impl Records for Store {
    fn hint_all(&self) -> Vec<Arc<Record>> {
        self.records.lock().unwrap().values().cloned().collect()
    }
    fn hint(&self, name: &str) -> Option<Arc<Record>> {
        self.records.lock().unwrap().get(name).cloned()
    }
    async fn read(&self, name: &str) -> PortAnswer<Option<Record>> {
        Ok(self.hint(name).map(|record| (*record).clone()))
    }
    async fn create(
        &self,
        name: &str,
        spec: ResourceInstanceSpec,
        status: ResourceInstanceStatus,
    ) -> PortAnswer<Record> {
        if self.hint(name).is_some() {
            return Err(PortError::Exists { what: name.into() });
        }
        let (name, uid, version) = (name.to_owned(), String::new(), String::new());
        Ok(self.put(Record { name, uid, version, deleting: false, orders: Orders::default(), spec, status }))
    }
    async fn commit(&self, record: &Record, status: ResourceInstanceStatus) -> PortAnswer<Record> {
        if self.hint(&record.name).is_none_or(|seen| seen.version != record.version) {
            return Err(PortError::Conflict { what: record.name.clone() });
        }
        Ok(self.put(Record { status, ..record.clone() }))
    }
    async fn remove(&self, record: &Record) -> PortAnswer<()> {
        self.records.lock().unwrap().remove(&record.name);
        Ok(())
    }
    async fn ledger(&self, _record: &Record, _reason: &str) -> PortAnswer<()> {
        Ok(())
    }
    async fn changed(&self, name: &str, version: &str) {
        let mut versions = self.version.subscribe();
        while self.hint(name).map(|record| record.version.clone()).unwrap_or_default() == version {
            versions.changed().await.unwrap();
        }
    }
}

struct Objects(View);

impl Views for Objects {
    async fn fresh(&self, namespace: &str, _sandbox: &str) -> PortAnswer<Option<View>> {
        Ok((namespace != "absent").then(|| self.0.clone()))
    }
    fn cached(&self, _namespace: &str, _sandbox: &str) -> Option<View> {
        None
    }
}

impl Owners for Objects {
    async fn controller(&self, _namespace: &str, _object: &Owner) -> PortAnswer<Option<Owner>> {
        Ok(Some(Owner {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "web".into(),
            uid: "d".into(),
        }))
    }
}

struct Ticks(AtomicU32);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn random(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9)
    }
}

impl Surroundings for World {
    type Records = Store;
    type Views = Objects;
    type Owners = Objects;
    type Clock = Ticks;
    type Tracer = Untraced;
    type Watcher = Metrics;

    fn installation(&self) -> Arc<Installation> {
        Arc::new(Installation { image: "sandbind:test".into(), ..Installation::default() })
    }
    fn records(&self) -> &Store {
        &self.records
    }
    fn views(&self) -> &Objects {
        &self.view
    }
    fn owners(&self) -> &Objects {
        &self.view
    }
    fn clock(&self) -> &Ticks {
        &self.clock
    }
    fn tracer(&self) -> &Untraced {
        &Untraced
    }
    fn watcher(&self) -> &Metrics {
        &self.metrics
    }
}

struct Setup {
    router: Router,
    app: Arc<App<World>>,
    world: Arc<World>,
    registry: Registry,
}

fn plugin_spec() -> Value {
    json!({
        "name": "db", "version": "1.0.0", "runner": {"image": "x"},
        "create": [{"name": "make", "script": "#!/bin/sh", "outputs": [{"name": "url", "valueFromPath": "/url"}]}],
        "delete": [{"name": "drop", "script": "#!/bin/sh"}],
        "allowedNamespaces": {"from": "All"}})
}

fn binding_spec() -> Value {
    json!({
        "selector": {"matchLabels": {"app": "web"}},
        "resources": [{"name": "db", "plugin": "db"}],
        "env": [{"name": "URL", "valueFrom": {"resource": {"name": "db", "outputKey": "make.url"}}}]})
}

fn setup() -> Setup {
    let plugin = json!({"metadata": {"name": "db-1.0.0", "uid": "p"}, "spec": plugin_spec()});
    let binding =
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "b"}, "spec": binding_spec()});
    let typed = |kind: &str, mut object: Value| {
        object["apiVersion"] = json!("sandbind.dev/v1alpha1");
        object["kind"] = json!(kind);
        object
    };
    let plugin = serde_json::from_value(typed("ResourcePlugin", plugin)).unwrap();
    let binding = serde_json::from_value(typed("ResourceBinding", binding)).unwrap();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let world = Arc::new(World {
        records: Store::default(),
        view: Objects(View {
            namespace: Arc::new(Namespace {
                name: "shop".into(),
                uid: "shop-uid".into(),
                ..Namespace::default()
            }),
            bindings: vec![Arc::new(Binding::new(binding, "sandbind-system"))],
            plugins: Arc::new(Plugins::new([Arc::new(plugin)])),
            ..View::default()
        }),
        clock: Ticks(AtomicU32::new(1)),
        metrics: Arc::clone(&metrics),
    });
    let settings = Settings {
        system_namespace: "sandbind-system".into(),
        step_namespaces: vec!["sandbind-steps".into()],
        limits: Limits::default(),
    };
    let app = App::new(Arc::clone(&world), metrics, settings);
    Setup { router: router(Arc::clone(&app)), app, world, registry }
}

impl Setup {
    async fn post(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = http::Request::post(path).body(body.into()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
        let review: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1", "{review}");
        assert_eq!(review["kind"], "AdmissionReview");
        assert!(review["response"]["uid"].is_string() && review["response"]["allowed"].is_boolean());
        (status, review["response"].clone())
    }

    async fn ask(&self, path: &str, review: &Value) -> Value {
        let (status, response) = self.post(path, review.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        response
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn review(kind: (&str, &str, &str), object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "kind": {"group": kind.0, "version": kind.1, "kind": kind.2},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop", "operation": "CREATE", "userInfo": {"username": "jane"}, "object": object}})
}

fn pod(app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "web-", "labels": {"sandbind.dev/sandbox": "pr-1", "app": app},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r", "controller": true}]},
        "spec": {"containers": [{"name": "app", "image": "app", "futureField": {"kept": 1}}]}})
}

fn pod_review(app: &str) -> Value {
    review(("", "v1", "Pod"), &pod(app))
}

fn object_review(kind: &str, metadata: &Value, spec: &Value) -> Value {
    let object =
        json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    review(("sandbind.dev", "v1alpha1", kind), &object)
}

fn message(response: &Value) -> &str {
    assert_eq!(response["allowed"], json!(false), "{response}");
    assert_eq!(response["status"]["code"], json!(403));
    assert_eq!(response["status"]["details"], Value::Null, "nothing of trying again");
    response["status"]["message"].as_str().unwrap()
}

#[tokio::test]
async fn whatever_is_sent_the_answer_is_a_review_with_the_same_uid() {
    let setup = setup();
    let ok = pod_review("web");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut review = ok.clone();
        change(&mut review);
        review.to_string()
    };
    let cases = [
        (String::new(), "", "no JSON"),
        ("{".into(), "", "no JSON"),
        ("[]".into(), "", "no JSON object"),
        ("null".into(), "", "no JSON object"),
        ("\"x\"".into(), "", "no JSON object"),
        ("{}".into(), "", "apiVersion"),
        (with(&|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1")), "u-1", "apiVersion"),
        (with(&|review| review["kind"] = json!("Pod")), "u-1", "`kind`"),
        (with(&|review| review["request"] = json!(null)), "", "request"),
        (with(&|review| review["request"] = json!([1])), "", "request"),
        (with(&|review| review["request"]["uid"] = json!("")), "", "uid"),
        (with(&|review| review["request"]["uid"] = json!(7)), "", "request"),
        (with(&|review| review["request"]["operation"] = json!(7)), "u-1", "request"),
        (with(&|review| review["request"]["kind"] = json!("Pod")), "u-1", "request"),
        (with(&|review| review["request"]["kind"]["kind"] = json!("Node")), "u-1", "not a `v1 Pod`"),
        (with(&|review| review["request"]["object"] = json!(null)), "u-1", "MalformedPod"),
        (with(&|review| review["request"]["object"]["spec"] = json!("x")), "u-1", "MalformedPod"),
        (
            with(&|review| review["request"]["object"]["spec"]["containers"] = json!([])),
            "u-1",
            "MalformedPod",
        ),
        (with(&|review| review["request"]["namespace"] = json!("absent")), "u-1", "NamespaceUnknown"),
        ("[".repeat(100_000), "", "no JSON"),
    ];
    for (body, uid, said) in cases {
        let (status, response) = setup.post("/mutate?timeout=1s", body.clone()).await;
        let body = body.get(..200).unwrap_or(&body);
        assert_eq!((status, response["uid"].as_str()), (StatusCode::OK, Some(uid)), "{body}");
        assert!(message(&response).contains(said), "{body}: {response}");
    }
    assert!(setup.world.records.hint_all().is_empty());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_in_the_form_of_a_review() {
    let (status, response) = setup().post("/mutate", vec![b' '; LARGEST_BODY + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(message(&response).contains("MalformedReview"));
}

#[tokio::test]
async fn a_pod_is_bound_by_a_patch_and_the_decision_counted() {
    let setup = setup();
    // Without a second to spare nobody waits.
    let response = setup.ask("/mutate?timeout=1s", &pod_review("web")).await;
    assert_eq!(response["allowed"], json!(true), "{response}");
    assert_eq!(response["patchType"], json!("JSONPatch"));
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let mut patched = pod("web");
    json_patch::patch(&mut patched, &patch).unwrap();
    assert_eq!(patched["spec"]["containers"][0]["futureField"], json!({"kept": 1}));
    assert_eq!(patched["spec"]["initContainers"][0]["name"], json!("sandbind-binder"));
    let metrics = setup.metrics();
    for line in [
        r#"sandbind_webhook_decisions_total{route="mutate",verdict="bound",reason="Gated"} 1"#,
        "sandbind_webhook_reservation_writes_total 1",
        "sandbind_webhook_held 0",
        "sandbind_webhook_admission_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn a_denial_names_what_is_wrong_and_how_to_try_again_at_once() {
    let setup = setup();
    let response = setup.ask("/mutate?timeout=1s", &pod_review("other")).await;
    assert!(message(&response).starts_with("NoBinding: Namespace shop: "), "{response}");
    setup.ask("/mutate?timeout=1s", &pod_review("web")).await;
    let mut record = (*setup.world.records.hint_all()[0]).clone();
    record.status.phase = sandbind_core::api::instance::Phase::Failed;
    setup.world.records.put(record);
    let response = setup.ask("/mutate?timeout=15s", &pod_review("web")).await;
    assert!(message(&response).contains("`kubectl rollout restart deployment/web -n shop`"), "{response}");
    assert!(setup.metrics().contains(r#"verdict="denied",reason="NoBinding"} 1"#));
}

#[tokio::test]
async fn held_pods_are_answered_gated_when_the_program_ends() {
    let setup = setup();
    let app = Arc::clone(&setup.app);
    let waiting = async {
        while !setup.metrics().contains("sandbind_webhook_held 1") {
            tokio::task::yield_now().await;
        }
        app.drain();
    };
    let review = pod_review("web");
    let (response, ()) = tokio::join!(setup.ask("/mutate?timeout=30s", &review), waiting);
    assert_eq!(response["allowed"], json!(true));
    assert!(setup.metrics().contains(r#"reason="Gated"} 1"#));
}

#[tokio::test]
async fn pods_that_are_not_created_or_not_labelled_pass() {
    let setup = setup();
    let mut update = pod_review("web");
    update["request"]["operation"] = json!("UPDATE");
    let mut unlabelled = pod_review("web");
    unlabelled["request"]["object"]["metadata"] = json!({});
    for review in [update, unlabelled] {
        let response = setup.ask("/mutate", &review).await;
        assert_eq!((&response["allowed"], &response["patch"]), (&json!(true), &Value::Null));
    }
}

#[tokio::test]
async fn a_dry_run_is_answered_alike_and_makes_nothing() {
    let setup = setup();
    let mut review = pod_review("web");
    review["request"]["dryRun"] = json!(true);
    let response = setup.ask("/mutate?timeout=15s", &review).await;
    assert!(response["patch"].is_string());
    assert!(setup.world.records.hint_all().is_empty());
}

#[tokio::test]
async fn mistakes_inside_our_objects_are_refused_all_at_once() {
    let setup = setup();
    let mut wrong = binding_spec();
    wrong["resources"][0]["plugin"] = json!("db@@");
    wrong["env"][0]["valueFrom"]["resource"]["name"] = json!("cache");
    let response =
        setup.ask("/validate", &object_review("ResourceBinding", &json!({"name": "b"}), &wrong)).await;
    assert!(message(&response).contains("spec.resources[0].plugin"), "{response}");
    assert!(message(&response).contains("spec.env[0]"), "{response}");

    let mut plugin = plugin_spec();
    plugin["version"] = json!("one");
    plugin["runner"]["namespace"] = json!("elsewhere");
    let response =
        setup.ask("/validate", &object_review("ResourcePlugin", &json!({"name": "db"}), &plugin)).await;
    assert!(message(&response).contains("spec.version"), "{response}");
    assert!(message(&response).contains("StepNamespaceNotAllowed"), "{response}");

    let ttl = json!({"ttl": {"duration": "1s"}});
    let response =
        setup.ask("/validate", &object_review("Sandbox", &json!({"name": "Wrong_Name"}), &ttl)).await;
    assert!(
        message(&response).contains("metadata.name") && message(&response).contains("spec.ttl"),
        "{response}"
    );

    let response =
        setup.ask("/validate", &object_review("Sandbox", &json!({"name": "s"}), &json!({"ttl": 3}))).await;
    assert!(message(&response).contains("InvalidObject"), "{response}");
}

#[tokio::test]
async fn references_that_do_not_hold_are_warnings() {
    let setup = setup();
    let mut spec = binding_spec();
    spec["resources"] = json!([{"name": "mq", "plugin": "rabbit@^3"}]);
    spec["env"][0]["valueFrom"]["resource"]["name"] = json!("mq");
    let response =
        setup.ask("/validate", &object_review("ResourceBinding", &json!({"name": "b"}), &spec)).await;
    assert_eq!(response["allowed"], json!(true), "{response}");
    assert!(response["warnings"][0].as_str().unwrap().contains("rabbit"), "{response}");
    let fine = object_review("ResourceBinding", &json!({"name": "web"}), &binding_spec());
    let response = setup.ask("/validate", &fine).await;
    assert_eq!((&response["allowed"], &response["warnings"]), (&json!(true), &Value::Null), "{response}");
}

#[tokio::test]
async fn published_plugins_do_not_change_and_names_differ_by_more_than_case() {
    let setup = setup();
    let mut changed = plugin_spec();
    changed["create"][0]["script"] = json!("#!/bin/sh\nexit 0");
    let mut update = object_review("ResourcePlugin", &json!({"name": "db-1.0.0"}), &changed);
    update["request"]["operation"] = json!("UPDATE");
    update["request"]["oldObject"] = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
        "metadata": {"name": "db-1.0.0"}, "spec": plugin_spec()});
    let response = setup.ask("/validate", &update).await;
    assert!(message(&response).contains("Immutable: spec.create"), "{response}");

    let mut other = plugin_spec();
    other["name"] = json!("DB");
    other["version"] = json!("2.0.0");
    let response =
        setup.ask("/validate", &object_review("ResourcePlugin", &json!({"name": "db-2.0.0"}), &other)).await;
    assert!(message(&response).contains("NameTaken"), "{response}");
}

#[tokio::test]
async fn objects_on_their_way_out_and_other_kinds_pass() {
    let setup = setup();
    let leaving = json!({"name": "Wrong_Name", "deletionTimestamp": "2030-01-01T00:00:00Z"});
    for review in [
        object_review("Sandbox", &leaving, &json!({"ttl": {"duration": "1s"}})),
        object_review("Other", &json!({}), &json!({})),
    ] {
        assert_eq!(setup.ask("/validate", &review).await["allowed"], json!(true));
    }
}

#[tokio::test]
async fn copies_of_a_hubs_plugins_are_written_by_the_runner_alone() {
    let setup = setup();
    let marked = json!({"name": "db-1.0.0", "uid": "p", "labels": {"sandbind.dev/hub": "h"},
        "annotations": {"sandbind.dev/hub-object": "o"}});
    let mut left = marked.clone();
    left["annotations"]["sandbind.dev/hub-left"] = json!("2027");
    let mut retired = plugin_spec();
    retired["allowedNamespaces"] = json!({"from": "None"});
    let object = |metadata: &Value, spec: &Value| json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": metadata, "spec": spec});
    let copy = object(&marked, &plugin_spec());
    let own = object(&json!({"name": "db-1.0.0", "uid": "p"}), &plugin_spec());
    let runner = "system:serviceaccount:sandbind-system:sandbind-plugin-runner";
    for (name, operation, old, new, user, allowed) in [
        ("make", "CREATE", Value::Null, copy.clone(), "jane", false),
        ("make", "CREATE", Value::Null, copy.clone(), runner, true),
        (
            "make",
            "CREATE",
            Value::Null,
            copy.clone(),
            "system:serviceaccount:shop:sandbind-plugin-runner",
            false,
        ),
        ("change", "UPDATE", copy.clone(), object(&marked, &retired), "jane", false),
        ("change", "UPDATE", copy.clone(), object(&marked, &retired), runner, true),
        ("release", "UPDATE", copy.clone(), own.clone(), "jane", false),
        ("leave", "UPDATE", copy.clone(), object(&left, &plugin_spec()), "jane", true),
        ("delete", "DELETE", copy.clone(), Value::Null, "jane", false),
        ("delete", "DELETE", copy.clone(), Value::Null, runner, true),
        ("delete when left", "DELETE", object(&left, &plugin_spec()), Value::Null, "jane", true),
        ("delete one's own", "DELETE", own, Value::Null, "jane", true),
    ] {
        let mut review = review(("sandbind.dev", "v1alpha1", "ResourcePlugin"), &new);
        review["request"]["operation"] = json!(operation);
        review["request"]["oldObject"] = old;
        review["request"]["userInfo"]["username"] = json!(user);
        let response = setup.ask("/validate", &review).await;
        assert_eq!(response["allowed"], json!(allowed), "{name} by {user}: {response}");
        if !allowed {
            assert!(message(&response).contains("PluginOfHub: "), "{name} by {user}: {response}");
        }
    }
}
