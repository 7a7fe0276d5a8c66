//! `POST /api/v1/events`: hints from an event listener (`supervigil listen`), handed to the main loop.
//!
//! A hint makes supervigil ask supervisord, so whoever may post them can make it busy and no more. They
//! are taken from this host, or from whoever has the token; never from a page in somebody's browser.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::sync::mpsc::error::TrySendError;

use super::{
    Sources,
    posting::{self, Peer},
    routes::Refusal,
};
use crate::model::{Published, Told};

/// Where events are posted.
pub const PATH: &str = "/api/v1/events";

/// Events in a batch: of a thousand programs that all die at once, two batches tell.
pub const EVENTS_MAX: usize = 512;

/// The longest name of a listener's run.
const LISTENER_BYTES_MAX: usize = 64;

/// The largest batch: 1 KiB for each event, whose names take a tenth of it.
const BODY_BYTES_MAX: usize = EVENTS_MAX * 1024;

/// Takes a batch.
pub(super) async fn take(State(sources): State<Sources>, request: Request) -> Response {
    match try_to_take(&sources, request).await {
        Ok(taken) => (StatusCode::OK, Json(BTreeMap::from([("taken", taken)]))).into_response(),
        Err(refusal) => posting::refuse(refusal),
    }
}

/// Any other method.
pub(super) async fn only_posting() -> Response {
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path takes POST only; `supervigil listen` posts supervisord's events here",
    );
    ([(header::ALLOW, "POST")], refusal).into_response()
}

async fn try_to_take(sources: &Sources, request: Request) -> Result<usize, Refusal> {
    let peer = request.extensions().get().copied().unwrap_or(Peer::Remote);
    let (head, body) = request.into_parts();
    posting::check("events", peer, &head.headers, sources.token.as_ref())?;
    let too_large =
        format!("a batch has at most {BODY_BYTES_MAX} bytes; send fewer events at once");
    let told = read(&posting::whole(body, BODY_BYTES_MAX, &too_large).await?)?;
    check_server(&told, &sources.published.borrow())?;
    let taken = told.events.len();
    sources.told.try_send(told).map_err(|error| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            match error {
                TrySendError::Full(_) => "supervigil is busy with earlier events; try again",
                TrySendError::Closed(_) => "supervigil is stopping; try again",
            },
        )
    })?;
    Ok(taken)
}

fn read(body: &[u8]) -> Result<Told, Refusal> {
    let told: Told = serde_json::from_slice(body).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!(
                "this is no batch of events: {error}; send {{\"server\":\"main\",\"lost\":0,\"events\":[...]}}"
            ),
        )
    })?;
    if told.events.len() > EVENTS_MAX {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a batch has at most {EVENTS_MAX} events; send the others in the next one"),
        ));
    }
    let batch = told.batch.as_ref();
    if batch.is_some_and(|batch| batch.listener.len() > LISTENER_BYTES_MAX) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!(
                "the name of a listener's run has at most {LISTENER_BYTES_MAX} bytes; send a shorter one"
            ),
        ));
    }
    Ok(told)
}

fn check_server(told: &Told, published: &Published) -> Result<(), Refusal> {
    let names = || published.servers.iter().map(|server| &server.name);
    if names().any(|name| *name == told.server) {
        return Ok(());
    }
    if published.servers.is_empty() {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "supervigil is still starting; try again",
        ));
    }
    let known: Vec<_> = names().map(|name| format!("{:?}", name.as_str())).collect();
    Err(Refusal::new(
        StatusCode::NOT_FOUND,
        format!(
            "no [[supervisord]] is called {:?} here; name one of {}",
            told.server.as_str(),
            known.join(", ")
        ),
    ))
}
