//! Bodies to and from supervisord over HTTP/1.1, on a unix socket or TCP.
//!
//! Owns the deadline, the attempts and the byte cap of a call, and what supervisord's HTTP server needs
//! (medusa, in supervisor's http.py and `medusa/`): a Content-Length with every call, never a chunk,
//! never an empty body. How it connects is `connections`', what the bodies say is `codec`'s.
//!
//! Invariant: a call that could change something is written to at most one connection.

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Body as _, Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
    http::request::Builder,
};
use secrecy::ExposeSecret as _;

use super::{
    BODY_BYTES_MAX,
    connections::Connections,
    error::{CallError, Progress},
    settings::{Credentials, Endpoint, Settings},
    target::Target,
};

/// The path of supervisord's XML-RPC (`supervisor_xmlrpc_handler` in xmlrpc.py).
const RPC_PATH: &str = "/RPC2";

/// Enough for polls that follow each other. With no second one, a call that is sent again because the
/// kept connection had gone stale gets a fresh one.
const IDLE_CONNECTIONS_MAX: usize = 1;

/// The first connection, and a fresh one when supervisord had closed the one that was kept.
const ATTEMPTS_MAX: usize = 2;

/// One request.
pub(super) struct Post {
    /// The method, for errors.
    pub(super) method: &'static str,
    /// The XML.
    pub(super) body: String,
    /// Whether it does no harm to send it twice.
    pub(super) repeatable: bool,
}

/// The way to one supervisord.
pub(super) struct Transport {
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    connections: Connections,
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            endpoint: settings.endpoint.clone(),
            authorization: settings.credentials.as_ref().and_then(authorization),
            timeout: settings.timeout,
            connections: Connections::keeping(IDLE_CONNECTIONS_MAX),
        })
    }

    /// Where it is, for people; without credentials.
    pub(super) fn url(&self) -> String {
        Target::shown(&self.endpoint)
    }

    /// The unix socket by which it is reached at present.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        Target::of(&self.endpoint).ok()?.into_socket()
    }

    /// Whether it is reached by a unix socket.
    pub(super) fn is_local(&self) -> bool {
        match self.endpoint {
            Endpoint::Unix(_) | Endpoint::Search(_) => true,
            Endpoint::Tcp { .. } => false,
        }
    }

    /// Sends a request and gives the body of its answer, with where it came from.
    pub(super) async fn post(&self, post: Post) -> Result<(Vec<u8>, String), CallError> {
        let target = Target::of(&self.endpoint)?;
        let url = target.url();
        let method = post.method;
        let mut progress = Progress::default();
        let work = self.attempt(&target, post, &mut progress);
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done.map(|body| (body, url)),
            Err(_elapsed) => Err(CallError::Timeout {
                url,
                method,
                after: self.timeout,
                progress,
            }),
        }
    }

    async fn attempt(
        &self,
        target: &Target,
        post: Post,
        progress: &mut Progress,
    ) -> Result<Vec<u8>, CallError> {
        let attempts = if post.repeatable { ATTEMPTS_MAX } else { 1 };
        let body = Bytes::from(post.body);
        let mut attempt = 1;
        let response = loop {
            match self.send(target, body.clone(), post.method).await {
                Err(CallError::Closed { .. }) if attempt < attempts => attempt += 1,
                done => break done?,
            }
        };
        check_status(&response, target, post.method)?;
        read_body(response, target, post.method, progress).await
    }

    async fn send(
        &self,
        target: &Target,
        body: Bytes,
        method: &'static str,
    ) -> Result<Response<Incoming>, CallError> {
        let request = self
            .request(Request::post(address(target, RPC_PATH)?), target)
            .header(CONTENT_TYPE, "text/xml")
            .body(Full::new(body))
            .map_err(|source| no_address(target, source))?;
        self.connections.send(target, request, method).await
    }

    /// What every request has in its head.
    fn request(&self, request: Builder, target: &Target) -> Builder {
        let request = request.header(HOST, target.host()).header(
            USER_AGENT,
            concat!("supervigil/", env!("CARGO_PKG_VERSION")),
        );
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }
}

fn address(target: &Target, path: &str) -> Result<Uri, CallError> {
    target
        .uri(path)
        .map_err(|source| no_address(target, source))
}

fn no_address(target: &Target, source: hyper::http::Error) -> CallError {
    CallError::Address {
        url: target.url(),
        source,
    }
}

fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials { username, password } = credentials;
    let pair = format!("{username}:{}", password.expose_secret());
    // Base64 holds only characters that a header takes, so there always is a value.
    let mut value =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn check_status(
    response: &Response<Incoming>,
    target: &Target,
    method: &'static str,
) -> Result<(), CallError> {
    let url = target.url();
    Err(match response.status() {
        StatusCode::OK => return Ok(()),
        StatusCode::UNAUTHORIZED => CallError::Unauthorized { url },
        StatusCode::NOT_FOUND => CallError::NotFound { url },
        StatusCode::LENGTH_REQUIRED => CallError::LengthRequired { url },
        StatusCode::INTERNAL_SERVER_ERROR => CallError::ServerError { url, method },
        other => CallError::Status {
            url,
            method,
            status: other.as_u16(),
        },
    })
}

async fn read_body(
    response: Response<Incoming>,
    target: &Target,
    method: &'static str,
    progress: &mut Progress,
) -> Result<Vec<u8>, CallError> {
    let mut incoming = response.into_body();
    progress.promised = incoming.size_hint().exact();
    let too_large = || CallError::TooLarge {
        url: target.url(),
        method,
    };
    let promised = usize::try_from(progress.promised.unwrap_or(0)).unwrap_or(usize::MAX);
    if promised > BODY_BYTES_MAX {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(promised);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|source| CallError::Cut {
            url: target.url(),
            method,
            progress: *progress,
            source,
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        progress.received += data.len();
        if progress.received > BODY_BYTES_MAX {
            return Err(too_large());
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}
