//! Streams as no supervisord would send them, or only at a bad moment.

use std::{sync::mpsc, time::Duration};

use supervigil::{
    model::Telling,
    supervisord::{CallError, Endpoint, LogFeed, LogFeedError, main_log::LINE_BYTES_MAX},
};
use tokio::time::timeout;

use super::{
    PASSWORD, client,
    peer::{Connection, Peer, http},
    spawned,
    support::wait::PATIENCE,
};

/// A deadline that is meant to pass.
const BRIEF: Duration = Duration::from_millis(250);

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain;charset=utf-8\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";

/// A line of the log, as it stands there.
fn line(name: &str, pid: u32) -> String {
    format!("2026-11-25 03:20:11,123 INFO spawned: '{name}' with pid {pid}\n")
}

fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat()
}

/// A feed that begins with this history, and what says its news.
async fn begun(history: &str) -> (LogFeed, mpsc::Sender<Vec<u8>>, Peer) {
    let mut reply = HEAD.as_bytes().to_vec();
    if !history.is_empty() {
        reply.extend(chunk(history));
    }
    let (sender, connection) = Connection::saying(reply);
    let peer = Peer::unix([connection]);
    let feed = client(peer.endpoint(), PATIENCE)
        .follow_log()
        .await
        .unwrap();
    (feed, sender, peer)
}

async fn next(feed: &mut LogFeed) -> Result<Vec<Telling>, LogFeedError> {
    timeout(PATIENCE, feed.next()).await.unwrap()
}

/// The next tellings, this many.
async fn tellings(feed: &mut LogFeed, count: usize) -> Vec<Telling> {
    let mut heard = Vec::new();
    while heard.len() < count {
        heard.extend(next(feed).await.unwrap());
    }
    heard
}

/// The error of following a log that is answered like this.
async fn refused(reply: impl Into<Vec<u8>>) -> LogFeedError {
    let peer = Peer::unix([Connection::once(reply)]);
    let client = client(peer.endpoint(), PATIENCE);
    client.follow_log().await.unwrap_err()
}

#[track_caller]
fn assert_tells(error: &LogFeedError, kind: &str, transient: bool, parts: &[&str]) {
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

#[tokio::test]
async fn history_is_not_news() {
    let history = [line("old", 1), line("older", 2)].concat();
    let (mut feed, news, _peer) = begun(&history).await;
    news.send(chunk(line("a", 3))).unwrap();
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("a", 3)]);
}

#[tokio::test]
async fn history_may_end_within_a_line() {
    let (mut feed, news, _peer) = begun("2026-11-25 03:20:11,123 INFO spawned: 'a").await;
    news.send(chunk(format!(
        "b' with pid 7\n{}{}",
        line("b", 8),
        line("c", 9)
    )))
    .unwrap();
    let expected = [spawned("b", 8), spawned("c", 9)];
    assert_eq!(tellings(&mut feed, 2).await, expected);
}

#[tokio::test]
async fn a_log_that_was_empty_has_no_history() {
    let (mut feed, news, _peer) = begun("").await;
    news.send(chunk(line("a", 3))).unwrap();
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("a", 3)]);
}

#[tokio::test]
async fn history_that_comes_late_is_history_all_the_same() {
    let (mut feed, news, _peer) = begun("").await;
    let history: String = (1..30).map(|pid| line("old", pid)).collect();
    let (_, end) = history.split_at(history.len() - 1024);
    news.send(chunk(end)).unwrap();
    let silence = timeout(BRIEF, feed.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    news.send(chunk(line("a", 3))).unwrap();
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("a", 3)]);
    let burst: String = (1..30).map(|pid| line("b", pid)).collect();
    news.send(chunk(burst)).unwrap();
    assert_eq!(tellings(&mut feed, 29).await.len(), 29);
}

#[tokio::test]
async fn what_was_read_stays_when_nobody_waits_any_more() {
    let (mut feed, news, _peer) = begun("").await;
    let whole = line("a", 3);
    let (first, second) = whole.split_at(40);
    news.send(chunk(first)).unwrap();
    timeout(BRIEF, feed.next()).await.unwrap_err();
    news.send(chunk(second)).unwrap();
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("a", 3)]);
}

#[tokio::test]
async fn a_character_in_two_chunks() {
    let (mut feed, news, _peer) = begun("").await;
    let whole = line("节点", 3);
    let within = whole.find('节').unwrap() + 1;
    let (first, second) = whole.as_bytes().split_at(within);
    news.send(chunk(first)).unwrap();
    news.send(chunk(second)).unwrap();
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("节点", 3)]);
}

#[tokio::test]
async fn a_line_that_is_too_long() {
    let (mut feed, news, _peer) = begun("").await;
    let long = line(&"x".repeat(LINE_BYTES_MAX), 3);
    news.send(chunk(line("a", 1))).unwrap();
    news.send(chunk(long)).unwrap();
    news.send(chunk(line("b", 4))).unwrap();
    let expected = [spawned("a", 1), spawned("b", 4)];
    assert_eq!(tellings(&mut feed, 2).await, expected);
}

