//! The real channels against an HTTP server that is as plain as can be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::tz::TimeZone;
use supervigil::{
    model::{Moment, Severity},
    notify::{
        Answer, ChannelKind, ChannelSettings, Channels, Language, Place, Settings, Verdict,
        WebhookSettings, preview, samples,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Sends a sample to a server that answers with this status line; returns what the server received
/// and what the channel made of the answer.
async fn exchange(status: &str) -> (String, Answer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let channel = ChannelSettings {
        name: "hook".to_owned(),
        severities: vec![Severity::Critical],
        max_per_minute: 16,
        kind: ChannelKind::Webhook(WebhookSettings {
            url: format!("http://127.0.0.1:{port}/take?key=k").into(),
            bearer_token: Some("bearer-of-news".to_owned().into()),
        }),
    };
    let now = Moment {
        monotonic: Duration::ZERO,
        wall: "2026-11-23T05:41:18Z".parse().unwrap(),
    };
    let place = Place {
        host: "host".to_owned(),
        ip: None,
        zone: TimeZone::UTC,
    };
    let settings = Settings {
        language: Language::En,
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(60),
        log_tail_lines: 10,
        redact: Vec::new(),
        channels: vec![channel.clone()],
    };
    let notice = samples(now).remove(0);
    let delivery = preview(&settings, &channel, &place, notice, now).unwrap();
    let channels = Channels::new(&settings).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(delivery.body.as_bytes()) {
            assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(received).unwrap()
    };
    tokio::join!(serve, channels.send("hook", &delivery, now))
}

#[tokio::test]
async fn the_notice_arrives_as_json_with_the_token() {
    let (received, answer) = exchange("204 No Content").await;
    assert_eq!(answer, Answer::taken());
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /take?key=k http/1.1"), "{head}");
    assert!(
        head.contains("authorization: bearer bearer-of-news"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["reason"], "opened");
    assert_eq!(body["incidents"][0]["name"], "test_fatal");
}

#[tokio::test]
async fn it_may_say_when_to_come_back() {
    let (_, answer) = exchange("429 Too Many\r\nRetry-After: 7").await;
    let expected = (Verdict::Busy, Some(Duration::from_secs(7)));
    assert_eq!((answer.verdict, answer.wait), expected);
}

#[tokio::test]
async fn only_success_takes_it() {
    for (status, verdict) in [
        ("200 OK", Verdict::Taken),
        ("302 Found", Verdict::Refused),
        ("401 Unauthorized", Verdict::Misconfigured),
        ("413 Too Large", Verdict::TooLong),
        ("503 Busy", Verdict::ServerError),
    ] {
        let (_, answer) = exchange(status).await;
        assert_eq!(answer.verdict, verdict, "{status}");
        assert!(!answer.detail.contains("key=k"), "{}", answer.detail);
    }
}
