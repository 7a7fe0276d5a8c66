//! Hints over HTTP: who may post them, what is taken, and what is said to whom is refused.

#[expect(dead_code, reason = "a part of it is used here")]
mod picture;

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Value, json};
use supervigil::{
    http::{EVENTS_MAX, Language, Listen, Sources, bind, serve},
    model::{ProgramEvent, Published, Telling, Told},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

const PATH: &str = "/api/v1/events";
const TOKEN: &str = "a-token-of-more-than-twenty-characters";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A server, and the other end of what it hands on.
struct Rig {
    listen: Listen,
    told: mpsc::Receiver<Told>,
    served: mpsc::UnboundedReceiver<(&'static str, u16)>,
    published: watch::Sender<Arc<Published>>,
    _heartbeat: watch::Sender<supervigil::model::Moment>,
    _stop: tokio_util::sync::DropGuard,
}

struct Answer {
    code: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn error(&self) -> &str {
        let error = self.body.get("error").and_then(Value::as_str);
        error.unwrap_or_default()
    }
}

#[expect(clippy::unwrap_used, reason = "a test may die of it")]
#[expect(clippy::disallowed_methods, reason = "it ends with the rig")]
async fn rig_at(listen: Listen, token: Option<&str>) -> Rig {
    let listener = bind(&listen).await.unwrap();
    let listen = listener.tcp_address().map_or(listen, Listen::Tcp);
    let (published, receiver) = watch::channel(Arc::new(picture::of_everything()));
    let (heartbeat, beats) = watch::channel(picture::MOMENT);
    let (counted, served) = mpsc::unbounded_channel();
    let (tell, told) = mpsc::channel(2);
    let sources = Sources {
        published: receiver,
        heartbeat: beats,
        now: Arc::new(|| picture::MOMENT),
        exposition: Arc::new(|_| String::new()),
        served: Arc::new(move |path, code| {
            // Nobody reads the counts of a rig that is gone.
            counted.send((path, code)).unwrap_or_default();
        }),
        told: tell,
        orders: None,
        token: token.map(SecretString::from),
        language: Language::En,
        zone: TimeZone::UTC,
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, sources, shutdown.clone()));
    Rig {
        listen,
        told,
        served,
        published,
        _heartbeat: heartbeat,
        _stop: shutdown.drop_guard(),
    }
}

async fn rig() -> Rig {
    rig_at(Listen::Tcp(([127, 0, 0, 1], 0).into()), None).await
}

impl Rig {
    #[expect(clippy::unwrap_used, reason = "a test may die of it")]
    async fn ask(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        match &self.listen {
            Listen::Tcp(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                ask_over(stream, method, headers, body).await
            }
            Listen::Unix(path) => {
                let stream = UnixStream::connect(path).await.unwrap();
                ask_over(stream, method, headers, body).await
            }
        }
    }

    async fn post(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        let all: Vec<_> = std::iter::once(JSON)
            .chain(headers.iter().copied())
            .collect();
        self.ask("POST", &all, &body.to_string()).await
    }
}

#[expect(clippy::unwrap_used, reason = "a test may die of it")]
#[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
async fn ask_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    method: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(PATH);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:9877");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(body.to_owned()));
    let answer = sender.send_request(request.body(body).unwrap()).await;
    let (parts, body) = answer.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        code: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn batch() -> Value {
    json!({"server": "main", "lost": 2, "events": [
        {"event": "exited", "group": "es", "name": "中文", "pid": 4711, "expected": false},
        {"event": "groups_changed"},
    ]})
}

#[tokio::test]
async fn a_batch_is_handed_on_as_it_came() {
    let mut rig = rig().await;
    let answer = rig.post(&[], &batch()).await;
    assert_eq!(
        (answer.code, answer.body),
        (StatusCode::OK, json!({"taken": 2}))
    );
    let told = rig.told.recv().await.unwrap();
    assert_eq!((told.server.as_str(), told.lost), ("main", 2));
    let exited = Telling::Program {
        group: Some("es".into()),
        name: "中文".into(),
        event: ProgramEvent::Exited {
            pid: Some(4711),
            exit: None,
            expected: false,
        },
    };
    assert_eq!(told.events, [exited, Telling::GroupsChanged]);
    assert_eq!(rig.served.recv().await, Some((PATH, 200)));
}

#[tokio::test]
async fn a_full_queue_is_told_with_when_to_try_again() {
    let mut rig = rig().await;
    for _ in 0..2 {
        assert_eq!(rig.post(&[], &batch()).await.code, StatusCode::OK);
    }
    let answer = rig.post(&[], &batch()).await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(answer.error().contains("try again"), "{}", answer.error());
    rig.told.recv().await.unwrap();
    assert_eq!(rig.post(&[], &batch()).await.code, StatusCode::OK);
    rig.told.close();
    let answer = rig.post(&[], &batch()).await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_unknown_supervisord_is_a_404_that_names_the_known_ones() {
    let rig = rig().await;
    let nobody = json!({"server": "nobody", "events": []});
    let answer = rig.post(&[], &nobody).await;
    assert_eq!(answer.code, StatusCode::NOT_FOUND);
    for name in ["\"nobody\"", "\"main\"", "\"edge\""] {
        assert!(answer.error().contains(name), "{}", answer.error());
    }
    rig.published
        .send_modify(|published| Arc::make_mut(published).servers.clear());
    let answer = rig.post(&[], &nobody).await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_no_batch_is_a_400_in_one_sentence() {
    let rig = rig().await;
    for body in [
        "",
        "{",
        "[]",
        "{\"server\":\"main\"}",
        "{\"server\":\"main\",\"events\":[{\"event\":\"eaten\"}]}",
    ] {
        let answer = rig.ask("POST", &[JSON], body).await;
        assert_eq!(answer.code, StatusCode::BAD_REQUEST, "{body}");
        assert!(
            answer.error().contains("no batch of events"),
            "{}",
            answer.error()
        );
    }
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let rig = rig().await;
    let of = |count| json!({"server": "main", "events": vec![json!({"event": "groups_changed"}); count]});
    assert_eq!(rig.post(&[], &of(EVENTS_MAX)).await.code, StatusCode::OK);
    let answer = rig.post(&[], &of(EVENTS_MAX + 1)).await;
    assert_eq!(answer.code, StatusCode::PAYLOAD_TOO_LARGE);
    let huge = json!({"server": "x".repeat(EVENTS_MAX * 1024), "events": []});
    let answer = rig.post(&[], &huge).await;
    assert_eq!(answer.code, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.error().contains("bytes"), "{}", answer.error());
}

#[tokio::test]
async fn only_posting_is_possible() {
    let rig = rig().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = rig.ask(method, &[JSON], "").await;
        assert_eq!(answer.code, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers["allow"], "POST");
        assert!(answer.error().contains("POST only"), "{}", answer.error());
    }
}

#[tokio::test]
async fn no_page_can_post() {
    let mut rig = rig().await;
    for header in [
        ("origin", "http://localhost:9877"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = rig.post(&[header], &batch()).await;
        assert_eq!(answer.code, StatusCode::FORBIDDEN, "{header:?}");
    }
    for site in ["none", "same-origin"] {
        let answer = rig.post(&[("sec-fetch-site", site)], &batch()).await;
        assert_eq!(answer.code, StatusCode::OK, "{site}");
        rig.told.recv().await.unwrap();
    }
    let answer = rig.post(&[("host", "evil.example")], &batch()).await;
    assert_eq!(answer.code, StatusCode::MISDIRECTED_REQUEST);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let answer = rig
            .ask("POST", &[("content-type", kind)], &batch().to_string())
            .await;
        assert_eq!(answer.code, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let answer = rig.ask("POST", &[], &batch().to_string()).await;
    assert_eq!(answer.code, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(rig.told.try_recv().is_err());
}

#[tokio::test]
async fn a_token_that_is_set_must_be_given() {
    let rig = rig_at(Listen::Tcp(([127, 0, 0, 1], 0).into()), Some(TOKEN)).await;
    let right = format!("Bearer {TOKEN}");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        right.trim_end_matches('s'),
        &format!("{right}x"),
        &format!("Basic {TOKEN}"),
    ] {
        let answer = rig.post(&[("authorization", wrong)], &batch()).await;
        assert_eq!(answer.code, StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(answer.error().contains("token_file"), "{}", answer.error());
    }
    assert_eq!(rig.post(&[], &batch()).await.code, StatusCode::UNAUTHORIZED);
    let answer = rig.post(&[("authorization", &right)], &batch()).await;
    assert_eq!(answer.code, StatusCode::OK);
}

#[tokio::test]
async fn who_comes_through_a_proxy_comes_from_elsewhere() {
    let rig = rig().await;
    for name in ["forwarded", "x-forwarded-for", "via"] {
        let answer = rig.post(&[(name, "203.0.113.7")], &batch()).await;
        assert_eq!(answer.code, StatusCode::FORBIDDEN, "{name}");
        assert!(answer.error().contains("token_file"), "{}", answer.error());
    }
}

/// An address of this machine that is not loopback; none where it has no network at all.
fn own_address() -> Option<SocketAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this asks for the route alone.
    socket.connect("203.0.113.7:9").ok()?;
    let address = socket.local_addr().ok()?;
    (!address.ip().is_loopback()).then(|| SocketAddr::new(address.ip(), 0))
}

#[tokio::test]
async fn from_elsewhere_only_the_token_opens() {
    let Some(address) = own_address() else {
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(!in_ci, "this machine has no address but loopback");
        return;
    };
    let open = rig_at(Listen::Tcp(address), None).await;
    let answer = open.post(&[], &batch()).await;
    assert_eq!(answer.code, StatusCode::FORBIDDEN);
    let guarded = rig_at(Listen::Tcp(address), Some(TOKEN)).await;
    assert_eq!(
        guarded.post(&[], &batch()).await.code,
        StatusCode::UNAUTHORIZED
    );
    let right = format!("Bearer {TOKEN}");
    let answer = guarded.post(&[("authorization", &right)], &batch()).await;
    assert_eq!(answer.code, StatusCode::OK);
}

#[tokio::test]
async fn a_unix_socket_is_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig_at(Listen::Unix(folder.path().join("h.sock")), None).await;
    assert_eq!(rig.post(&[], &batch()).await.code, StatusCode::OK);
}
