//! The page, the API and the probes, as a client sees them over a real connection.

mod picture;

use std::{
    collections::BTreeMap, io::Read as _, os::unix::fs::PermissionsExt as _, sync::Arc,
    time::Duration,
};

use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Empty};
use hyper::{HeaderMap, Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use supervigil::{
    http::{HttpError, Language, Listen, Listener, Sources, bind, serve},
    model::{Moment, ProcessState, Published, StoreView},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// A server over a picture that can be changed, and what it counted.
struct Rig {
    listen: Listen,
    published: watch::Sender<Arc<Published>>,
    heartbeat: watch::Sender<Moment>,
    served: mpsc::UnboundedReceiver<(&'static str, u16)>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

/// An answer as a client has it in the end.
struct Answer {
    code: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
    /// The bytes, as far as they are text.
    body: String,
}

impl Answer {
    #[expect(clippy::unwrap_used, reason = "a test may die of it")]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

#[expect(clippy::unwrap_used, reason = "a test may die of it")]
#[expect(clippy::disallowed_methods, reason = "the test awaits the task itself")]
async fn rig_at(listen: Listen, published: Published) -> Rig {
    let listener: Listener = bind(&listen).await.unwrap();
    let listen = listener.tcp_address().map_or(listen, Listen::Tcp);
    let (published, receiver) = watch::channel(Arc::new(published));
    let (heartbeat, beats) = watch::channel(picture::MOMENT);
    let (counted, served) = mpsc::unbounded_channel();
    let sources = Sources {
        published: receiver,
        heartbeat: beats,
        now: Arc::new(|| picture::MOMENT),
        exposition: Arc::new(|format| format!("supervigil_build_info 1 {format:?}\n")),
        served: Arc::new(move |path, code| {
            // Nobody reads the counts of a rig that is gone.
            counted.send((path, code)).unwrap_or_default();
        }),
        // Nobody takes hints here.
        told: mpsc::channel(1).0,
        orders: None,
        token: None,
        language: Language::En,
        zone: TimeZone::UTC,
    };
    let shutdown = CancellationToken::new();
    Rig {
        server: tokio::spawn(serve(listener, sources, shutdown.clone())),
        listen,
        published,
        heartbeat,
        served,
        shutdown,
    }
}

async fn rig() -> Rig {
    let anywhere = Listen::Tcp(([127, 0, 0, 1], 0).into());
    rig_at(anywhere, picture::of_everything()).await
}

impl Rig {
    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    #[expect(clippy::unwrap_used, reason = "a test may die of it")]
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        match &self.listen {
            Listen::Tcp(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                ask_over(stream, method, path, headers).await
            }
            Listen::Unix(path_of_socket) => {
                let stream = UnixStream::connect(path_of_socket).await.unwrap();
                ask_over(stream, method, path, headers).await
            }
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Published)) {
        self.published
            .send_modify(|published| change(Arc::make_mut(published)));
    }
}

#[expect(clippy::unwrap_used, reason = "a test may die of it")]
#[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
async fn ask_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:9877");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        code: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    }
}

#[tokio::test]
async fn metrics_have_the_text_formats_content_type() {
    let answer = rig().await.get("/metrics").await;
    assert_eq!(answer.code, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(answer.body, "supervigil_build_info 1 Text\n");
}

#[tokio::test]
async fn it_is_healthy_while_the_main_loop_makes_progress() {
    let rig = rig().await;
    let before = |seconds: u64| Moment {
        monotonic: picture::MOMENT
            .monotonic
            .saturating_sub(Duration::from_secs(seconds)),
        wall: picture::ago(seconds),
    };
    rig.heartbeat.send_replace(before(30));
    let answer = rig.get("/-/healthy").await;
    assert_eq!((answer.code, &*answer.body), (StatusCode::OK, "ok"));
    rig.heartbeat.send_replace(before(31));
    let answer = rig.get("/-/healthy").await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.body.contains("no progress for 31 s"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn it_is_ready_once_a_poll_succeeded_and_no_supervisord_is_unreachable() {
    let rig = rig().await;
    let answer = rig.get("/-/ready").await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "supervisord edge is unreachable");
    rig.publish(|published| {
        published.servers.pop();
    });
    let answer = rig.get("/-/ready").await;
    assert_eq!((answer.code, &*answer.body), (StatusCode::OK, "ok"));
    rig.publish(|published| {
        for server in &mut published.servers {
            Arc::make_mut(server).last_success_at = None;
        }
    });
    let answer = rig.get("/-/ready").await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "no supervisord has answered yet");
}

#[tokio::test]
async fn processes_are_as_the_contract_has_them() {
    let answer = rig()
        .await
        .get("/api/v1/processes?server=main&name=es:es_node_b")
        .await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.json(),
        json!({"processes": [{
            "server": "main", "group": "es", "name": "es_node_b", "state": "FATAL", "pid": 0,
            "started_at": null, "state_since": "2026-11-23T05:41:14.123Z", "exit": {"code": 0},
            "spawn_error": "Exited too quickly (process log may have details)",
            "expect": "running", "held": false, "incident": "01JD0000000000000000000001",
        }]})
    );
}

#[tokio::test]
async fn an_unknown_signal_is_null_and_a_known_one_has_its_name() {
    let rig = rig().await;
    let exit = async |name: &str| {
        let answer = rig.get(&format!("/api/v1/processes?name={name}")).await;
        answer.json()["processes"][0]["exit"].clone()
    };
    assert_eq!(exit("nightly").await, Value::Null);
    assert_eq!(
        exit("kibana").await,
        json!({"signal": "SIGKILL", "core_dumped": false})
    );
}

#[tokio::test]
async fn incidents_are_as_the_contract_has_them() {
    let rig = rig().await;
    let answer = rig.get("/api/v1/incidents").await.json();
    assert_eq!(answer["incidents"].as_array().unwrap().len(), 3);
    assert_eq!(
        answer["incidents"][0],
        json!({
            "id": "01JD0000000000000000000001", "server": "main", "group": "es",
            "name": "es_node_b", "kind": "fatal", "severity": "critical",
            "opened_at": "2026-11-23T05:41:14.123Z", "closed_at": null, "outcome": null,
            "exit": {"code": 3},
            "spawn_error": "Exited too quickly (process log may have details)",
            "attempts": 2, "next_attempt_at": "2026-11-23T05:41:58.123Z",
            "log_tail": ["java.lang.OutOfMemoryError: <b>heap</b>"],
        })
    );
    let count = async |query: &str| {
        let answer = rig.get(&format!("/api/v1/incidents{query}")).await.json();
        answer["incidents"].as_array().unwrap().len()
    };
    assert_eq!(count("?open=true").await, 2);
    assert_eq!(count("?open=false").await, 1);
    assert_eq!(count("?since=2026-11-23T05:41:14.123Z").await, 1);
    assert_eq!(count("?since=2026-11-23T13:41:14.124%2B08:00").await, 0);
    assert_eq!(count("?server=edge").await, 1);
    assert_eq!(count("?limit=1&whatever=7").await, 1);
}

#[tokio::test]
async fn transitions_are_as_the_contract_has_them() {
    let rig = rig().await;
    let answer = rig.get("/api/v1/transitions?limit=1").await;
    assert_eq!(answer.header("x-total-count"), "2");
    assert_eq!(
        answer.json(),
        json!({"transitions": [{
            "time": "2026-11-23T05:41:14.123Z", "server": "main", "group": "es",
            "name": "es_node_b", "from": "STARTING", "to": "FATAL", "pid": 0,
            "uptime_seconds": null, "exit": {"code": 3}, "expected": false,
            "cause": "spawn_error", "seen_by": "poll", "spawn_error": "",
        }]})
    );
}

#[tokio::test]
async fn metrics_come_in_the_format_and_the_packing_that_the_client_wants() {
    let rig = rig().await;
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = rig.ask("GET", "/metrics", &[("accept", prometheus)]).await;
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(answer.body, "supervigil_build_info 1 OpenMetrics\n");
    assert!(answer.header("vary").contains("accept"));

    rig.publish(|published| *published = picture::of_programs(50));
    let plain = rig.ask("GET", "/api/v1/processes", &[]).await;
    assert_eq!(plain.header("content-encoding"), "");
    let wanted = [("accept-encoding", "gzip")];
    let packed = rig.ask("GET", "/api/v1/processes", &wanted).await;
    assert_eq!(packed.code, StatusCode::OK);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.bytes.len() * 4 < plain.bytes.len());
    let mut unpacked = String::new();
    let read = GzDecoder::new(&*packed.bytes).read_to_string(&mut unpacked);
    assert_eq!(read.unwrap(), plain.bytes.len());
    assert_eq!(unpacked, plain.body);
}

#[tokio::test]
async fn a_notice_has_its_incidents_and_how_far_it_got() {
    let rig = rig().await;
    let incidents = rig.get("/api/v1/incidents").await.json();
    assert_eq!(
        rig.get("/api/v1/notices").await.json(),
        json!({"notices": [{
            "id": "01JNOTICE", "time": "2026-11-23T05:41:14.123Z", "reason": "opened",
            "incidents": [incidents["incidents"][0]], "channel": null, "heartbeat": null,
            "deliveries": {"ops": "taken", "备用": "waiting"},
        }]})
    );
    for (query, count) in [
        ("?name=es:es_node_b", 1),
        ("?name=other", 0),
        ("?since=2026-11-23T05:41:15Z", 0),
    ] {
        let answer = rig.get(&format!("/api/v1/notices{query}")).await.json();
        assert_eq!(
            answer["notices"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
}

#[tokio::test]
async fn lists_are_newest_first_and_limited() {
    let rig = rig_at(
        Listen::Tcp(([127, 0, 0, 1], 0).into()),
        picture::of_programs(1200),
    )
    .await;
    let count = async |query: &str| {
        let answer = rig.get(&format!("/api/v1/processes{query}")).await;
        assert_eq!(answer.header("x-total-count"), "1200");
        answer.json()["processes"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 100);
    assert_eq!(count("?limit=1000").await, 1000);
    let first = rig.get("/api/v1/processes?limit=13").await.json();
    let states: Vec<_> = first["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["state"].as_str().unwrap())
        .collect();
    assert_eq!(states[..12], ["FATAL"; 12]);
    assert_eq!(states[12], "RUNNING");
}

#[tokio::test]
async fn a_bad_parameter_is_a_400_that_says_which() {
    let rig = rig().await;
    for (query, word) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("since=x", "since"),
        ("open=1", "open"),
    ] {
        for list in ["processes", "incidents", "transitions"] {
            let answer = rig.get(&format!("/api/v1/{list}?{query}")).await;
            assert_eq!(answer.code, StatusCode::BAD_REQUEST, "{list} {query}");
            let error = answer.json()["error"].as_str().unwrap().to_owned();
            assert!(error.starts_with(word), "{error}");
        }
    }
}

#[tokio::test]
async fn status_shows_everything_at_a_glance() {
    let rig = rig().await;
    rig.publish(|published| {
        published.store = StoreView {
            error: Some("disk full".to_owned()),
            unsaved: 7,
        };
    });
    let status = rig.get("/api/v1/status").await.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["started_at"], "2026-11-23T03:41:18.123Z");
    assert_eq!(status["incidents_open"], 2);
    assert_eq!(status["store"], json!({"error": "disk full", "unsaved": 7}));
    assert_eq!(status["config"]["last_reload_successful"], true);
    let main = &status["supervisords"][0];
    assert_eq!(main["server"], "main");
    assert_eq!(main["pid"], 4242);
    assert_eq!(main["programs"]["RUNNING"], 2);
    assert_eq!(main["programs"]["BACKOFF"], 0);
    let edge = &status["supervisords"][1];
    assert_eq!(edge["up"], false);
    assert_eq!(edge["unreachable"], true);
    assert_eq!(edge["pid"], Value::Null);
    assert_eq!(status["channels"][1]["length"], 3);
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let rig = rig().await;
    for path in ["/", "/metrics", "/-/healthy", "/api/v1/processes"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = rig.ask(method, path, &[]).await;
            assert_eq!(
                answer.code,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), "GET,HEAD");
            assert!(answer.json()["error"].is_string());
        }
        let head = rig.ask("HEAD", path, &[]).await;
        let get = rig.get(path).await;
        assert_eq!(head.code, get.code);
        assert_eq!(head.body, "");
        assert_eq!(head.header("content-length"), get.body.len().to_string());
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_404_in_one_sentence() {
    let answer = rig().await.get("/api/v1/secrets").await;
    assert_eq!(answer.code, StatusCode::NOT_FOUND);
    assert!(answer.json()["error"].is_string());
}

#[tokio::test]
async fn a_foreign_host_is_misdirected_on_loopback() {
    let rig = rig().await;
    for path in ["/", "/metrics", "/api/v1/status", "/nowhere"] {
        let answer = rig.ask("GET", path, &[("host", "evil.example:9877")]).await;
        assert_eq!(answer.code, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert!(
            answer.json()["error"]
                .as_str()
                .unwrap()
                .contains("loopback")
        );
    }
    let answer = rig
        .ask("GET", "/metrics", &[("host", "127.0.0.1:9877")])
        .await;
    assert_eq!(answer.code, StatusCode::OK);
}

#[tokio::test]
async fn any_host_will_do_where_others_are_meant_to_come() {
    let rig = rig_at(
        Listen::Tcp(([0, 0, 0, 0], 0).into()),
        picture::of_everything(),
    )
    .await;
    let answer = rig
        .ask("GET", "/metrics", &[("host", "node7.example:9877")])
        .await;
    assert_eq!(answer.code, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_safety_headers() {
    let rig = rig().await;
    for path in ["/", "/metrics", "/nowhere", "/api/v1/processes?limit=x"] {
        let answer = rig.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn requests_are_counted_by_template_never_by_what_a_client_wrote() {
    let mut rig = rig().await;
    rig.get("/metrics?x=1").await;
    rig.get("/wp-admin.php").await;
    rig.ask("POST", "/api/v1/status", &[]).await;
    rig.ask("GET", "/", &[("host", "evil.example")]).await;
    let mut counted = BTreeMap::new();
    while let Ok(request) = rig.served.try_recv() {
        *counted.entry(request).or_insert(0) += 1;
    }
    let expected = [
        ("/", 421),
        ("/api/v1/status", 405),
        ("/metrics", 200),
        ("other", 404),
    ];
    assert_eq!(counted, expected.map(|request| (request, 1)).into());
}

#[tokio::test]
async fn the_page_escapes_what_it_is_given() {
    let page = rig().await.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        !page.body.contains("<script"),
        "a program's name became markup"
    );
    assert!(!page.body.contains("<b>heap"), "a log line became markup");
    assert!(page.body.contains("script&#62;alert(1)") || page.body.contains("script&gt;alert(1)"));
}

#[tokio::test]
async fn the_page_speaks_the_language_that_is_asked_for() {
    let rig = rig().await;
    let language = async |path: &str, accept: &[(&str, &str)]| {
        let page = rig.ask("GET", path, accept).await.body;
        let (_, rest) = page.split_once("<html lang=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!(language("/", &[]).await, "en");
    assert_eq!(
        language("/", &[("accept-language", "zh-CN,zh;q=0.9")]).await,
        "zh-CN"
    );
    assert_eq!(
        language("/?lang=en", &[("accept-language", "zh")]).await,
        "en"
    );
    assert_eq!(language("/?lang=zh", &[]).await, "zh-CN");
    assert_eq!(language("/?lang=%FF", &[]).await, "en");
}

#[tokio::test]
async fn the_page_reads_as_it_should() {
    let rig = rig().await;
    for (path, name) in [("/?lang=en", "page_en"), ("/?lang=zh", "page_zh")] {
        let page = rig.get(path).await.body;
        let (_, body) = page.split_once("</style>").unwrap();
        insta::assert_snapshot!(name, body.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}

#[tokio::test]
async fn an_empty_picture_is_shown_all_the_same() {
    let rig = rig().await;
    rig.publish(|published| {
        published.servers.clear();
        published.incidents.clear();
        published.channels.clear();
        published.transitions = Vec::new().into();
    });
    let page = rig.get("/").await;
    assert_eq!(page.code, StatusCode::OK);
    assert!(page.body.contains("Waiting for supervisord"));
    assert_eq!(
        rig.get("/-/ready").await.code,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn trouble_comes_first_on_the_page() {
    let rig = rig().await;
    rig.publish(|published| {
        let mut main = picture::main();
        main.processes = vec![
            picture::process("a", "a", ProcessState::Running),
            picture::process("b", "b", ProcessState::Stopped),
            picture::process("c", "c", ProcessState::Fatal),
        ];
        published.servers = vec![Arc::new(main)];
    });
    let page = rig.get("/").await.body;
    let place = |name: &str| {
        page.find(&format!("<span class=\"name\">{name}</span>"))
            .unwrap()
    };
    assert!(place("c") < place("b"));
    assert!(place("b") < place("a"));
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() {
    let rig = rig().await;
    let error = bind(&rig.listen).await.unwrap_err();
    assert!(matches!(error, HttpError::InUse { .. }));
    let Listen::Tcp(address) = &rig.listen else {
        panic!("the rig listens on TCP");
    };
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("[http] listen"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_serves_its_group_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let listen = Listen::Unix(path.clone());
    let rig = rig_at(listen.clone(), picture::of_everything()).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let answer = rig.ask("GET", "/metrics", &[("host", "anything")]).await;
    assert_eq!(answer.code, StatusCode::OK);
    let error = bind(&listen).await.unwrap_err();
    assert!(matches!(error, HttpError::InUse { .. }), "{error}");
    rig.shutdown.cancel();
    rig.server.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    bind(&Listen::Unix(stale)).await.unwrap();
    let file = folder.path().join("precious.txt");
    std::fs::write(&file, "mine").unwrap();
    let error = bind(&Listen::Unix(file.clone())).await.unwrap_err();
    assert!(matches!(error, HttpError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    let nowhere = folder.path().join("missing/http.sock");
    let error = bind(&Listen::Unix(nowhere)).await.unwrap_err();
    assert_eq!(error.kind(), "refused");
}
