//! A namespace with one plugin and one binding, for the tests of the rules.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::{SeenPod, SeenSandbox};
use crate::{
    api::{ResourcePlugin, Sandbox, Span, instance::*},
    binding::{Binding, Namespace, Plugins, View},
    lifecycle::{
        record::{Orders, Record},
        reserve,
    },
};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// `shop/pr-1`, made at 0.
pub(super) fn sandbox(spec: &Value) -> Sandbox {
    let mut sandbox = Sandbox::new("pr-1", serde_json::from_value(spec.clone()).unwrap());
    sandbox.metadata.namespace = Some("shop".into());
    sandbox.metadata.uid = Some("s1".into());
    sandbox.metadata.generation = Some(1);
    sandbox.metadata.creation_timestamp = Some(Time(at(0)));
    sandbox
}

pub(super) fn binding(name: &str, resources: &Value) -> Arc<Binding> {
    let object = json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding",
        "metadata": {"name": name, "namespace": "shop"}, "spec": {"resources": resources, "linger": "5m"}});
    Arc::new(Binding::new(serde_json::from_value(object).unwrap(), "sandbind-system"))
}

pub(super) fn plugin(name: &str, limits: &Value) -> Arc<ResourcePlugin> {
    let object = json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": format!("{name}-1.0.0"), "uid": "p1"},
        "spec": {"name": name, "version": "1.0.0", "runner": {"image": "i"}, "limits": limits,
            "create": [{"name": "make", "script": "#!/bin/sh\n", "outputs": [{"name": "url", "valueFromPath": "/tmp/url"}]}]}});
    Arc::new(serde_json::from_value(object).unwrap())
}

/// What a test sees; change it, then ask for [`Scene::seen`].
pub(super) struct Scene {
    pub(super) view: View,
    pub(super) records: Vec<Arc<Record>>,
    pub(super) pods: Vec<SeenPod>,
    pub(super) default_ttl: Option<Span>,
    pub(super) now: Timestamp,
}

impl Scene {
    /// The namespace `shop`, bindings that declare `db` and (per Workload) `queue`, no Sandbox, no record, at 100.
    pub(super) fn new() -> Self {
        let namespace = Namespace {
            name: "shop".into(),
            uid: "u1".into(),
            labels: [(sandbind_wire::name::LABEL_ENABLED.to_owned(), "true".to_owned())].into(),
            ..Namespace::default()
        };
        let resources =
            json!([{"name": "db", "plugin": "pg"}, {"name": "queue", "plugin": "pg", "scope": "Workload"}]);
        let view = View {
            namespace: Arc::new(namespace),
            bindings: vec![binding("orders", &resources)],
            plugins: Arc::new(Plugins::new([plugin("pg", &json!({}))])),
            ..View::default()
        };
        Self { view, records: Vec::new(), pods: Vec::new(), default_ttl: None, now: at(100) }
    }

    pub(super) fn with(spec: &Value) -> Self {
        let mut scene = Self::new();
        scene.view.sandbox = Some(Arc::new(sandbox(spec)));
        scene
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut Sandbox)) {
        change(Arc::make_mut(self.view.sandbox.as_mut().unwrap()));
    }

    pub(super) fn held(mut self) -> Self {
        self.change(|sandbox| {
            sandbox.metadata.finalizers = Some(vec![sandbind_wire::name::FINALIZER_SANDBOX.into()]);
        });
        self
    }

    pub(super) fn deleted(mut self) -> Self {
        self.change(|sandbox| sandbox.metadata.deletion_timestamp = Some(Time(at(50))));
        self
    }

    pub(super) fn record(mut self, resource: &str, phase: Phase) -> Self {
        self.records.push(Arc::new(record(resource, phase)));
        self
    }

    pub(super) fn terminating(mut self) -> Self {
        Arc::make_mut(&mut self.view.namespace).terminating = true;
        self
    }

    pub(super) fn seen(&self) -> SeenSandbox<'_> {
        let Self { view, records, pods, default_ttl, now } = self;
        SeenSandbox { name: "pr-1", view, records, pods, default_ttl: *default_ttl, now: *now }
    }
}

pub(super) fn record(resource: &str, phase: Phase) -> Record {
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "u1".into(),
        sandbox: "pr-1".into(),
        resource: resource.into(),
        scope: None,
    };
    let (spec, mut status) = reserve::begin(key, format!("inc{resource}"), None, &[], at(10));
    status.phase = phase;
    status.message = format!("{resource} is busy");
    if phase == Phase::Ready {
        status.message = String::new();
        status.delivered = [String::from("make.url")].into();
    }
    Record {
        name: resource.into(),
        uid: resource.into(),
        version: "1".into(),
        deleting: false,
        orders: Orders::default(),
        spec,
        status,
    }
}

pub(super) fn pod(name: &str) -> SeenPod {
    SeenPod { name: name.into(), injected: true, open: true, ..SeenPod::default() }
}
