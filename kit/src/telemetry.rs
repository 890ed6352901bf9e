//! What a server tells about itself: log lines, metrics, health.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

mod expiry;

pub use expiry::register_certificate;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people.
    Human,
}

/// The text names no log format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `json` or `human`")]
pub struct NotALogFormat(String);

impl FromStr for LogFormat {
    type Err = NotALogFormat;

    fn from_str(text: &str) -> Result<Self, NotALogFormat> {
        match text {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            other => Err(NotALogFormat(other.to_owned())),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Human => "human",
        })
    }
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not `LEVEL` or `TARGET=LEVEL,…`.
    #[error("`{filter}` is no log filter")]
    Filter {
        /// As given.
        filter: String,
        /// The cause.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else logs already.
    #[error("logging has begun already")]
    Begun,
}

/// Log to stderr from now on; `filter` such as `info` or `info,kube=warn`.
pub fn log(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Human => lines.try_init(),
    };
    begun.map_err(|_| TelemetryError::Begun)
}

/// What has to be there before a server is ready: named parts, each of which may come and go.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Health {
    /// Ready until a part is [named](Self::part).
    pub fn new() -> Self {
        Self::default()
    }

    /// A part that is missing until [`Part::set`] says otherwise.
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part { health: self.clone(), name };
        part.set(false);
        part
    }

    /// Names of the parts that are missing; none: ready.
    pub fn missing(&self) -> Vec<&'static str> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter(|(_, there)| !**there).map(|(name, _)| *name).collect()
    }
}

/// One part of a server's readiness.
#[derive(Clone, Debug)]
pub struct Part {
    health: Health,
    name: &'static str,
}

impl Part {
    /// Whether it is there.
    pub fn set(&self, there: bool) {
        self.health.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name, there);
    }
}

/// `/live`, `/ready` (503 with the names of what is missing) and `/metrics`.
pub fn router(metrics: Arc<Registry>, health: Health) -> Router {
    let ready = move || {
        let missing = health.missing();
        async move {
            if missing.is_empty() {
                (StatusCode::OK, "ready\n".to_owned())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", missing.join(", ")))
            }
        }
    };
    Router::new()
        .route("/live", get(async || "live\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(move || std::future::ready(expose(&metrics))))
}

fn expose(metrics: &Registry) -> impl IntoResponse + use<> {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, metrics) {
        Ok(()) => Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)),
        Err(fmt::Error) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: Router, path: &str) -> (StatusCode, String) {
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let health = Health::new();
        let (certificate, caches) = (health.part("certificate"), health.part("caches"));
        let router = router(Arc::default(), health);
        certificate.set(true);
        let (status, text) = ask(router.clone(), "/ready").await;
        assert_eq!((status, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "waiting for caches\n"));
        caches.set(true);
        assert_eq!(ask(router.clone(), "/ready").await.0, StatusCode::OK);
        assert_eq!(ask(router, "/live").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_open_metrics_text() {
        let mut registry = Registry::default();
        let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
        registry.register("things", "Things seen", counter.clone());
        counter.inc();
        let (_, text) = ask(router(Arc::new(registry), Health::new()), "/metrics").await;
        assert!(text.contains("things_total 1") && text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn log_formats_have_names() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!(LogFormat::Human.to_string().parse(), Ok(LogFormat::Human));
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
