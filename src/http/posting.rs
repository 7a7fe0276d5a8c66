//! Who may post something, and how it must look: for events and for orders.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::routes::Refusal;

/// For the whole body to come: whoever posts sends it in one piece.
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

/// Refuses with the headers that go with the code.
pub(super) fn refuse(refusal: Refusal) -> Response {
    let code = refusal.code();
    let mut response = refusal.into_response();
    let headers = response.headers_mut();
    if code == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    if code == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// Lets a request pass that this host sent, or whoever has the token; never a page in somebody's
/// browser. `what` is posted.
pub(super) fn check(
    what: &str,
    peer: Peer,
    headers: &HeaderMap,
    token: Option<&SecretString>,
) -> Result<(), Refusal> {
    check_origin(what, headers)?;
    check_sender(what, peer, headers, token)?;
    check_type(what, headers)
}

/// Keeps pages out: a browser puts these headers on whatever a page has it send.
fn check_origin(what: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_own = matches!(site, None | Some(b"none" | b"same-origin"));
    if is_own && !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        format!("{what} are not taken from web pages; leave out Origin and Sec-Fetch-Site"),
    ))
}

fn check_sender(
    what: &str,
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
            format!(
                "{what} are taken from this host only; set [http] token_file to take them from elsewhere with that token"
            ),
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
fn check_type(what: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE);
    let given = value.and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next());
    if essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("{what} are taken as JSON only; send Content-Type: application/json"),
    ))
}

/// The whole body. `too_large` is said of one with more bytes than `most`.
pub(super) async fn whole(body: Body, most: usize, too_large: &str) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(body, most);
    match tokio::time::timeout(BODY_DEADLINE, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A connection that broke gets no answer anyway.
        Ok(Err(_too_large_or_broken)) => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            too_large.to_owned(),
        )),
        Err(_elapsed) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not come in time; send it in one piece",
        )),
    }
}
