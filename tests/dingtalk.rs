//! The real channels against a robot that is another program: what is accepted is what people see.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "dingtalk/robot.rs"]
mod robot;

use std::{fmt::Write as _, time::Duration};

use jiff::{
    Timestamp,
    tz::{TimeZone, offset},
};
use robot::Robot;
use secrecy::SecretString;
use serde_json::json;
use supervigil::{
    model::{Delivery, Moment, Severity},
    notify::{
        Answer, ChannelKind, ChannelSettings, Channels, DingTalkSettings, Language, MessageType,
        Place, Settings, Verdict, preview, samples,
    },
};

/// Sends one sample through the real channel; `change` makes the settings.
async fn send(robot: &Robot, change: impl FnOnce(&mut DingTalkSettings)) -> Answer {
    send_at(robot, Timestamp::now(), change).await
}

async fn send_at(
    robot: &Robot,
    wall: Timestamp,
    change: impl FnOnce(&mut DingTalkSettings),
) -> Answer {
    let now = Moment {
        monotonic: Duration::ZERO,
        wall,
    };
    let channel = channel(&robot.webhook("token"), change);
    let delivery = delivery(&channel, now);
    channels(channel).send("ops", &delivery, now).await
}

fn channel(webhook: &str, change: impl FnOnce(&mut DingTalkSettings)) -> ChannelSettings {
    let mut settings = DingTalkSettings {
        webhook: webhook.into(),
        secret: None,
        keyword: String::new(),
        message_type: MessageType::Markdown,
        at_mobiles: vec!["13800000000".to_owned()],
        at_user_ids: Vec::new(),
        at_all: false,
    };
    change(&mut settings);
    ChannelSettings {
        name: "ops".to_owned(),
        severities: vec![Severity::Critical],
        max_per_minute: 16,
        kind: ChannelKind::DingTalk(settings),
    }
}

fn settings_of(channel: ChannelSettings) -> Settings {
    Settings {
        language: Language::Zh,
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(60),
        log_tail_lines: 10,
        redact: Vec::new(),
        channels: vec![channel],
    }
}

fn channels(channel: ChannelSettings) -> Channels {
    Channels::new(&settings_of(channel)).unwrap()
}

fn delivery(channel: &ChannelSettings, now: Moment) -> Delivery {
    let place = Place {
        host: "es-host-1".to_owned(),
        ip: None,
        zone: TimeZone::fixed(offset(8)),
    };
    let settings = settings_of(channel.clone());
    let notice = samples(now).remove(0);
    preview(&settings, channel, &place, notice, now).unwrap()
}

fn secret(text: &str) -> SecretString {
    text.into()
}

