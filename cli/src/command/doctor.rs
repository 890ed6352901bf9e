//! `sandbind doctor`: one check after the other, each with its way out.
#![expect(clippy::indexing_slicing, reason = "indexing a Value by a key answers Null, it cannot panic")]

use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingWebhookConfiguration,
        },
        apps::v1::Deployment,
        coordination::v1::Lease,
        core::v1::{Namespace, Secret, Service},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, api::ListParams};
use sandbind_cluster::lease::LEASE;
use sandbind_wire::name::{LABEL_ENABLED, TLS_SECRET};
use serde::Serialize;

use super::install::probe::{self, Reach};
use crate::{
    args::Global,
    client::{self, Cluster},
    exit::{Failure, Outcome},
    install::{self, CONFIGURATION, Options, RUNNER, WEBHOOK},
    output::Shell,
};

/// What a check found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    way_out: String,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, ok: true, found: found.into(), way_out: String::new() }
    }

    fn bad(check: &'static str, found: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { check, ok: false, found: found.into(), way_out: way_out.into() }
    }
}

/// Runs every check; ends with 1 when one of them fails.
pub(crate) async fn run(global: &Global, shell: &Shell) -> Outcome {
    let mut cluster = client::connect(global).await?;
    cluster.system = global.namespace.clone().unwrap_or_else(|| global.system_namespace.clone());
    let mut findings = vec![kinds(&cluster).await?];
    for program in [(WEBHOOK, "webhook"), (RUNNER, "plugin runner")] {
        findings.push(program_runs(&cluster, program.0, program.1).await?);
    }
    findings.push(certificates(&cluster).await?);
    findings.push(configurations(&cluster).await?);
    findings.push(policies(&cluster).await?);
    findings.push(reach(&cluster).await?);
    findings.push(driver(&cluster).await?);
    findings.push(namespaces(&cluster).await?);
    let failed = findings.iter().filter(|finding| !finding.ok).count();
    shell.show(&findings, || {
        findings
            .iter()
            .map(|Finding { check, ok, found, way_out }| {
                let mark = if *ok { "ok  " } else { "FAIL" };
                let help =
                    if way_out.is_empty() { String::new() } else { format!("      way out: {way_out}\n") };
                format!("{mark}  {check}: {found}\n{help}")
            })
            .collect::<Vec<_>>()
            .concat()
    })?;
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::failed(
        "Unhealthy",
        format!("the installation in {}", cluster.system),
        format!("{failed} of {} checks failed", findings.len()),
        "see each check",
    ))
}

async fn kinds(cluster: &Cluster) -> Outcome<Finding> {
    let check = "kinds";
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let mut missing = Vec::new();
    for crd in install::crds() {
        let name = crd["metadata"]["name"].as_str().unwrap_or_default();
        let conditions = api
            .get_opt(name)
            .await?
            .and_then(|crd| crd.status)
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        if !conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
        {
            missing.push(name.to_owned());
        }
    }
    Ok(if missing.is_empty() {
        Finding::ok(check, "all five are served")
    } else {
        Finding::bad(check, format!("not served: {}", missing.join(", ")), "run `sandbind install --apply`")
    })
}

async fn program_runs(cluster: &Cluster, name: &str, check: &'static str) -> Outcome<Finding> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let Some(deployment) = api.get_opt(name).await? else {
        return Ok(Finding::bad(
            check,
            format!("there is no Deployment {}/{name}", cluster.system),
            "run `sandbind install --apply`",
        ));
    };
    let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.and_then(|status| status.available_replicas).unwrap_or(0);
    let found = format!("{ready} of {wanted} replicas are available");
    Ok(if ready >= wanted.max(1) {
        Finding::ok(check, found)
    } else {
        let system = &cluster.system;
        Finding::bad(
            check,
            found,
            format!(
                "look at `kubectl -n {system} describe pods` and `kubectl -n {system} logs deploy/{name}`"
            ),
        )
    })
}

/// The Secret is filled by the webhook; private keys are not looked at.
async fn certificates(cluster: &Cluster) -> Outcome<Finding> {
    let check = "certificates";
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let Some(secret) = api.get_opt(TLS_SECRET).await? else {
        return Ok(Finding::bad(
            check,
            format!("there is no Secret {TLS_SECRET}"),
            "run `sandbind install --apply`",
        ));
    };
    let filled = secret.data.is_some_and(|data| data.values().any(|value| !value.0.is_empty()));
    Ok(if filled {
        Finding::ok(check, format!("Secret {TLS_SECRET} is filled"))
    } else {
        Finding::bad(
            check,
            format!("Secret {TLS_SECRET} is empty"),
            format!("the webhook fills it: look at `kubectl -n {} logs deploy/{WEBHOOK}`", cluster.system),
        )
    })
}

