//! The client against peers that misbehave, one way each: what it makes of it, and what it tells people.
//!
//! The peers are plain sockets that follow a script in a thread of their own.

#[cfg(test)]
#[expect(dead_code, reason = "a part of it is used here")]
mod peer;

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use peer::{Connection, Peer, answer, fault, fault_value, five, http, program};
use supervigil::{
    model::ServerName,
    supervisord::{CallError, Client, Credentials, Endpoint, FaultCode, LogStream, Settings},
};

const PASSWORD: &str = "hunter2";

/// Long enough for a busy machine, so that only a real hang ends in it.
const PATIENT: Duration = Duration::from_secs(20);

const BRIEF: Duration = Duration::from_millis(250);

fn settings(endpoint: Endpoint, timeout: Duration) -> Settings {
    Settings {
        name: ServerName::new("main"),
        endpoint,
        credentials: Some(Credentials {
            username: "user".into(),
            password: PASSWORD.to_owned().into(),
        }),
        poll_interval: Duration::from_secs(5),
        timeout,
        max_load: 0.02,
        follow_log: false,
        watch_pids: false,
    }
}

fn client(peer: &Peer) -> Client {
    Client::new(&settings(peer.endpoint(), PATIENT))
}

/// The error has this kind, and tells all of this; whatever it is, it shows no password.
#[track_caller]
fn assert_tells(error: &CallError, kind: &str, transient: bool, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(
        (error.kind(), error.is_transient()),
        (kind, transient),
        "{text}"
    );
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert!(!text.contains('\n'), "{text}");
    assert!(!format!("{text}{error:?}").contains(PASSWORD));
}

/// What a snapshot makes of one answer.
#[cfg(test)]
async fn snapshot_of(bytes: impl Into<Vec<u8>>) -> (CallError, Peer) {
    let peer = Peer::unix([Connection::once(bytes)]);
    let error = client(&peer).snapshot().await.unwrap_err();
    (error, peer)
}

#[tokio::test]
async fn ill_formed_xml_with_a_control_character() {
    let body = answer("<string>secret \u{1b}[31m <b</string>");
    let offset = body.find('\u{1b}').unwrap();
    let peer = Peer::unix([Connection::once(http(200, &body))]);
    let error = client(&peer)
        .log_tail(&program("a"), LogStream::Stderr, 1000)
        .await
        .unwrap_err();
    let at = format!("U+001B at byte {offset}");
    assert_tells(
        &error,
        "protocol",
        false,
        &["readProcessStderrLog", &at, "take them out"],
    );
    assert!(!format!("{error}{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_text_that_is_not_utf_8() {
    let mut bytes = http(200, &answer("<string>ab</string>"));
    let at = bytes.iter().rposition(|byte| *byte == b'b').unwrap();
    bytes[at] = 0xff;
    let (error, _peer) = snapshot_of(bytes).await;
    assert_tells(&error, "protocol", false, &["not UTF-8", "LANG=C.UTF-8"]);
}

#[tokio::test]
async fn http_401() {
    let (error, peer) = snapshot_of(http(401, "who?")).await;
    let url = peer.url();
    assert_tells(
        &error,
        "auth",
        false,
        &["401", "`username`", "`password`", &url],
    );
}

#[tokio::test]
async fn http_404() {
    let (error, _peer) = snapshot_of(http(404, "no")).await;
    assert_tells(
        &error,
        "protocol",
        false,
        &["404", "/RPC2", "supervisord itself"],
    );
}

#[tokio::test]
async fn http_411() {
    let (error, _peer) = snapshot_of(http(411, "")).await;
    assert_tells(
        &error,
        "protocol",
        false,
        &["411", "Content-Length", "proxy"],
    );
}

#[tokio::test]
async fn http_500() {
    let (error, _peer) = snapshot_of(http(500, "oops")).await;
    assert_tells(
        &error,
        "protocol",
        true,
        &["500", "getAllProcessInfo", "supervisord's own log"],
    );
}

#[tokio::test]
async fn other_statuses() {
    let (error, _peer) = snapshot_of(http(302, "there")).await;
    assert_tells(
        &error,
        "protocol",
        false,
        &["HTTP 302", "check that supervisord"],
    );
    let (error, _peer) = snapshot_of(http(503, "later")).await;
    assert_tells(&error, "protocol", true, &["HTTP 503"]);
}

#[tokio::test]
async fn half_a_body() {
    let whole = http(200, &answer(&"<string>x</string>".repeat(100)));
    let (error, _peer) = snapshot_of(&whole[..1000]).await;
    let head = whole
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let progress = format!("{} of {} bytes came", 1000 - head, whole.len() - head);
    assert_tells(
        &error,
        "protocol",
        true,
        &["cut its answer", &progress, "its log"],
    );
}

#[tokio::test]
async fn a_content_length_that_is_too_small() {
    let body = answer("<string>节点</string>");
    let characters = body.chars().count();
    let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {characters}\r\n\r\n{body}");
    let (error, _peer) = snapshot_of(bytes).await;
    let stops = format!("stops after {characters} bytes");
    assert_tells(&error, "protocol", false, &[&stops, "Content-Length"]);
}

#[tokio::test]
async fn a_content_length_that_is_too_large() {
    let body = answer("<string>x</string>");
    let promised = body.len() + 7;
    let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n{body}");
    let progress = format!("{} of {promised} bytes came", body.len());

    let (error, _peer) = snapshot_of(bytes.clone()).await;
    assert_tells(&error, "protocol", true, &[&progress, "Content-Length"]);

    let peer = Peer::unix([Connection::held(bytes)]);
    let client = Client::new(&settings(peer.endpoint(), BRIEF));
    let error = client.snapshot().await.unwrap_err();
    assert_tells(&error, "timeout", true, &[&progress, "0.25 s", "`timeout`"]);
}

#[tokio::test]
async fn a_hang() {
    let peer = Peer::unix([Connection::held("")]);
    let client = Client::new(&settings(peer.endpoint(), BRIEF));
    let error = client.start(&program("a")).await.unwrap_err();
    let parts = [
        "startProcess",
        "within 0.25 s",
        "nothing came",
        "raise `timeout`",
    ];
    assert_tells(&error, "timeout", true, &parts);
    assert!(error.may_have_acted());
}

#[tokio::test]
async fn a_hang_with_a_full_queue() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.sock");
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
        waiting.push(stream);
    }
    let client = Client::new(&settings(Endpoint::Unix(path), PATIENT));
    let error = client.pid().await.unwrap_err();
    assert_tells(&error, "connect", true, &["accepts no more", "hangs"]);
    assert!(!error.may_have_acted());
}

