//! The routes.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::{StatusCode, header::CONTENT_LENGTH},
    routing::post,
};
use sandbind_engine::admission::{Admissions, Limits, ports::Surroundings};
use tokio::sync::Semaphore;

use crate::{
    metrics::Metrics,
    mutate,
    review::{self, Answer, Answered, Malformed, malformed},
    validate,
};

/// Largest review. The API server's own limit on objects is 3 MiB in a request; a review of an update carries two, but no object of
/// ours is that large, and pods are only ever created.
pub const LARGEST_BODY: usize = 3 << 20;
/// Time for a body to arrive.
const BODY: Duration = Duration::from_secs(5);
/// Bodies that arrive at once take so much together; others wait. Who calls is not known before a body is read.
const ARRIVING: usize = 32 << 20;
/// What is counted of it at once.
const UNIT: usize = 1 << 10;

/// Everything that the routes share.
#[derive(Debug)]
pub struct App<W: Surroundings> {
    pub(crate) admissions: Admissions<W>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Settings,
    arriving: Semaphore,
}

/// What the installation says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where bindings may hold for other namespaces.
    pub system_namespace: String,
    /// Namespaces that step pods may run in.
    pub step_namespaces: Vec<String>,
    /// What one replica allows itself.
    pub limits: Limits,
}

impl<W: Surroundings> App<W> {
    /// In these surroundings.
    pub fn new(world: Arc<W>, metrics: Arc<Metrics>, settings: Settings) -> Arc<Self> {
        let admissions = Admissions::new(world, settings.limits);
        Arc::new(Self { admissions, metrics, settings, arriving: Semaphore::new(ARRIVING / UNIT) })
    }

    /// Answers everybody who is held, and holds nobody any more.
    pub fn drain(&self) {
        self.admissions.drain();
    }
}

/// `/mutate` for pods and `/validate` for our own kinds.
pub fn router<W: Surroundings>(app: Arc<App<W>>) -> Router {
    Router::new()
        .route("/mutate", post(mutate::<W>))
        .route("/validate", post(validate::<W>))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(app)
}

async fn mutate<W: Surroundings>(
    State(app): State<Arc<App<W>>>,
    request: Request,
) -> (StatusCode, Json<Answered>) {
    let query = request.uri().query().unwrap_or_default();
    let timeout = query.split('&').find_map(|one| one.strip_prefix("timeout=")).map(str::to_owned);
    let body = match body(&app.arriving, request).await {
        Ok(body) => body,
        Err((status, malformed)) => return refuse(&app, "mutate", status, &malformed),
    };
    match review::read(&body) {
        Ok(request) => {
            let uid = request.uid.clone();
            (StatusCode::OK, Json(mutate::answer(&app, request, timeout.as_deref()).await.into_review(uid)))
        }
        Err(malformed) => refuse(&app, "mutate", StatusCode::OK, &malformed),
    }
}

async fn validate<W: Surroundings>(
    State(app): State<Arc<App<W>>>,
    request: Request,
) -> (StatusCode, Json<Answered>) {
    let body = match body(&app.arriving, request).await {
        Ok(body) => body,
        Err((status, malformed)) => return refuse(&app, "validate", status, &malformed),
    };
    match review::read(&body) {
        Ok(request) => {
            let uid = request.uid.clone();
            (StatusCode::OK, Json(validate::answer(&app, request).await.into_review(uid)))
        }
        Err(malformed) => refuse(&app, "validate", StatusCode::OK, &malformed),
    }
}

async fn body(arriving: &Semaphore, request: Request) -> Result<Bytes, (StatusCode, Malformed)> {
    let told =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let units = told.unwrap_or(LARGEST_BODY).min(LARGEST_BODY) / UNIT + 1;
    let arrive = async {
        // The semaphore is never closed.
        let _room = arriving.acquire_many(u32::try_from(units).unwrap_or(u32::MAX)).await;
        Bytes::from_request(request, &()).await
    };
    let broken = |reason: String| Malformed { uid: String::new(), problem: Box::new(malformed(reason)) };
    match tokio::time::timeout(BODY, arrive).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err((rejection.status(), broken(rejection.body_text().to_lowercase()))),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, broken("the body did not arrive in time".to_owned()))),
    }
}

/// Whatever is wrong with a request, the answer is a review.
fn refuse<W: Surroundings>(
    app: &App<W>,
    route: &'static str,
    status: StatusCode,
    malformed: &Malformed,
) -> (StatusCode, Json<Answered>) {
    app.metrics.decided(route, "denied", &malformed.problem.code);
    tracing::warn!(route, problem = %malformed.problem, "a review that cannot be answered");
    (status, Json(Answer::deny(malformed.problem.to_string()).into_review(malformed.uid.clone())))
}

#[cfg(test)]
mod tests;