async fn configurations(cluster: &Cluster) -> Outcome<Finding> {
    let check = "webhook configurations";
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let mut bundles = Vec::new();
    if let Some(found) = mutating.get_opt(CONFIGURATION).await? {
        bundles.push(
            found.webhooks.unwrap_or_default().iter().all(|hook| hook.client_config.ca_bundle.is_some()),
        );
    }
    if let Some(found) = validating.get_opt(CONFIGURATION).await? {
        bundles.push(
            found.webhooks.unwrap_or_default().iter().all(|hook| hook.client_config.ca_bundle.is_some()),
        );
    }
    Ok(match bundles.as_slice() {
        [true, true] => Finding::ok(check, "both are there and trust the webhook"),
        [_, _] => Finding::bad(
            check,
            "a `caBundle` is missing",
            format!("the webhook writes it: look at `kubectl -n {} logs deploy/{WEBHOOK}`", cluster.system),
        ),
        _ => Finding::bad(check, "not both are there", "run `sandbind install --apply`"),
    })
}

async fn policies(cluster: &Cluster) -> Outcome<Finding> {
    let check = "policies";
    let api: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client.clone());
    let wanted: Vec<String> = install::render(&Options::default())
        .iter()
        .filter(|object| object["kind"] == "ValidatingAdmissionPolicy")
        .filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    let mut missing = Vec::new();
    for name in &wanted {
        if api.get_opt(name).await?.is_none() {
            missing.push(name.clone());
        }
    }
    Ok(if missing.is_empty() {
        Finding::ok(check, "the runner is confined and labelled pods are looked at last")
    } else {
        Finding::bad(check, format!("not there: {}", missing.join(", ")), "run `sandbind install --apply`")
    })
}

async fn reach(cluster: &Cluster) -> Outcome<Finding> {
    let check = "API server to webhook";
    Ok(match probe::labelled_pod(&cluster.client).await? {
        Reach::Answered => Finding::ok(check, "a labelled pod (dry run) was answered"),
        Reach::Untouched => {
            Finding::bad(check, "a labelled pod passed without the webhook", "run `sandbind install --apply`")
        }
        Reach::Unreachable(reason) => Finding::bad(
            check,
            reason,
            format!(
                "let the control plane reach Service {}/{WEBHOOK} (port 8443 of its pods)",
                cluster.system
            ),
        ),
        Reach::Refused(reason) => Finding::bad(
            check,
            probe::refused(&reason),
            "run it as somebody who may create pods there, or remove what the reason names; nothing was learnt about the webhook",
        ),
    })
}

async fn driver(cluster: &Cluster) -> Outcome<Finding> {
    let check = "runner's lease and Service";
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let holder = leases
        .get_opt(LEASE)
        .await?
        .and_then(|lease| lease.spec)
        .and_then(|spec| spec.holder_identity)
        .filter(|holder| !holder.is_empty());
    let address =
        services.get_opt(RUNNER).await?.and_then(|service| service.spec).and_then(|spec| spec.cluster_ip);
    Ok(match (holder, address) {
        (Some(holder), Some(address)) => {
            Finding::ok(check, format!("{holder} drives, pods reach it at {address}"))
        }
        (None, _) => Finding::bad(
            check,
            "no runner drives",
            format!("look at `kubectl -n {} logs deploy/{RUNNER}`", cluster.system),
        ),
        (_, None) => {
            Finding::bad(check, format!("Service {RUNNER} has no address"), "run `sandbind install --apply`")
        }
    })
}

async fn namespaces(cluster: &Cluster) -> Outcome<Finding> {
    let check = "namespaces";
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let enabled: Vec<String> = api
        .list_metadata(&ListParams::default().labels(&format!("{LABEL_ENABLED}=true")))
        .await?
        .items
        .into_iter()
        .filter_map(|namespace| namespace.metadata.name)
        .collect();
    Ok(Finding::ok(
        check,
        if enabled.is_empty() {
            format!(
                "none is enabled: `kubectl label namespace NAME {LABEL_ENABLED}=true` enables one for plugins that name no others"
            )
        } else {
            format!("enabled: {}", enabled.join(", "))
        },
    ))
}
