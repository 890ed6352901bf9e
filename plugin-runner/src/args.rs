//! What the runner is told at its start.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use sandbind_core::{api::Span, lifecycle::observed::Timers};
use sandbind_engine::{drive, trace::Moments};
use sandbind_kit::telemetry::LogFormat;
use sandbind_wire::name::{STEP_NAMESPACE, SYSTEM_NAMESPACE};

/// Executes the workflows of plugins, and answers the programs inside pods.
#[derive(Clone, Debug, Parser)]
#[command(name = "sandbind-plugin-runner", version)]
pub struct Args {
    /// Namespace of the programs and of the records.
    #[arg(long, env = "SANDBIND_NAMESPACE", default_value = SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// Namespace that step pods may run in; the first is the default. Repeatable.
    #[arg(long = "step-namespace", env = "SANDBIND_STEP_NAMESPACES", value_delimiter = ',', default_value = STEP_NAMESPACE)]
    pub step_namespaces: Vec<String>,
    /// The image that carries our programs.
    #[arg(long, env = "SANDBIND_IMAGE")]
    pub image: String,
    /// Secret of the step namespaces that the image is pulled with. Repeatable.
    #[arg(long = "image-pull-secret", env = "SANDBIND_IMAGE_PULL_SECRETS", value_delimiter = ',')]
    pub image_pull_secrets: Vec<String>,
    /// TTL of Explicit sandboxes that have none.
    #[arg(long, env = "SANDBIND_DEFAULT_TTL")]
    pub default_ttl: Option<Span>,
    /// How long a reservation holds without its pod being seen. Longer than any admission request may take.
    #[arg(long, env = "SANDBIND_BIND_WINDOW", default_value = "120s")]
    pub bind_window: Span,
    /// How long owners that want pods keep a resource without pods.
    #[arg(long, env = "SANDBIND_OWNER_GRACE", default_value = "10m")]
    pub owner_grace: Span,
    /// How long a pod that vanished without having ended keeps its resource.
    #[arg(long, env = "SANDBIND_ZOMBIE_HOLD", default_value = "10m")]
    pub zombie_hold: Span,
    /// How long a step pod may stay unstarted.
    #[arg(long, env = "SANDBIND_START_WINDOW", default_value = "5m")]
    pub start_window: Span,
    /// Added to the end of a claim before its attempt counts as dead.
    #[arg(long, env = "SANDBIND_CLAIM_MARGIN", default_value = "60s")]
    pub claim_margin: Span,
    /// Records that are worked on at the same time.
    #[arg(long, env = "SANDBIND_WORKERS", default_value_t = 16)]
    pub workers: usize,
    /// How often every record is looked at without a reason.
    #[arg(long, env = "SANDBIND_RESYNC", default_value = "5m")]
    pub resync: Span,
    /// How long a lease holds without being renewed.
    #[arg(long, env = "SANDBIND_LEASE_DURATION", default_value = "15s")]
    pub lease_duration: Span,
    /// Where agents and sidecars are answered, by TLS.
    #[arg(long, env = "SANDBIND_LISTEN", default_value = "0.0.0.0:7443")]
    pub listen: SocketAddr,
    /// Where `/live`, `/ready` and `/metrics` are answered, by plain HTTP.
    #[arg(long, env = "SANDBIND_HEALTH_LISTEN", default_value = "0.0.0.0:8080")]
    pub health_listen: SocketAddr,
    /// `https://HOST:PORT` that pods reach this runner by. Default: the cluster IP of its Service.
    #[arg(long, env = "SANDBIND_URL")]
    pub url: Option<String>,
    /// Kubeconfig. Default: what the environment offers, in a pod its ServiceAccount.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Name of this process in the lease and in Events. Default: one by chance.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// `json` or `human`.
    #[arg(long, env = "SANDBIND_LOG_FORMAT", default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged, such as `info` or `info,sandbind_engine=debug`.
    #[arg(long, env = "SANDBIND_LOG", default_value = "info")]
    pub log: String,
    /// For tests: end abruptly at each of these write points once, such as `before:deliver,after:commit-ready`, and begin anew.
    #[arg(long, hide = true, require_equals = true, default_value = "")]
    pub abort_at: Moments,
}

impl Args {
    /// The timers of the installation.
    pub fn timers(&self) -> Timers {
        Timers {
            bind: self.bind_window.duration(),
            margin: self.claim_margin.duration(),
            owner_grace: self.owner_grace.duration(),
            start: self.start_window.duration(),
            zombie: self.zombie_hold.duration(),
        }
    }

    /// How the driver works.
    pub fn driving(&self) -> drive::Settings {
        drive::Settings {
            timers: self.timers(),
            workers: self.workers.max(1),
            resync: self.resync.duration().max(Duration::from_secs(1)),
            ..drive::Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_installation_says_is_understood() {
        let args = Args::try_parse_from([
            "sandbind-plugin-runner",
            "--namespace=ns",
            "--image=localhost/sandbind:dev",
            "--step-namespace=a",
            "--step-namespace=b",
            "--default-ttl=2d",
            "--bind-window=5s",
            "--abort-at=after:commit-ready,before:launch",
        ])
        .unwrap();
        assert_eq!(args.step_namespaces, ["a", "b"]);
        assert_eq!(args.timers().bind, Duration::from_secs(5));
        assert_eq!(args.abort_at.to_string(), "after:commit-ready,before:launch");
    }

    #[test]
    fn an_image_must_be_said_and_a_point_must_exist() {
        assert!(Args::try_parse_from(["sandbind-plugin-runner"]).is_err());
        let unknown = ["sandbind-plugin-runner", "--image=i", "--abort-at=after:lunch"];
        assert!(Args::try_parse_from(unknown).is_err());
    }
}
