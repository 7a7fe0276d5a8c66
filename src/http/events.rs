//! `POST /api/v1/events`: hints from an event listener (`supervigil listen`), handed to the main loop.
//!
//! A hint makes supervigil ask supervisord, so whoever may post them can make it busy and no more. They
//! are taken from this host, or from whoever has the token; never from a page in somebody's browser.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc::error::TrySendError;

use super::{Sources, routes::Refusal};
use crate::model::{Published, Told};

/// Where events are posted.
pub const PATH: &str = "/api/v1/events";

/// Events in a batch: of a thousand programs that all die at once, two batches tell.
pub const EVENTS_MAX: usize = 512;

/// The longest name of a listener's run.
const LISTENER_BYTES_MAX: usize = 64;

/// The largest batch: 1 KiB for each event, whose names take a tenth of it.
const BODY_BYTES_MAX: usize = EVENTS_MAX * 1024;

/// For the whole body to come: a listener sends it in one piece.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// When to try again what was not taken: the main loop's turns take milliseconds, and a turn that
/// waits for a busy disk some seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What a proxy adds, behind which everybody looks as if they came from this host.
const FORWARDED: [HeaderName; 3] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
];

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// This host: loopback, or a unix socket that it has the permission to use.
    Local,
    /// Anywhere else.
    Remote,
}

impl Peer {
    /// The peer at an address.
    pub(super) fn at(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_loopback() {
            Self::Local
        } else {
            Self::Remote
        }
    }
}

/// Takes a batch.
pub(super) async fn take(State(sources): State<Sources>, request: Request) -> Response {
    match try_to_take(&sources, request).await {
        Ok(taken) => (StatusCode::OK, Json(BTreeMap::from([("taken", taken)]))).into_response(),
        Err(refusal) => {
            let code = refusal.code();
            let mut response = refusal.into_response();
            if code == StatusCode::SERVICE_UNAVAILABLE {
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            if code == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
            }
            response
        }
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
    check_origin(&head.headers)?;
    check_sender(peer, &head.headers, sources.token.as_ref())?;
    check_type(&head.headers)?;
    let told = read(&whole(body).await?)?;
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

/// Keeps pages out: a browser puts these headers on whatever a page has it send.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_own = matches!(site, None | Some(b"none" | b"same-origin"));
    if is_own && !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "events are not taken from web pages; leave out Origin and Sec-Fetch-Site",
    ))
}

fn check_sender(
    peer: Peer,
    headers: &HeaderMap,
    token: Option<&SecretString>,
) -> Result<(), Refusal> {
    if let Some(token) = token {
        let given = bearer(headers).unwrap_or_default();
        return if token.expose_secret().as_bytes().ct_eq(given).into() {
            Ok(())
        } else {
            Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "the token is missing or wrong; send that of [http] token_file as `Authorization: Bearer TOKEN`",
            ))
        };
    }
    let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(name));
    match peer {
        Peer::Local if !is_forwarded => Ok(()),
        Peer::Local | Peer::Remote => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "events are taken from this host only; set [http] token_file to take them from elsewhere with that token",
        )),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750); the scheme in any case.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// A page's form can send text without being asked for leave, but not this type.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE);
    let given = value.and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next());
    if essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "events are taken as JSON only; send Content-Type: application/json",
    ))
}

async fn whole(body: Body) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(body, BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_DEADLINE, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A connection that broke gets no answer anyway.
        Ok(Err(_too_large_or_broken)) => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a batch has at most {BODY_BYTES_MAX} bytes; send fewer events at once"),
        )),
        Err(_elapsed) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the events did not come in time; send them in one piece",
        )),
    }
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
