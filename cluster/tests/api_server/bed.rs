//! Namespaces of a test's own on the API server.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Namespace, Pod, ServiceAccount},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use sandbind_cluster::{accepted::keep, clock::random_bytes, records::ClusterRecords, watch::Watches};
use sandbind_core::{
    api::{
        crd,
        instance::{InstanceKey, Owner, Reservation, ResourceInstanceSpec, ResourceInstanceStatus},
    },
    identity,
    lifecycle::{
        record::Record,
        reserve::{ReserveRequest, begin},
    },
    step::StepSettings,
};
use sandbind_engine::ports::Records;
use sandbind_wire::{
    message::{PodBindings, PodResource},
    name,
};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, watch};

static DEFINED: OnceCell<()> = OnceCell::const_new();

/// A system namespace and a tenant's namespace, both new.
pub(crate) struct Bed {
    pub(crate) client: Client,
    pub(crate) system: String,
    pub(crate) shop: String,
    pub(crate) shop_uid: String,
    pub(crate) watches: Arc<Watches>,
    pub(crate) records: ClusterRecords,
}

/// On the API server of `SANDBIND_TEST_KUBECONFIG`.
pub(crate) async fn bed() -> Bed {
    let kubeconfig = std::env::var_os("SANDBIND_TEST_KUBECONFIG").unwrap();
    let client = sandbind_cluster::client::connect(Some(kubeconfig.as_ref())).await.unwrap();
    DEFINED.get_or_init(|| define(client.clone())).await;
    let id = identity::incarnation(random_bytes().unwrap());
    let system = format!("t-{id}-system");
    let shop = format!("t-{id}-shop");
    let labels = BTreeMap::from([(name::LABEL_ENABLED.to_owned(), "true".to_owned())]);
    namespace(&client, &system, BTreeMap::new()).await;
    let shop_uid = namespace(&client, &shop, labels).await;
    let watches = Arc::new(Watches::new(&system, std::slice::from_ref(&system), Duration::from_secs(600)));
    let records = ClusterRecords::new(client.clone(), &system, watches.records.clone());
    Bed { client, system, shop, shop_uid, watches, records }
}

async fn define(client: Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for definition in crd::all() {
        let name = definition.name_any();
        let params = PatchParams::apply("tests").force();
        api.patch(&name, &params, &Patch::Apply(&definition)).await.unwrap();
        let established = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), established).await.unwrap().unwrap();
    }
}

/// Makes a namespace and waits for its ServiceAccount, without which there are no pods.
async fn namespace(client: &Client, name: &str, labels: BTreeMap<String, String>) -> String {
    let api: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    let made =
        api.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    let there = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    tokio::time::timeout(Duration::from_secs(30), there).await.unwrap().unwrap();
    made.uid().unwrap()
}

impl Bed {
    pub(crate) fn key(&self, sandbox: &str) -> InstanceKey {
        InstanceKey {
            namespace: self.shop.clone(),
            namespace_uid: self.shop_uid.clone(),
            sandbox: sandbox.to_owned(),
            resource: "db".to_owned(),
            scope: None,
        }
    }

    pub(crate) fn begin(
        &self,
        sandbox: &str,
        owner: Option<Owner>,
    ) -> (ResourceInstanceSpec, ResourceInstanceStatus) {
        // Conditions are stored in whole seconds.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let request = ReserveRequest {
            reservation: Reservation { id: identity::reservation(random_bytes().unwrap()), at: now },
            wanted: ["provision.url".to_owned()].into(),
            owner,
            linger_seconds: 0,
        };
        begin(self.key(sandbox), identity::incarnation(random_bytes().unwrap()), None, &[request], now)
    }

    pub(crate) async fn record(&self, sandbox: &str) -> Record {
        let (spec, status) = self.begin(sandbox, None);
        self.records.create(&identity::instance_name(&spec.key), spec, status).await.unwrap()
    }

    /// A pod that no kubelet runs, bound to the record.
    pub(crate) async fn pod(&self, name: &str, record: &Record, labels: &Value) -> Pod {
        let bindings = PodBindings {
            made_for: String::new(),
            resources: vec![PodResource {
                name: "db".into(),
                instance: record.name.clone(),
                incarnation: record.spec.incarnation.clone(),
                reservation: record.status.reservations[0].id.clone(),
                gated: true,
                mounted: None,
                env_keys: vec!["provision.url".into()],
                folders: Vec::new(),
            }],
            notify: None,
            ready_seconds: 60,
        };
        let pod = json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "schedulerName": "nobody",
                "initContainers": [{
                    "name": name::CONTAINER_SIDECAR,
                    "image": "localhost/none",
                    "restartPolicy": "Always",
                    "env": [{"name": name::ENV_BINDINGS, "value": serde_json::to_string(&bindings).unwrap()}],
                }],
                "containers": [{"name": "app", "image": "localhost/none"}],
            },
        });
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.shop);
        api.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap()
    }

    /// Runs the watches until the test's part is over.
    pub(crate) async fn watching<T>(&self, part: impl Future<Output = T>) -> T {
        tokio::select! {
            () = self.watches.run(&self.client, |_| ()) => unreachable!("watches never end"),
            done = async { self.watches.synced().await; part.await } => done,
        }
    }

    /// The same while the statuses of plugins and bindings are kept, by an installation whose step pods run in this namespace.
    pub(crate) async fn keeping_statuses(&self, steps: &str, part: impl Future<Output = ()>) {
        let (_leading, leads) = watch::channel(true);
        let (_settings, settings) = watch::channel(Arc::new(StepSettings {
            image: "i".into(),
            runner_url: String::new(),
            runner_name: String::new(),
            runner_ca: String::new(),
            namespaces: vec![steps.to_owned()],
            image_pull_secrets: Vec::new(),
            start: Duration::from_secs(1),
            margin: Duration::from_secs(1),
        }));
        self.watching(async {
            tokio::select! {
                () = keep(self.client.clone(), self.watches.clone(), settings, leads) => unreachable!("the keeper ended"),
                () = part => {}
            }
        })
        .await;
    }

    /// Takes the namespaces away again.
    pub(crate) async fn end(self) {
        let api: Api<Namespace> = Api::all(self.client.clone());
        for record in self.records.list().await.unwrap() {
            let _gone_meanwhile = self.records.remove(&record).await;
        }
        for name in [&self.system, &self.shop] {
            let _gone_meanwhile = api.delete(name, &DeleteParams::default()).await;
        }
    }
}

/// Asks until the answer is yes; a deadline ends it.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    within(Duration::from_secs(30), what, ask).await;
}

/// As [`eventually`], for what the cluster's garbage collector does. It looks for new kinds every 30 s, and until it has found
/// ours it tries again at intervals that double: on a cluster that has just got our definitions that is up to a minute.
pub(crate) async fn collected<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    within(Duration::from_secs(120), what, ask).await;
}

async fn within<F: Future<Output = bool>>(limit: Duration, what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