#[tokio::test]
async fn a_body_that_promises_too_much() {
    let promise = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        32 * 1024 * 1024 + 1
    );
    let peer = Peer::unix([Connection::held(promise)]);
    let error = client(&peer).snapshot().await.unwrap_err();
    assert_tells(&error, "protocol", false, &["larger than 32 MiB"]);
}

#[tokio::test]
async fn a_body_that_never_ends() {
    let peer = Peer::unix([Connection::endless("HTTP/1.1 200 OK\r\n\r\n")]);
    let error = client(&peer).snapshot().await.unwrap_err();
    assert_tells(&error, "protocol", false, &["larger than 32 MiB"]);
}

#[tokio::test]
async fn no_socket() {
    let path = PathBuf::from("/nonexistent/supervisor.sock");
    let client = Client::new(&settings(Endpoint::Unix(path), PATIENT));
    let error = client.snapshot().await.unwrap_err();
    let parts = ["/nonexistent/supervisor.sock", "start supervisord", "`url`"];
    assert_tells(&error, "connect", true, &parts);
}

#[tokio::test]
async fn no_socket_at_any_of_the_usual_paths() {
    let paths = vec!["/nonexistent/a".into(), "/nonexistent/b".into()];
    let client = Client::new(&settings(Endpoint::Search(paths), PATIENT));
    let error = client.snapshot().await.unwrap_err();
    assert_tells(
        &error,
        "connect",
        true,
        &["/nonexistent/a, /nonexistent/b", "start"],
    );
}

#[tokio::test]
async fn a_search_takes_the_first_that_is_there_and_looks_again_each_time() {
    let second = Peer::unix([Connection::once(http(200, &answer("<int>2</int>")))]);
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.sock");
    let paths = vec![first.clone(), second.path()];
    let client = Client::new(&settings(Endpoint::Search(paths), PATIENT));
    assert_eq!(client.url(), second.url());
    assert_eq!(client.pid().await.unwrap(), 2);

    let first = Peer::unix_at(
        &first,
        [Connection::once(http(200, &answer("<int>1</int>")))],
    );
    assert_eq!(client.url(), first.url());
    assert_eq!(client.pid().await.unwrap(), 1);
}

