//! Which path gives what.

use std::{borrow::Cow, collections::BTreeMap, net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::{CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer};

use super::{
    Sources, accept, api, events,
    guard::{self, Hosts},
    notices, orders, page,
};

const PAGE: &str = "/";
const METRICS: &str = "/metrics";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
/// How supervigil and all that it watches are.
pub const STATUS: &str = "/api/v1/status";
const PROCESSES: &str = "/api/v1/processes";
const INCIDENTS: &str = "/api/v1/incidents";
const TRANSITIONS: &str = "/api/v1/transitions";
const NOTICES: &str = "/api/v1/notices";
const AUDIT: &str = "/api/v1/audit";

/// What a client's path is counted under when it is none of ours: whoever scans for holes must not be
/// able to make series.
const ELSEWHERE: &str = "other";

/// Without progress for that long the main loop counts as hung: the `WatchdogSec` of the systemd
/// unit. The loop beats on its own, whether or not a poll is due or a supervisord answers.
const HUNG_AFTER: Duration = Duration::from_secs(30);

/// All routes, for a server that listens there; none is a unix socket.
pub(super) fn router(sources: Sources, address: Option<SocketAddr>) -> Router {
    Router::new()
        .route(PAGE, get(page::show))
        .route(METRICS, get(metrics))
        .route(HEALTHY, get(healthy))
        .route(READY, get(ready))
        .route(STATUS, get(api::status))
        .route(PROCESSES, get(api::processes))
        .route(INCIDENTS, get(api::incidents))
        .route(TRANSITIONS, get(api::transitions))
        .route(NOTICES, get(notices::notices))
        .route(AUDIT, get(api::audit))
        .route(orders::SILENCES, get(api::silences).post(orders::silence))
        .route(orders::HOLDS, get(api::holds).post(orders::hold))
        .route(
            orders::SILENCE_END,
            post(orders::end_silence).fallback(orders::only_posting),
        )
        .route(
            orders::HOLD_RELEASE,
            post(orders::release).fallback(orders::only_posting),
        )
        .route(
            events::PATH,
            post(events::take).fallback(events::only_posting),
        )
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_reading)
        .with_state(sources.clone())
        .layer(CatchPanicLayer::new())
        .layer(compression())
        .layer(middleware::from_fn_with_state(
            Hosts::of(address),
            guard::check_host,
        ))
        .layer(middleware::map_response(guard::harden))
        .layer(middleware::from_fn_with_state(sources, guard::count))
}

/// gzip for who asks for it: a fast one, as the network is the nearest one and the text repeats itself.
fn compression() -> CompressionLayer {
    CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest)
}

/// The template of the route that a path takes.
pub(super) fn template(path: &str) -> &'static str {
    [
        PAGE,
        METRICS,
        HEALTHY,
        READY,
        STATUS,
        PROCESSES,
        INCIDENTS,
        TRANSITIONS,
        NOTICES,
        AUDIT,
        orders::SILENCES,
        orders::SILENCE_END,
        orders::HOLDS,
        orders::HOLD_RELEASE,
        events::PATH,
    ]
    .into_iter()
    .find(|template| *template == path)
    .unwrap_or(ELSEWHERE)
}

/// Why a request is not answered: `{"error":"..."}`, in one sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    code: StatusCode,
    error: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with its reason.
    pub(super) fn new(code: StatusCode, error: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            error: error.into(),
        }
    }

    /// The status code.
    pub(super) fn code(&self) -> StatusCode {
        self.code
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.code, Json(BTreeMap::from([("error", self.error)]))).into_response()
    }
}

async fn metrics(State(sources): State<Sources>, headers: HeaderMap) -> Result<Response, Refusal> {
    let format = accept::exposition(&headers);
    // Thousands of programs take milliseconds to write down, which would hold up the main loop.
    let written = tokio::task::spawn_blocking(move || (sources.exposition)(format)).await;
    match written {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, accept::content_type(format)),
                (header::VARY, "accept"),
            ];
            Ok((headers, text).into_response())
        }
        Err(error) => {
            tracing::error!(%error, "could not write the metrics down");
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics could not be written down; supervigil's log says why",
            ))
        }
    }
}

async fn healthy(State(sources): State<Sources>) -> (StatusCode, String) {
    let silent = (sources.now)().since(*sources.heartbeat.borrow());
    if silent <= HUNG_AFTER {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "supervigil's main loop has made no progress for {} s; restart supervigil",
                silent.as_secs()
            ),
        )
    }
}

async fn ready(State(sources): State<Sources>) -> (StatusCode, String) {
    let published = sources.published.borrow();
    let unreachable = published.servers.iter().find(|server| server.unreachable);
    let answered = published
        .servers
        .iter()
        .any(|server| server.last_success_at.is_some());
    match unreachable {
        Some(server) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("supervisord {} is unreachable", server.name),
        ),
        None if answered => (StatusCode::OK, "ok".to_owned()),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no supervisord has answered yet".to_owned(),
        ),
    }
}

async fn nothing_here() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "there is nothing here; the page at / links to all there is",
    )
}

async fn only_reading() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path takes GET and HEAD only",
    )
}
