//! A Sandbox that people made.

use std::collections::BTreeMap;

use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use sandbind_core::api::{ResourcePlugin, Sandbox, SandboxSpec, sandbox::SandboxPhase};
use sandbind_kit::{shutdown, tls};
use sandbind_plugin_runner::controller;
use sandbind_wire::name;

use crate::{
    LONG, ONE, a_free_port, args, bed::bed, bed::eventually, certificates, perform, plugin_and_binding, pods,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sandbox_prepares_is_made_before_any_pod_and_goes_with_it() {
    let bed = bed().await;
    let _one = ONE.lock().await;
    tls::install_provider();
    let ca = certificates(&bed).await;
    let plugin = plugin_and_binding(&bed).await;
    let port = a_free_port();
    let (trigger, ending) = shutdown::channel();
    let runner = tokio::spawn(controller::run(args(&bed, port), ending));
    let sandboxes: Api<Sandbox> = Api::namespaced(bed.client.clone(), &bed.shop);
    let spec = SandboxSpec { prepare: vec!["*".into()], ..SandboxSpec::default() };
    sandboxes.create(&PostParams::default(), &Sandbox::new("pr-1", spec)).await.unwrap();

    let create = pods::step_pod(&bed, "provision").await;
    let agent = pods::Bearer::of(&bed, &ca, port, &bed.system, &create).await;
    perform(&agent, BTreeMap::from([("url".to_owned(), "db://1".into())])).await;
    eventually("the Sandbox is ready", || async {
        let status = sandboxes.get("pr-1").await.unwrap().status.unwrap_or_default();
        status.phase == Some(SandboxPhase::Ready)
    })
    .await;

    sandboxes.delete("pr-1", &DeleteParams::default()).await.unwrap();
    let drop = pods::step_pod(&bed, "drop").await;
    let going = sandboxes.get("pr-1").await.unwrap();
    assert_eq!(going.metadata.finalizers.unwrap_or_default(), [name::FINALIZER_SANDBOX]);
    let agent = pods::Bearer::of(&bed, &ca, port, &bed.system, &drop).await;
    perform(&agent, BTreeMap::new()).await;
    eventually("the Sandbox is gone", || async { sandboxes.get_opt("pr-1").await.unwrap().is_none() }).await;

    trigger.start();
    tokio::time::timeout(LONG, runner).await.unwrap().unwrap().unwrap();
    let plugins: Api<ResourcePlugin> = Api::all(bed.client.clone());
    plugins.delete(&plugin, &DeleteParams::default()).await.unwrap();
    bed.end().await;
}