#[tokio::test]
async fn a_stream_that_is_cut() {
    let (mut feed, news, _peer) = begun("").await;
    news.send(chunk(line("a", 3))).unwrap();
    news.send(b"100\r\n2026-11-25".to_vec()).unwrap();
    drop(news);
    assert_eq!(next(&mut feed).await.unwrap(), [spawned("a", 3)]);
    let error = next(&mut feed).await.unwrap_err();
    assert!(matches!(error, LogFeedError::Cut { .. }), "{error:?}");
    assert_tells(
        &error,
        "closed",
        true,
        &["closed the connection", "follow it again"],
    );
}

#[tokio::test]
async fn a_stream_that_is_cut_at_once() {
    let history = [HEAD.as_bytes(), &chunk(line("old", 1))].concat();
    let error = refused(history).await;
    assert!(matches!(error, LogFeedError::Cut { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_ends() {
    let (mut feed, news, _peer) = begun(&line("old", 1)).await;
    news.send(b"0\r\n\r\n".to_vec()).unwrap();
    let error = next(&mut feed).await.unwrap_err();
    assert!(matches!(error, LogFeedError::Ended { .. }), "{error:?}");
    assert_tells(&error, "closed", true, &["ended the stream", "proxy"]);
}

#[tokio::test]
async fn a_stream_that_is_no_http_any_more() {
    let (mut feed, news, _peer) = begun(&line("old", 1)).await;
    news.send(b"HTTP/1.1 500 Whatever\r\n\r\n".to_vec())
        .unwrap();
    let error = next(&mut feed).await.unwrap_err();
    assert!(matches!(error, LogFeedError::Garbled { .. }), "{error:?}");
    assert_tells(&error, "protocol", true, &["not HTTP", "proxy"]);
}

#[tokio::test]
async fn statuses() {
    let error = refused(http(404, "no")).await;
    assert!(matches!(error, LogFeedError::NoLog { .. }), "{error:?}");
    assert_tells(&error, "no_log", false, &["404", "`logfile`", "syslog"]);

    let error = refused(http(401, "who?")).await;
    assert_tells(&error, "auth", false, &["401", "`password`"]);

    let error = refused(http(500, "oops")).await;
    assert_tells(&error, "protocol", true, &["500", "GET /mainlogtail"]);

    let error = refused(http(302, "there")).await;
    assert_tells(&error, "protocol", false, &["302", "GET /mainlogtail"]);
}

#[tokio::test]
async fn a_head_that_never_comes() {
    let peer = Peer::unix([Connection::held("")]);
    let client = client(peer.endpoint(), BRIEF);
    let error = client.follow_log().await.unwrap_err();
    let parts = ["GET /mainlogtail", "within 0.25 s", "`timeout`"];
    assert_tells(&error, "timeout", true, &parts);
}

#[tokio::test]
async fn nobody_there() {
    let peer = Peer::unix([Connection::reset()]);
    let error = client(peer.endpoint(), PATIENCE)
        .follow_log()
        .await
        .unwrap_err();
    assert_tells(&error, "connect", true, &["closed the connection"]);

    let path = Endpoint::Unix("/nonexistent/supervisor.sock".into());
    let error = client(path, PATIENCE).follow_log().await.unwrap_err();
    assert!(
        matches!(error, LogFeedError::Call(CallError::NoSocket { .. })),
        "{error:?}"
    );
    assert_tells(&error, "connect", true, &["start supervisord"]);
}

#[tokio::test]
async fn the_request_is_one_that_medusa_reads() {
    for peer in [
        Peer::unix([Connection::held(HEAD)]),
        Peer::tcp([Connection::held(HEAD)]),
    ] {
        let feed = client(peer.endpoint(), PATIENCE)
            .follow_log()
            .await
            .unwrap();
        let requests = peer.requests();
        let (_, request) = &requests[0];
        let head = request.to_lowercase();
        assert!(head.starts_with("get /mainlogtail http/1.1\r\n"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert_eq!(head.matches("\r\nhost: ").count(), 1, "{head}");
        assert!(
            request.contains("Basic dXNlcjpodW50ZXIy"),
            "base64 of user:hunter2"
        );
        assert!(!format!("{feed:?}").contains(PASSWORD));
    }
}

/// The peer serves one connection after the other, so the second feed begins when the first one's
/// connection is closed.
#[tokio::test]
async fn the_connection_ends_with_the_feed() {
    let peer = Peer::unix([Connection::held(HEAD), Connection::held(HEAD)]);
    let client = client(peer.endpoint(), PATIENCE);
    drop(client.follow_log().await.unwrap());
    client.follow_log().await.unwrap();
    let connections: Vec<_> = peer.requests().iter().map(|(number, _)| *number).collect();
    assert_eq!(connections, [0, 1]);
}

/// A feed is followed in a task of its own, on any thread.
#[tokio::test]
async fn a_feed_goes_to_any_thread() {
    fn sent<T: Send + 'static>(value: T) -> T {
        value
    }
    let (feed, news, _peer) = begun("").await;
    news.send(chunk(line("a", 3))).unwrap();
    let mut feed = sent(feed);
    let heard = sent(async move { feed.next().await }).await.unwrap();
    assert_eq!(heard, [spawned("a", 3)]);
}
