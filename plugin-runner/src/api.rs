//! The HTTPS routes for agents and sidecars. Each maps to one method of the desk; what is allowed is decided there.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sandbind_engine::{
    desk::{Desk, DeskError},
    ports::{Caller, Identify, World},
};
use sandbind_kit::shutdown::Shutdown;
use sandbind_wire::{
    message::{BindingsAnswer, ClaimAnswer, ClaimRequest, Refusal, StepResult},
    state::{StateAnswer, StateRequest},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

/// Values and claims: the token was good so long ago at most.
const STRICT: Duration = Duration::from_secs(10);
/// Everything else.
const EASY: Duration = Duration::from_secs(60);
/// Bytes of a result (outputs and log) or a state, as base64.
const BODY: usize = 2 << 20;
/// Bytes of a message without values.
const SMALL: usize = 4 << 10;
/// Time for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What the routes stand on.
struct Api<W> {
    world: Arc<W>,
    desk: Desk<W>,
    shutdown: Shutdown,
}

/// A refusal as HTTP.
struct Refused {
    status: StatusCode,
    code: &'static str,
    reason: String,
}

/// The routes. Open polls are let go when the shutdown starts, so that callers come to another replica.
pub fn router<W: World>(world: Arc<W>, desk: Desk<W>, shutdown: Shutdown) -> Router {
    Router::new()
        .route("/v1/step/claim", post(claim::<W>))
        .route("/v1/step/result", post(result::<W>))
        .route("/v1/step/state", post(state::<W>))
        .route("/v1/bindings", get(bindings::<W>))
        .route("/v1/pod/release", post(release::<W>))
        .fallback(|| async { Refused::new(StatusCode::NOT_FOUND, "NoSuchRoute", "there is no such route") })
        .with_state(Arc::new(Api { world, desk, shutdown }))
}

async fn claim<W: World>(
    State(api): State<Arc<Api<W>>>,
    request: Request,
) -> Result<Json<ClaimAnswer>, Refused> {
    let (caller, request) = api.received::<ClaimRequest>(request, SMALL).await?;
    tokio::select! {
        answer = api.desk.claim(&caller, &request) => Ok(Json(answer?)),
        // It may be won already, and that written: only the next answer says.
        () = api.shutdown.started() => Err(ending()),
    }
}

async fn result<W: World>(State(api): State<Arc<Api<W>>>, request: Request) -> Result<Response, Refused> {
    let (caller, result) = api.received::<StepResult>(request, BODY).await?;
    Ok(Json(api.desk.result(&caller, &result).await?).into_response())
}

async fn state<W: World>(
    State(api): State<Arc<Api<W>>>,
    request: Request,
) -> Result<Json<StateAnswer>, Refused> {
    let (caller, request) = api.received::<StateRequest>(request, BODY).await?;
    Ok(Json(api.desk.step_state(&caller, &request).await?))
}

#[derive(Deserialize)]
struct After {
    after: Option<String>,
}

async fn bindings<W: World>(
    State(api): State<Arc<Api<W>>>,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Result<Json<BindingsAnswer>, Refused> {
    let caller = api.caller(&headers, STRICT).await?;
    // They hold on to the buffer that the request was read into, and this may wait for long.
    drop(headers);
    let after = after.as_deref().filter(|after| !after.is_empty());
    tokio::select! {
        answer = api.desk.bindings(&caller, after) => Ok(Json(answer?)),
        () = api.shutdown.started() => Err(ending()),
    }
}

async fn release<W: World>(
    State(api): State<Arc<Api<W>>>,
    headers: HeaderMap,
) -> Result<Json<serde_json::Value>, Refused> {
    let caller = api.caller(&headers, EASY).await?;
    api.desk.release(&caller).await?;
    Ok(Json(serde_json::json!({})))
}

/// To whoever waits when this program ends: the next try comes to another replica.
fn ending() -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "Ending", "this runner ends; ask again")
}

impl<W: World> Api<W> {
    /// Who calls, and what it says. Nothing is read of anybody before it is known who that is: bodies are large, and callers many.
    async fn received<T: DeserializeOwned>(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<(Caller, T), Refused> {
        let (head, body) = request.into_parts();
        let caller = self.caller(&head.headers, STRICT).await?;
        let bytes = timeout(ARRIVAL, to_bytes(body, limit)).await.map_err(|_| {
            Refused::new(StatusCode::REQUEST_TIMEOUT, "LateBody", "the body did not arrive in time")
        })?;
        let bytes = bytes.map_err(|_| {
            let reason = format!("the body broke off or is larger than {limit} bytes");
            Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "BadBody", reason)
        })?;
        Ok((caller, parse(&bytes)?))
    }

    async fn caller(&self, headers: &HeaderMap, max_age: Duration) -> Result<Caller, Refused> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "NoToken", "a bearer token is needed"));
        };
        // Boxed: no part of an open poll is to have room for it.
        match Box::pin(self.world.identify().identify(token, max_age)).await {
            Ok(Some(caller)) => Ok(caller),
            Ok(None) => {
                let reason = "the token is not a pod's for this runner, or its pod is gone";
                Err(Refused::new(StatusCode::UNAUTHORIZED, "UnknownToken", reason))
            }
            Err(error) => Err(DeskError::from(error).into()),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    // What does not parse is not quoted: it may hold outputs.
    serde_json::from_slice(body).map_err(|error| {
        let reason =
            format!("the message has an unexpected form at line {}, column {}", error.line(), error.column());
        Refused::new(StatusCode::BAD_REQUEST, "BadMessage", reason)
    })
}

// === impl Refused ===

impl Refused {
    fn new(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Self {
        Self { status, code, reason: reason.into() }
    }
}

impl From<DeskError> for Refused {
    fn from(error: DeskError) -> Self {
        let status =
            if error.is_temporary() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
        if error.is_temporary() {
            tracing::warn!(error = &error as &dyn std::error::Error, "a caller could not be answered");
        }
        Self::new(status, error.code(), error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = Refusal { code: self.code.to_owned(), reason: self.reason };
        (self.status, Json(refusal)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use sandbind_cluster::world::ClusterWorld;

    use super::*;
    use crate::trace::Counting;

    /// Bytes that the answer to a request takes while it is on its way.
    fn size<F>(
        _: impl FnOnce(State<Arc<Api<ClusterWorld<Counting>>>>, Query<After>, HeaderMap) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn thousands_of_open_polls_do_not_each_have_room_for_a_call_of_the_api_server() {
        let size = size(bindings::<ClusterWorld<Counting>>);
        assert!(size <= 1_536, "{size} bytes");
    }
}