#[tokio::test]
async fn a_signed_message_with_keyword_and_mention_is_shown() {
    let robot = Robot::start(&["--secret", "SECabc+/=", "--keyword", "值班"]);
    let answer = send(&robot, |settings| {
        settings.secret = Some(secret("SECabc+/="));
        settings.keyword = "值班".to_owned();
        settings.at_user_ids = vec!["user1".to_owned()];
    })
    .await;
    assert_eq!(answer, Answer::taken());
    let shown = robot.get("/shown");
    let message = &shown[0]["message"];
    let text = message["markdown"]["text"].as_str().unwrap();
    for part in [
        "FATAL",
        "supervigil:test_fatal",
        "@13800000000",
        "@user1",
        "值班",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(message["at"]["atMobiles"], json!(["13800000000"]));
    assert_eq!(message["at"]["atUserIds"], json!(["user1"]));
    assert_eq!(message["at"]["isAtAll"], false);
}

#[tokio::test]
async fn plain_text_is_shown_too() {
    let robot = Robot::start(&[]);
    let answer = send(&robot, |settings| {
        settings.message_type = MessageType::Text;
        settings.at_all = true;
    })
    .await;
    assert_eq!(answer, Answer::taken());
    let message = &robot.get("/shown")[0]["message"];
    let text = message["text"]["content"].as_str().unwrap();
    assert!(
        text.contains("supervigil:test_fatal") && text.contains("@all"),
        "{text}"
    );
    assert_eq!(message["at"]["isAtAll"], true);
}

#[tokio::test]
async fn what_the_robot_does_not_let_in_says_what_to_mend() {
    let robot = Robot::start(&["--secret", "SECright", "--keyword", "值班"]);
    for (wrong, verdict, advice) in [
        ("unsigned", Verdict::Clock, "clock"),
        ("SECwrong", Verdict::Misconfigured, "`secret`"),
        ("SECright", Verdict::Misconfigured, "`keyword`"),
    ] {
        let answer = send(&robot, |settings| {
            settings.secret = (wrong != "unsigned").then(|| wrong.into());
        })
        .await;
        assert_eq!(answer.verdict, verdict, "{wrong}: {}", answer.detail);
        assert!(answer.detail.contains(advice), "{wrong}: {}", answer.detail);
    }
    let two_hours_ago = Timestamp::now() - Duration::from_secs(7200);
    let answer = send_at(&robot, two_hours_ago, |settings| {
        settings.secret = Some(secret("SECright"));
        settings.keyword = "值班".to_owned();
    })
    .await;
    assert_eq!(answer.verdict, Verdict::Clock, "{}", answer.detail);
    assert_eq!(robot.get("/shown"), json!([]));
}

#[tokio::test]
async fn every_class_of_answers_is_understood() {
    let robot = Robot::start(&["--limit", "0"]);
    for (answer, expected) in [
        (json!({"errcode": 0, "errmsg": "ok"}), Verdict::Taken),
        (json!({"errcode": -1, "errmsg": "busy"}), Verdict::Busy),
        (
            json!({"errcode": 130_101, "errmsg": "too fast"}),
            Verdict::Throttled,
        ),
        (
            json!({"errcode": 410_100, "errmsg": "too fast"}),
            Verdict::Throttled,
        ),
        (
            json!({"errcode": 90_030, "errmsg": "quota"}),
            Verdict::Quota,
        ),
        (
            json!({"errcode": 460_101, "errmsg": "too long"}),
            Verdict::TooLong,
        ),
        (
            json!({"errcode": 430_103, "errmsg": "image"}),
            Verdict::Content,
        ),
        (
            json!({"errcode": 310_000, "errmsg": "sign not match"}),
            Verdict::Misconfigured,
        ),
        (
            json!({"errcode": 310_000, "errmsg": "invalid timestamp"}),
            Verdict::Clock,
        ),
        (
            json!({"errcode": 400_102, "errmsg": "disabled"}),
            Verdict::Dead,
        ),
        (
            json!({"errcode": 40_035, "errmsg": "bad"}),
            Verdict::Rejected,
        ),
        (json!({"errcode": 123_456, "errmsg": "?"}), Verdict::Refused),
        (
            json!({"status": 1111, "wait": 5, "punish": "deny"}),
            Verdict::Blocked,
        ),
        (json!({"garbage": "<html>"}), Verdict::Unreadable),
        (json!({"garbage": ""}), Verdict::Unreadable),
        (json!({"http": 500}), Verdict::ServerError),
        (
            json!({"http": 502, "body": "{\"errcode\":0}"}),
            Verdict::ServerError,
        ),
        (json!({"http": 404}), Verdict::Refused),
        (json!({"http": 302}), Verdict::Refused),
        (json!({"http": 429}), Verdict::Busy),
        (json!({"close": true}), Verdict::ConnectionLost),
    ] {
        robot.script(&json!([answer]));
        let got = send(&robot, |_| {}).await;
        assert_eq!(got.verdict, expected, "{answer}: {}", got.detail);
    }
    assert_eq!(robot.get("/shown").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn where_tls_fails_nothing_arrived() {
    let robot = Robot::start(&[]);
    let answer = send(&robot, |settings| {
        settings.webhook = robot.webhook("token").replace("http://", "https://").into();
    })
    .await;
    assert_eq!(answer.verdict, Verdict::Unreachable, "{}", answer.detail);
    assert_eq!(robot.get("/messages"), json!([]));
}

#[tokio::test]
async fn silence_ends_in_a_time_out() {
    let robot = Robot::start(&[]);
    robot.script(&json!([{"hang": true}]));
    let answer = send(&robot, |_| {}).await;
    assert_eq!(answer.verdict, Verdict::TimedOut, "{}", answer.detail);
}

#[tokio::test]
async fn a_message_that_was_taken_unheard_is_shown_once() {
    let robot = Robot::start(&[]);
    robot.script(&json!([{"take": true, "close": true}]));
    let now = Moment {
        monotonic: Duration::ZERO,
        wall: Timestamp::now(),
    };
    let channel = channel(&robot.webhook("token"), |_| {});
    let delivery = delivery(&channel, now);
    let channels = channels(channel);
    let first = channels.send("ops", &delivery, now).await;
    assert_eq!(first.verdict, Verdict::ConnectionLost);
    assert_eq!(channels.send("ops", &delivery, now).await, Answer::taken());
    let requests = robot.get("/messages");
    assert_eq!(requests[0]["body"], requests[1]["body"]);
    assert_eq!(robot.get("/shown").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn too_many_a_minute_are_throttled() {
    let robot = Robot::start(&["--limit", "2"]);
    for expected in [
        Verdict::Taken,
        Verdict::Taken,
        Verdict::Throttled,
        Verdict::Throttled,
    ] {
        assert_eq!(send(&robot, |_| {}).await.verdict, expected);
    }
}

#[tokio::test]
async fn neither_answers_nor_debug_output_hold_a_secret() {
    let robot = Robot::start(&[]);
    let webhook = robot.webhook("token-of-the-robot");
    let gone = "http://127.0.0.1:1/robot/send?access_token=token-of-the-robot".to_owned();
    let mut said = String::new();
    for webhook in [webhook, gone] {
        let now = Moment {
            monotonic: Duration::ZERO,
            wall: Timestamp::now(),
        };
        let channel = channel(&webhook, |settings| {
            settings.secret = Some(secret("SECof-the-robot"));
        });
        let delivery = delivery(&channel, now);
        write!(said, "{channel:?}").unwrap();
        let channels = channels(channel);
        let answer = channels.send("ops", &delivery, now).await;
        write!(said, "{answer:?} {channels:?} {}", delivery.body).unwrap();
    }
    assert!(
        said.contains("Dead") && said.contains("Unreachable"),
        "{said}"
    );
    assert!(!said.contains("of-the-robot"), "{said}");
}