#[tokio::test]
async fn a_path_that_no_socket_can_have() {
    for path in [
        PathBuf::from(format!("/{}", "x".repeat(107))),
        PathBuf::from(format!("/{}", "x".repeat(100_000))),
        PathBuf::from(OsStr::from_bytes(b"/run/\xff.sock")),
    ] {
        let client = Client::new(&settings(Endpoint::Unix(path), PATIENT));
        let error = client.snapshot().await.unwrap_err();
        assert_tells(&error, "connect", true, &["check `url`"]);
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(why.contains("at most 107 bytes"), "{why}");
    }
}

#[tokio::test]
async fn a_stale_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stale.sock");
    drop(UnixListener::bind(&path).unwrap());
    let client = Client::new(&settings(Endpoint::Unix(path), PATIENT));
    let error = client.snapshot().await.unwrap_err();
    assert_tells(
        &error,
        "connect",
        true,
        &["stale socket", "start supervisord"],
    );
}

#[tokio::test]
async fn a_port_where_nothing_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    drop(listener);
    let endpoint = Endpoint::Tcp {
        authority: authority.clone(),
    };
    let error = Client::new(&settings(endpoint, PATIENT))
        .snapshot()
        .await
        .unwrap_err();
    assert_tells(&error, "connect", true, &[&authority, "nothing listens"]);
}

#[tokio::test]
async fn an_address_that_is_none() {
    let endpoint = Endpoint::Tcp {
        authority: "no such place".into(),
    };
    let error = Client::new(&settings(endpoint, PATIENT))
        .snapshot()
        .await
        .unwrap_err();
    assert_tells(
        &error,
        "connect",
        false,
        &["unix:///PATH", "http://HOST:PORT"],
    );
}

