//! Bodies to and from supervisord over HTTP/1.1, on a unix socket or TCP.
//!
//! Owns connections, the deadline and the byte cap of a call, and what supervisord's HTTP server needs
//! (medusa, in supervisor's http.py and `medusa/`): a Content-Length with every request, never a chunk,
//! never an empty body. What the bodies say is `codec`'s.
//!
//! Invariant: a call that could change something is written to at most one connection.

use std::{error::Error as _, io, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use hyperlocal::UnixConnector;
use secrecy::ExposeSecret as _;

use super::{
    BODY_BYTES_MAX,
    error::{CallError, Progress},
    settings::{Credentials, Endpoint, Settings},
    target::Target,
};

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
    unix: legacy::Client<UnixConnector, Full<Bytes>>,
    tcp: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Arc::new(Self {
            endpoint: settings.endpoint.clone(),
            authorization: settings.credentials.as_ref().and_then(authorization),
            timeout: settings.timeout,
            unix: builder.build(UnixConnector),
            tcp: builder.build(connector),
        })
    }

    /// Where it is, for people; without credentials.
    pub(super) fn url(&self) -> String {
        Target::shown(&self.endpoint)
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
            .request(target, body)
            .map_err(|source| CallError::Address {
                url: target.url(),
                source,
            })?;
        let sent = match target {
            Target::Unix(_) => self.unix.request(request).await,
            Target::Tcp(_) => self.tcp.request(request).await,
        };
        sent.map_err(|error| send_error(error, target, method))
    }

    fn request(
        &self,
        target: &Target,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::post(target.uri()?)
            .header(HOST, target.host())
            .header(
                USER_AGENT,
                concat!("supervigil/", env!("CARGO_PKG_VERSION")),
            )
            .header(CONTENT_TYPE, "text/xml");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::new(body))
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

fn send_error(error: legacy::Error, target: &Target, method: &'static str) -> CallError {
    if error.is_connect() {
        return connect_error(error, target);
    }
    let url = target.url();
    let http = error.source().and_then(|cause| cause.downcast_ref());
    if http.is_some_and(is_foreign) {
        CallError::NotHttp { url, source: error }
    } else {
        CallError::Closed {
            url,
            method,
            source: error,
        }
    }
}

/// Whether the peer said something that is not HTTP, rather than nothing at all.
fn is_foreign(error: &hyper::Error) -> bool {
    // A peer that speaks first may be heard before the request is on its way, which is cancelled then.
    let cause: Option<&hyper::Error> = error.source().and_then(|cause| cause.downcast_ref());
    if let Some(cause) = cause.filter(|_| error.is_canceled()) {
        return is_foreign(cause);
    }
    let ended = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    let io_error: Option<&io::Error> = error.source().and_then(|cause| cause.downcast_ref());
    !ended && io_error.is_none()
}

fn connect_error(error: legacy::Error, target: &Target) -> CallError {
    let url = target.url();
    let Some(source) = io_cause(&error) else {
        return CallError::Connect {
            url,
            source: error.into(),
        };
    };
    match (source.kind(), target) {
        (io::ErrorKind::NotFound, Target::Unix(path)) => CallError::NoSocket {
            looked_at: vec![path.clone()],
        },
        (io::ErrorKind::PermissionDenied, Target::Unix(path)) => CallError::NoPermission {
            path: path.clone(),
            source,
        },
        (io::ErrorKind::ConnectionRefused, _) => CallError::Refused { url, source },
        (io::ErrorKind::WouldBlock, _) => CallError::Busy { url, source },
        _ => CallError::Connect {
            url,
            source: source.into(),
        },
    }
}

/// The kernel's error at the bottom of a chain; rebuilt, as a chain gives only references.
fn io_cause(error: &legacy::Error) -> Option<io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            });
        }
        cause = error.source();
    }
    None
}
