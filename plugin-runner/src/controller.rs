//! Wires the runner: world, driver, desk, watches, lease, listeners.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use sandbind_cluster::{
    Client, accepted, client, hub, lease, runner_config,
    runner_identity::{self, RunnerTls},
    sandboxes::Keeper,
    watch::Watches,
    world::{ClusterWorld, Parts},
};
use sandbind_core::step::StepSettings;
use sandbind_engine::{
    desk::{Desk, Patience},
    drive::{Driver, hints},
    ports::World as _,
};
use sandbind_kit::{
    serve::{Limits, serve},
    shutdown::Shutdown,
    telemetry::{self, Health, Part},
    tls::{Certificates, server_config},
};
use sandbind_wire::name::runner_dns_name;
use tokio::{net::TcpListener, sync::watch};

use crate::{api, args::Args, hub::HubMetrics, trace::Counting};

/// Connections of agents and sidecars; each sidecar holds one.
const CONNECTIONS: usize = 20_000;
/// Time that open requests have to be answered at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Runs until the shutdown.
pub async fn run(args: Args, shutdown: Shutdown) -> anyhow::Result<()> {
    let client = client::connect(args.kubeconfig.as_deref()).await?;
    let identity = args.identity.clone().map_or_else(chance, Ok)?;
    let health = Health::new();
    let mut registry = Registry::default();

    let (settings, settings_seen) = watch::channel(Arc::new(StepSettings {
        image: args.image.clone(),
        runner_url: String::new(),
        runner_name: runner_dns_name(&args.namespace),
        runner_ca: String::new(),
        namespaces: args.step_namespaces.clone(),
        image_pull_secrets: args.image_pull_secrets.clone(),
        start: args.start_window.duration(),
        margin: args.claim_margin.duration(),
    }));
    let watches = Arc::new(Watches::new(&args.namespace, &args.step_namespaces, args.zombie_hold.duration()));
    let (hints, hinted) = hints();
    let world = Arc::new(ClusterWorld::new(Parts {
        client: client.clone(),
        watches: watches.clone(),
        steps: settings_seen.clone(),
        owner_grace: args.owner_grace.duration(),
        instance: identity.clone(),
        tracer: Counting::new(&mut registry, args.abort_at.clone()),
    }));
    let certificates = Certificates::new();
    telemetry::register_certificate(&mut registry, certificates.clone());
    let leads = register_leading(&mut registry);
    let asked = HubMetrics::register(&mut registry);

    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("listening at {}", args.listen))?;
    let health_listener = TcpListener::bind(args.health_listen)
        .await
        .with_context(|| format!("listening at {}", args.health_listen))?;
    tracing::info!(api = %listener.local_addr()?, health = %health_listener.local_addr()?, "listening");

    let desk = Desk::new(world.clone(), hints.clone(), Patience::default());
    let routes = api::router(world.clone(), desk, shutdown.clone());
    let limits = Limits { connections: CONNECTIONS, grace: GRACE, ..Limits::default() };
    let tls = server_config(certificates.clone())?;
    let serving = serve(listener, routes, Some(tls), limits, shutdown.clone());
    let telling = serve(
        health_listener,
        telemetry::router(Arc::new(registry), health.clone()),
        None,
        Limits::default(),
        shutdown.clone(),
    );

    let (leading, leading_seen) = watch::channel(false);
    let caches = health.part("caches");
    let filled = async {
        watches.synced().await;
        caches.set(true);
        std::future::pending::<()>().await;
    };
    let reached = reach(&client, &args, &certificates, &settings, health.part("certificate"));
    // Step pods need the address and the bundle, and evidence needs the caches: until then nobody drives.
    let drive_lease = async {
        watches.synced().await;
        let mut ready = settings_seen.clone();
        // The answer holds a lock: not a moment longer than needed.
        drop(ready.wait_for(|settings| !settings.runner_ca.is_empty()).await);
        let times =
            lease::LeaseTimes { duration: args.lease_duration.duration(), ..lease::LeaseTimes::default() };
        lease::hold(client.clone(), &args.namespace, &identity, times, &leading).await;
    };
    let sandboxes = Keeper {
        client: client.clone(),
        watches: watches.clone(),
        notices: world.notices().clone(),
        default_ttl: args.default_ttl,
    };
    let background = async {
        tokio::join!(
            sandboxes.run(leading_seen.clone()),
            accepted::keep(client.clone(), watches.clone(), settings_seen.clone(), leading_seen.clone()),
            watches.run(&client, |name| hints.wake(name)),
            filled,
            reached,
            drive_lease,
            count(leading_seen.clone(), leads),
            hub::keep(client.clone(), watches.clone(), leading_seen.clone(), |told| asked.count(told)),
            runner_config::keep(client.clone(), watches.clone(), settings_seen.clone(), leading_seen.clone()),
        );
    };
    let driver = Driver::new(world, args.driving(), hinted);
    let foreground = async {
        tokio::join!(serving, telling, driver.run(leading_seen.clone(), shutdown.started()));
    };
    tokio::select! {
        () = foreground => {}
        () = background => {}
    }
    if let Err(error) = lease::release(client.clone(), &args.namespace, &identity).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the lease runs out by itself");
    }
    Ok(())
}

/// Shows the certificate, and tells those who make step pods how the runner is reached.
async fn reach(
    client: &Client,
    args: &Args,
    certificates: &Certificates,
    settings: &watch::Sender<Arc<StepSettings>>,
    shown: Part,
) {
    let url = address(client, args).await;
    let told = |tls: RunnerTls| {
        match certificates.replace(&tls.chain, &tls.key) {
            Ok(_) => {
                shown.set(true);
                settings.send_modify(|settings| {
                    let settings = Arc::make_mut(settings);
                    settings.runner_url.clone_from(&url);
                    settings.runner_ca = tls.ca;
                });
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a new certificate is not used");
            }
        }
        std::future::ready(())
    };
    runner_identity::follow(client.clone(), &args.namespace, told).await;
}

/// Says which replica drives.
pub fn register_leading(registry: &mut Registry) -> Gauge {
    let leads = Gauge::default();
    registry.register("sandbind_runner_leading", "1 in the replica that drives, else 0", leads.clone());
    leads
}

/// Shows in metrics and log who drives.
async fn count(mut leading: watch::Receiver<bool>, leads: Gauge) {
    loop {
        let now = *leading.borrow_and_update();
        leads.set(i64::from(now));
        tracing::info!(leading = now, "the lease");
        if leading.changed().await.is_err() {
            return;
        }
    }
}

/// The Service's address, asked for until it is there.
async fn address(client: &Client, args: &Args) -> String {
    if let Some(url) = &args.url {
        return url.clone();
    }
    loop {
        match runner_identity::service_url(client.clone(), &args.namespace).await {
            Ok(url) => return url,
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no address yet"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A name by chance, for a process that was given none.
fn chance() -> anyhow::Result<String> {
    let random = sandbind_cluster::clock::random_bytes().context("no randomness")?;
    Ok(format!("runner-{}", sandbind_core::identity::incarnation(random)))
}