/// The super-user may use every socket, so another user has to try: this very test, once more.
#[tokio::test]
async fn a_socket_of_somebody_else() {
    if let Some(path) = std::env::var_os(SOCKET_OF_ROOT) {
        return assert_not_permitted(path.into()).await;
    }
    let is_root = rustix::process::geteuid().is_root();
    let shut = if is_root { 0o700 } else { 0o000 };
    for (socket_mode, folder_mode) in [(shut, 0o755), (0o777, shut)] {
        let peer = Peer::unix([]);
        let path = peer.path();
        let folder = path.parent().unwrap();
        fs::set_permissions(&path, Permissions::from_mode(socket_mode)).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(folder_mode)).unwrap();
        if is_root {
            assert_as_nobody(&path);
        } else {
            assert_not_permitted(path.clone()).await;
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
}

#[cfg(test)]
#[track_caller]
fn assert_as_nobody(path: &Path) {
    let run = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_socket_of_somebody_else", "--nocapture"])
        .env(SOCKET_OF_ROOT, path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    let failed = String::from_utf8_lossy(&run.stderr);
    let passed = run.status.success() && told.contains("1 passed");
    assert!(passed, "{told}{failed}");
}

const SOCKET_OF_ROOT: &str = "SUPERVIGIL_TEST_SOCKET";

#[cfg(test)]
async fn assert_not_permitted(path: PathBuf) {
    let shown = path.display().to_string();
    let parts = [
        &shown,
        "[unix_http_server]",
        "chmod=0770",
        "chown=root:GROUP",
        "add this user to GROUP",
    ];
    for endpoint in [
        Endpoint::Unix(path.clone()),
        Endpoint::Search(vec![path.clone()]),
    ] {
        let client = Client::new(&settings(endpoint, PATIENT));
        let error = client.snapshot().await.unwrap_err();
        assert!(matches!(error, CallError::NoPermission { .. }), "{error:?}");
        assert_tells(&error, "connect", false, &parts);
    }
}

#[tokio::test]
async fn no_http_at_all() {
    for (greeting, reply) in [("SSH-2.0-OpenSSH_9.2\r\n", ""), ("", "-ERR unknown\r\n")] {
        let peer = Peer::unix([
            Connection::greeting(greeting, reply),
            Connection::greeting(greeting, reply),
        ]);
        let error = client(&peer).snapshot().await.unwrap_err();
        assert_tells(&error, "protocol", false, &["does not speak HTTP", "`url`"]);
    }
}

#[tokio::test]
async fn http_without_xml() {
    let (error, _peer) = snapshot_of(http(200, "<!DOCTYPE html><title>nginx</title>")).await;
    assert_tells(
        &error,
        "protocol",
        false,
        &["not XML-RPC", "nginx", "supervisord itself"],
    );
}

#[tokio::test]
async fn another_shape() {
    let (error, _peer) = snapshot_of(http(200, &answer("<int>5</int>"))).await;
    assert_tells(&error, "protocol", false, &["should be an array", "3.3"]);
}

#[tokio::test]
async fn no_rpc_interface() {
    let within = answer(&five(&fault_value(1, "UNKNOWN_METHOD")));
    for body in [fault(1, "UNKNOWN_METHOD"), within] {
        let (error, _peer) = snapshot_of(http(200, &body)).await;
        let parts = [
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ];
        assert_tells(&error, "fault", false, &parts);
    }
}

#[tokio::test]
async fn a_shutdown() {
    let within = answer(&five(&fault_value(6, "SHUTDOWN_STATE")));
    for body in [fault(6, "SHUTDOWN_STATE"), within] {
        let (error, _peer) = snapshot_of(http(200, &body)).await;
        assert_tells(&error, "shutdown", true, &["SHUTDOWN_STATE", "wait"]);
    }
}

#[tokio::test]
async fn a_refusal() {
    let fault = fault(20, &format!("NO_FILE: {}", "x".repeat(100_000)));
    let peer = Peer::unix([Connection::once(http(200, &fault))]);
    let error = client(&peer).start(&program("a")).await.unwrap_err();
    assert_tells(&error, "fault", false, &["startProcess", "NO_FILE"]);
    assert!(error.to_string().len() < 1000);
    assert_eq!(error.fault().unwrap().code, FaultCode::NoFile);
    assert!(!error.may_have_acted());
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_answer() {
    let peer = Peer::unix([Connection::once(""), Connection::once("")]);
    let error = client(&peer).snapshot().await.unwrap_err();
    assert_tells(
        &error,
        "connect",
        true,
        &["closed the connection", "its log"],
    );
    assert_eq!(peer.requests().len(), 2, "a poll is sent once more");
}

#[tokio::test]
async fn a_connection_that_is_reset() {
    for peer in [
        Peer::tcp([Connection::reset(), Connection::reset()]),
        Peer::unix([Connection::reset(), Connection::reset()]),
    ] {
        let error = client(&peer).snapshot().await.unwrap_err();
        assert_tells(&error, "connect", true, &["closed the connection"]);
    }
}

#[tokio::test]
async fn a_start_is_never_sent_twice() {
    let peer = Peer::unix([Connection::once(""), Connection::once("")]);
    let error = client(&peer).start(&program("a")).await.unwrap_err();
    assert_tells(&error, "connect", true, &["startProcess"]);
    assert!(error.may_have_acted());
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_is_kept_and_replaced_when_it_goes_stale() {
    let pid = |pid| http(200, &answer(&format!("<int>{pid}</int>")));
    let peer = Peer::unix([
        Connection::replies([pid(1), pid(2), Vec::new()]),
        Connection::once(pid(3)),
    ]);
    let client = client(&peer);
    for expected in 1..=3 {
        assert_eq!(client.pid().await.unwrap(), expected);
    }
    let connections: Vec<_> = peer.requests().iter().map(|(number, _)| *number).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_connection_is_not_kept_after_an_answer_that_was_cut() {
    let body = answer("<string>节点</string>");
    let short = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.chars().count()
    );
    let peer = Peer::unix([
        Connection::held(short),
        Connection::once(http(200, &answer("<int>7</int>"))),
    ]);
    let client = client(&peer);
    assert_eq!(client.version().await.unwrap_err().kind(), "protocol");
    assert_eq!(client.pid().await.unwrap(), 7);
}

#[tokio::test]
async fn the_request_is_one_that_medusa_reads() {
    for peer in [
        Peer::unix([Connection::once(http(200, &answer("<int>7</int>")))]),
        Peer::tcp([Connection::once(http(200, &answer("<int>7</int>")))]),
    ] {
        assert_eq!(client(&peer).pid().await.unwrap(), 7);
        let requests = peer.requests();
        let (_, request) = &requests[0];
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(head.starts_with("post /rpc2 http/1.1\r\n"), "{head}");
        let length = format!("\r\ncontent-length: {}", body.len());
        assert!(head.contains(&length), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert_eq!(head.matches("\r\nhost: ").count(), 1, "{head}");
        assert!(
            request.contains("Basic dXNlcjpodW50ZXIy"),
            "base64 of user:hunter2"
        );
        assert!(body.contains("<methodName>supervisor.getPID</methodName>"));
    }
}

#[tokio::test]
async fn the_password_is_never_shown() {
    let endpoint = Endpoint::Unix(Path::new("/nonexistent").into());
    let settings = settings(endpoint, PATIENT);
    let client = Client::new(&settings);
    let shown = format!("{settings:?}{client:?}{}", client.url());
    assert!(!shown.contains(PASSWORD) && !shown.contains("dXNlcjpodW50ZXIy"));
}
