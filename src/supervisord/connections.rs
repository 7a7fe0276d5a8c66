//! Connections to supervisord's HTTP server, and why there is none.
//!
//! Owns the two ways there, a unix socket and TCP, and what their failures are called. What is asked,
//! how long it may take and whether it is asked again is `transport`'s.
//!
//! Invariant: a connection that is kept leads to the socket that is there. A supervisord whose socket
//! was replaced would answer on its old connections for ever.

use std::{error::Error as _, fs, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use hyperlocal::UnixConnector;
use tokio::sync::watch;

use super::{error::CallError, target::Target};

/// How long TCP may be silent before the kernel asks whether the other host is still there, and how
/// often it asks, that long apart, before it takes the silence for an answer: two minutes in all.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEPALIVE_PROBES: u32 = 3;

/// Connections of one kind.
pub(super) struct Connections {
    unix: watch::Sender<UnixConnections>,
    tcp: legacy::Client<HttpConnector, Full<Bytes>>,
    idle_max: usize,
}

/// Connections to one socket.
struct UnixConnections {
    socket: Option<SocketMark>,
    client: legacy::Client<UnixConnector, Full<Bytes>>,
}

/// Tells a socket from another at the same path. A file system may give the same number to both, but
/// not the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SocketMark {
    device: u64,
    number: u64,
    changed: (i64, i64),
}

impl SocketMark {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            number: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Connections {
    /// Connections of which at most so many are kept for the next request.
    pub(super) fn keeping(idle_max: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE_EVERY));
        connector.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        Self {
            unix: watch::Sender::new(UnixConnections {
                socket: None,
                client: builder(idle_max).build(UnixConnector),
            }),
            tcp: builder(idle_max).build(connector),
            idle_max,
        }
    }

    /// Connections to the socket that is at a path at present; those to another one are dropped.
    fn unix(&self, path: &Path) -> legacy::Client<UnixConnector, Full<Bytes>> {
        let socket = SocketMark::of(path);
        self.unix.send_if_modified(|connections| {
            let is_new = connections.socket != socket;
            if is_new {
                let client = builder(self.idle_max).build(UnixConnector);
                *connections = UnixConnections { socket, client };
            }
            is_new
        });
        self.unix.borrow().client.clone()
    }

    /// Sends a request and gives the head of its answer.
    pub(super) async fn send(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
        method: &'static str,
    ) -> Result<Response<Incoming>, CallError> {
        let sent = match target {
            Target::Unix(path) => self.unix(path).request(request).await,
            Target::Tcp(_) => self.tcp.request(request).await,
        };
        sent.map_err(|error| send_error(error, target, method))
    }
}

fn builder(idle_max: usize) -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(idle_max);
    builder
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
