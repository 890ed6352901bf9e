//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use sandbind_core::{api::Span, inject::Installation, trust::Lifetimes};
use sandbind_engine::{admission::Limits, trace::Moments};
use sandbind_kit::telemetry::LogFormat;
use sandbind_wire::name;

use crate::app::Settings;

/// sandbind's admission webhook
#[derive(Clone, Debug, Parser)]
#[command(name = "sandbind-webhook", version)]
pub struct Args {
    /// Namespace of the programs and records
    #[arg(long, env = "SANDBIND_NAMESPACE", default_value = name::SYSTEM_NAMESPACE)]
    namespace: String,
    /// Namespaces that step pods may run in
    #[arg(long = "step-namespace", value_name = "NAMESPACE", default_value = name::STEP_NAMESPACE)]
    step_namespaces: Vec<String>,
    /// Image of the injected sidecar
    #[arg(long, env = "SANDBIND_IMAGE")]
    image: String,
    /// Its imagePullPolicy
    #[arg(long)]
    image_pull_policy: Option<String>,
    /// Name of the Secret in tenants' namespaces that it is pulled with
    #[arg(long)]
    image_pull_secret: Option<String>,
    /// Address of the HTTPS listener
    #[arg(long, default_value = "[::]:8443")]
    listen: SocketAddr,
    /// Address of `/live`, `/ready` and `/metrics`
    #[arg(long, default_value = "[::]:8080")]
    health_listen: SocketAddr,
    /// Pods held at once by this replica
    #[arg(long, default_value_t = Limits::default().held)]
    held: usize,
    /// How long a server certificate lives
    #[arg(long, default_value = "30d")]
    leaf_lifetime: Span,
    /// How long a certificate authority lives
    #[arg(long, default_value = "365d")]
    ca_lifetime: Span,
    /// How long a new authority is trusted before it signs
    #[arg(long, default_value = "5m")]
    ca_lead: Span,
    /// Folder with `tls.crt` and `tls.key` made by another program, which then keeps `caBundle` true as well
    #[arg(long)]
    tls_dir: Option<PathBuf>,
    /// kubeconfig, outside a cluster
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// `json` or `human`
    #[arg(long, default_value_t)]
    log_format: LogFormat,
    /// What is logged, such as `info,kube=warn`
    #[arg(long, env = "SANDBIND_LOG", default_value = "info")]
    log: String,
    /// For tests: end abruptly at each of these write points once, such as `before:reserve`, and begin anew
    #[arg(long, hide = true, require_equals = true, default_value = "")]
    abort_at: Moments,
}

/// The command line, by whom it is for.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The routes.
    pub settings: Settings,
    /// The injected pods. The runner's address and CA bundle are learnt later.
    pub installation: Installation,
    /// The listeners.
    pub listen: Listen,
    /// The certificates.
    pub lifetimes: Lifetimes,
    /// Where another program puts certificates.
    pub tls_dir: Option<PathBuf>,
    /// How the cluster is reached.
    pub kubeconfig: Option<PathBuf>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which there are.
    pub log: String,
    /// Where a test wants the program to end.
    pub abort_at: Moments,
}

/// Addresses of the two listeners.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// HTTPS.
    pub https: SocketAddr,
    /// Health and metrics.
    pub health: SocketAddr,
}

impl Args {
    /// Sorted by whom it is for.
    pub fn resolve(self) -> Resolved {
        let Self {
            namespace,
            step_namespaces,
            image,
            image_pull_policy,
            image_pull_secret,
            listen,
            health_listen,
            held,
            leaf_lifetime,
            ca_lifetime,
            ca_lead,
            tls_dir,
            kubeconfig,
            log_format,
            log,
            abort_at,
        } = self;
        let installation = Installation {
            image,
            image_pull_policy,
            image_pull_secret,
            runner_url: String::new(),
            runner_name: name::runner_dns_name(&namespace),
            runner_ca: String::new(),
        };
        let lifetimes = Lifetimes {
            authority: ca_lifetime.duration(),
            leaf: leaf_lifetime.duration().max(Duration::from_secs(10)),
            lead: ca_lead.duration(),
        };
        Resolved {
            settings: Settings {
                system_namespace: namespace,
                step_namespaces,
                limits: Limits { held, ..Limits::default() },
            },
            installation,
            listen: Listen { https: listen, health: health_listen },
            lifetimes,
            tls_dir,
            kubeconfig,
            log_format,
            log,
            abort_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_the_installers_arguments_are_understood() {
        Args::command().debug_assert();
        let args = Args::try_parse_from([
            "sandbind-webhook",
            "--namespace=sys",
            "--image=x",
            "--step-namespace=a",
            "--step-namespace=b",
            "--leaf-lifetime=60s",
        ]);
        let resolved = args.unwrap().resolve();
        assert_eq!(resolved.settings.step_namespaces, ["a", "b"]);
        assert_eq!(resolved.installation.runner_name, "sandbind-plugin-runner.sys.svc");
        assert_eq!(resolved.lifetimes.leaf, Duration::from_secs(60));
    }
}
