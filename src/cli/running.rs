//! Asking the running daemon, over its HTTP server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use crate::http::{Listen, Settings};

/// What is read of an answer: a thousand silences and holds take less.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why there is no answer.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The way to the daemon.
pub(super) struct Running {
    listen: Listen,
    authorization: Option<HeaderValue>,
}

impl Running {
    /// The way to the daemon that goes by these settings.
    pub(super) fn by(settings: &Settings) -> Self {
        Self {
            listen: reachable(&settings.listen),
            authorization: settings.token.as_ref().and_then(authorization),
        }
    }

    /// Where that is, for people.
    pub(super) fn url(&self) -> String {
        match &self.listen {
            Listen::Tcp(address) => format!("http://{address}"),
            Listen::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    /// Posts JSON.
    pub(super) async fn post(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        self.ask(Method::POST, path, body).await
    }

    /// Gets JSON.
    pub(super) async fn get(&self, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(
                USER_AGENT,
                concat!("supervigil/", env!("CARGO_PKG_VERSION")),
            )
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body))?;
        match &self.listen {
            Listen::Tcp(address) => exchange(TcpStream::connect(address).await?, request).await,
            Listen::Unix(path) => exchange(UnixStream::connect(path).await?, request).await,
        }
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asking = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await?.to_bytes();
        Ok((status, body))
    };
    // The connection ends with its only sender, and its failure is the request's, too.
    let (answer, _ended) = tokio::join!(asking, connection);
    answer
}

/// The reason that an answer of the daemon gives.
pub(super) fn sentence(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
    error.map_or_else(
        || String::from_utf8_lossy(body).trim().to_owned(),
        str::to_owned,
    )
}

/// Where a server that listens there is reached: one that listens everywhere, on loopback.
fn reachable(listen: &Listen) -> Listen {
    match listen {
        Listen::Tcp(address) if address.ip().is_unspecified() => {
            let loopback = match address.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            Listen::Tcp(SocketAddr::new(loopback, address.port()))
        }
        Listen::Tcp(_) | Listen::Unix(_) => listen.clone(),
    }
}

fn authorization(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
