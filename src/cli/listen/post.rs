//! Batches to the daemon, over its HTTP server.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

use super::console;
use crate::{
    http::{EVENTS_PATH, Listen, Settings},
    model::Told,
};

/// One post's deadline. The daemon answers in milliseconds; one that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// The wait before the second attempt; it doubles.
const DELAY_MIN: Duration = Duration::from_millis(100);

/// The longest wait between attempts: what happened is told that long after the daemon is back.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// What is read of an answer: a sentence.
const ANSWER_BYTES_MAX: usize = 4096;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The way to the daemon.
pub(super) struct Sender {
    listen: Listen,
    authorization: Option<HeaderValue>,
    /// What went wrong last, and was said.
    said: Option<String>,
}

/// What came of an attempt.
enum Attempt {
    Taken,
    /// The same batch will never be taken.
    Refused(String),
    Failed(String),
}

impl Sender {
    /// The way to the daemon that goes by these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            listen: reachable(&settings.listen),
            authorization: settings.token.as_ref().and_then(authorization),
            said: None,
        }
    }

    /// Tries until the batch is taken or refused; returns how many of its events are lost.
    pub(super) async fn deliver(mut self, told: Told) -> (Self, u64) {
        let events = u64::try_from(told.events.len()).unwrap_or(u64::MAX);
        let mut delay = DELAY_MIN;
        loop {
            match self.attempt(&told).await {
                Attempt::Taken => {
                    if self.said.take().is_some() {
                        console::complain("supervigil listen: the daemon takes events again");
                    }
                    return (self, 0);
                }
                Attempt::Refused(why) => {
                    self.say(format!("the daemon refuses events: {why}; they are lost"));
                    // It may refuse the next batch, too, and one that only tells of the loss.
                    sleep(DELAY_MAX).await;
                    return (self, events.saturating_add(told.lost));
                }
                Attempt::Failed(why) => {
                    let url = url(&self.listen);
                    self.say(format!(
                        "cannot hand events to the daemon at {url}: {why}; trying on, and keeping them meanwhile"
                    ));
                }
            }
            sleep(delay).await;
            delay = (delay * 2).min(DELAY_MAX);
        }
    }

    fn say(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            console::complain(&format!("supervigil listen: {sentence}"));
            self.said = Some(sentence);
        }
    }

    async fn attempt(&self, told: &Told) -> Attempt {
        let Ok(body) = serde_json::to_vec(told) else {
            return Attempt::Refused("they cannot be written as JSON".to_owned());
        };
        match timeout(DEADLINE, self.post(body.into())).await {
            Ok(Ok((status, answer))) => judge(status, &answer),
            Ok(Err(failure)) => Attempt::Failed(crate::daemon::with_causes(&*failure)),
            Err(_elapsed) => Attempt::Failed(format!("no answer within {} s", DEADLINE.as_secs())),
        }
    }

    async fn post(&self, body: Bytes) -> Result<(StatusCode, String), Failure> {
        let mut request = Request::post(EVENTS_PATH)
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

fn judge(status: StatusCode, answer: &str) -> Attempt {
    match status {
        status if status.is_success() => Attempt::Taken,
        // What it cannot read it will not be able to read later.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Attempt::Refused(answer.into()),
        // The rest is mended by a restart, or by somebody who reads this.
        status => Attempt::Failed(format!("it answers {}: {answer}", status.as_u16())),
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, String), Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asking = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await?.to_bytes();
        Ok((status, sentence(&body)))
    };
    // The connection ends with its only sender, and its failure is the request's, too.
    let (answer, _ended) = tokio::join!(asking, connection);
    answer
}

/// The reason that an answer of the daemon gives.
fn sentence(body: &[u8]) -> String {
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

fn url(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) => format!("http://{address}"),
        Listen::Unix(path) => format!("unix://{}", path.display()),
    }
}

fn authorization(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
