//! The real channels against stand-ins for Feishu, WeCom and Slack, which are another program: what is
//! accepted there is what people see.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[expect(dead_code, reason = "a part of it is used here")]
#[path = "dingtalk/robot.rs"]
mod robot;

use std::{fmt::Write as _, fs, process::Command, time::Duration};

use jiff::{
    Timestamp,
    tz::{TimeZone, offset},
};
use robot::Robot;
use serde_json::{Value, json};
use supervigil::{
    model::{Delivery, Moment, Severity},
    notify::{
        Answer, ChannelKind, ChannelSettings, Channels, FeishuSettings, Language, Place, Settings,
        SlackSettings, Verdict, WeComSettings, preview, samples,
    },
};

const FEISHU: &str = "/open-apis/bot/v2/hook/";
const WECOM: &str = "/cgi-bin/webhook/send?key=";
const SLACK: &str = "/services/T0/B0/";

fn start(options: &[&str]) -> Robot {
    Robot::of("robots.py", options)
}

fn feishu(webhook: &str) -> FeishuSettings {
    FeishuSettings {
        webhook: webhook.to_owned().into(),
        secret: None,
        keyword: String::new(),
        at_user_ids: vec!["ou_1".to_owned()],
        at_all: false,
    }
}

fn wecom(webhook: &str, mobiles: &[&str]) -> ChannelKind {
    ChannelKind::WeCom(WeComSettings {
        webhook: webhook.to_owned().into(),
        at_mobiles: mobiles.iter().map(|mobile| (*mobile).to_owned()).collect(),
        at_user_ids: vec!["zhangsan".to_owned()],
    })
}

fn slack(webhook: &str) -> ChannelKind {
    ChannelKind::Slack(SlackSettings {
        webhook: webhook.to_owned().into(),
        at_user_ids: vec!["U012AB3CD".to_owned()],
        at_all: true,
    })
}

/// A channel of each service, each with the same token.
fn each(robot: &Robot, token: &str) -> [ChannelKind; 3] {
    [
        ChannelKind::Feishu(feishu(&robot.address(&format!("{FEISHU}{token}")))),
        wecom(&robot.address(&format!("{WECOM}{token}")), &[]),
        slack(&robot.address(&format!("{SLACK}{token}"))),
    ]
}

fn now() -> Moment {
    at(Timestamp::now())
}

fn at(wall: Timestamp) -> Moment {
    Moment {
        monotonic: Duration::ZERO,
        wall,
    }
}

/// The way to a channel `ops` of this kind, and a message for it.
fn prepare(kind: ChannelKind) -> (Channels, Delivery) {
    let channel = ChannelSettings {
        name: "ops".to_owned(),
        severities: vec![Severity::Critical],
        max_per_minute: 16,
        kind,
    };
    let place = Place {
        host: "es-host-1".to_owned(),
        ip: None,
        zone: TimeZone::fixed(offset(8)),
    };
    let now = now();
    let settings = Settings {
        language: Language::Zh,
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(60),
        log_tail_lines: 10,
        redact: Vec::new(),
        channels: vec![channel.clone()],
    };
    let notice = samples(now).remove(0);
    let delivery = preview(&settings, &channel, &place, notice, now).unwrap();
    (Channels::new(&settings).unwrap(), delivery)
}

async fn send(kind: ChannelKind) -> Answer {
    let (channels, delivery) = prepare(kind);
    channels.send("ops", &delivery, now()).await
}

/// The one message that people see.
fn shown(robot: &Robot) -> Value {
    let mut shown = robot.get("/shown");
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    shown[0]["message"].take()
}

#[tokio::test]
async fn feishu_shows_a_signed_message_with_keyword_and_mention() {
    let robot = start(&["--secret", "abc+/=", "--keyword", "值班"]);
    let answer = send(ChannelKind::Feishu(FeishuSettings {
        secret: Some("abc+/=".to_owned().into()),
        keyword: "值班".to_owned(),
        at_all: true,
        ..feishu(&robot.address(&format!("{FEISHU}token")))
    }))
    .await;
    assert_eq!(answer, Answer::taken());
    let message = shown(&robot);
    let post = &message["content"]["post"]["zh_cn"];
    let title = post["title"].as_str().unwrap();
    assert!(title.contains("supervigil:test_fatal"), "{title}");
    let mentions = post["content"].as_array().unwrap().last().unwrap();
    let expected = json!([{"tag": "at", "user_id": "all"}, {"tag": "at", "user_id": "ou_1"}]);
    assert_eq!(*mentions, expected);
}

#[tokio::test]
async fn what_feishu_does_not_let_in_says_what_to_mend() {
    let robot = start(&["--secret", "right", "--keyword", "值班"]);
    let settings = |secret: Option<&str>, keyword: &str| {
        ChannelKind::Feishu(FeishuSettings {
            secret: secret.map(|secret| secret.to_owned().into()),
            keyword: keyword.to_owned(),
            ..feishu(&robot.address(&format!("{FEISHU}token")))
        })
    };
    for (secret, keyword, verdict, advice) in [
        (None, "值班", Verdict::Clock, "`secret`"),
        (Some("wrong"), "值班", Verdict::Clock, "`secret`"),
        (Some("right"), "", Verdict::Misconfigured, "`keyword`"),
    ] {
        let answer = send(settings(secret, keyword)).await;
        assert_eq!(answer.verdict, verdict, "{}", answer.detail);
        assert!(answer.detail.contains(advice), "{}", answer.detail);
    }
    let (channels, delivery) = prepare(settings(Some("right"), "值班"));
    let two_hours_ago = at(Timestamp::now() - Duration::from_secs(7200));
    let late = channels.send("ops", &delivery, two_hours_ago).await;
    assert_eq!(late.verdict, Verdict::Clock, "{}", late.detail);
    assert_eq!(robot.get("/shown"), json!([]));
    assert_eq!(
        channels.send("ops", &delivery, now()).await,
        Answer::taken()
    );
}

#[tokio::test]
async fn each_attempt_is_signed_anew_and_says_the_same() {
    let robot = start(&["--secret", "abc"]);
    robot.script(&json!([{"close": true}]));
    let (channels, delivery) = prepare(ChannelKind::Feishu(FeishuSettings {
        secret: Some("abc".to_owned().into()),
        ..feishu(&robot.address(&format!("{FEISHU}token")))
    }));
    let before = delivery.clone();
    let earlier = at(Timestamp::now() - Duration::from_secs(60));
    let lost = channels.send("ops", &delivery, earlier).await;
    assert_eq!(lost.verdict, Verdict::ConnectionLost, "{}", lost.detail);
    assert_eq!(
        channels.send("ops", &delivery, now()).await,
        Answer::taken()
    );
    assert_eq!(delivery, before);
    let requests = robot.get("/messages");
    let signs = [0, 1].map(|index: usize| requests[index]["message"]["sign"].clone());
    assert_ne!(signs[0], signs[1]);
    for request in requests.as_array().unwrap() {
        assert_eq!(request["refusal"], Value::Null, "each is signed rightly");
        let body = request["body"].as_str().unwrap();
        let (_, said) = delivery.body.split_once('{').unwrap();
        assert!(body.ends_with(said), "{body}");
    }
}

#[tokio::test]
async fn wecom_mentions_users_in_markdown_and_phones_in_text() {
    let robot = start(&[]);
    let webhook = robot.address(&format!("{WECOM}token"));
    assert_eq!(send(wecom(&webhook, &[])).await, Answer::taken());
    assert_eq!(
        send(wecom(&webhook, &["13800000000"])).await,
        Answer::taken()
    );
    let shown = robot.get("/shown");
    let markdown = &shown[0]["message"]["markdown"]["content"];
    let markdown = markdown.as_str().unwrap();
    assert!(markdown.contains("supervigil:test_fatal"), "{markdown}");
    assert!(markdown.ends_with("<@zhangsan>"), "{markdown}");
    let text = &shown[1]["message"]["text"];
    assert_eq!(text["mentioned_list"], json!(["zhangsan"]));
    assert_eq!(text["mentioned_mobile_list"], json!(["13800000000"]));
}

#[tokio::test]
async fn wecom_is_left_alone_for_a_minute_after_too_many() {
    let robot = start(&["--limit", "1"]);
    let webhook = robot.address(&format!("{WECOM}token"));
    assert_eq!(send(wecom(&webhook, &[])).await, Answer::taken());
    let answer = send(wecom(&webhook, &[])).await;
    assert_eq!(answer.verdict, Verdict::Busy, "{}", answer.detail);
    assert_eq!(answer.wait, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn slack_shows_a_message_with_its_mentions() {
    let robot = start(&[]);
    let [.., kind] = each(&robot, "token");
    assert_eq!(send(kind).await, Answer::taken());
    let message = shown(&robot);
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("supervigil:test_fatal"), "{text}");
    assert!(text.ends_with("<!channel> <@U012AB3CD>"), "{text}");
}

#[tokio::test]
async fn a_receiver_that_says_when_to_come_back_is_heard() {
    let robot = start(&[]);
    let waits = [
        ("30", Some(Duration::from_secs(30))),
        ("0", Some(Duration::ZERO)),
        ("Wed, 25 Nov 2026 07:28:00 GMT", None),
    ];
    for (kind, (after, expected)) in each(&robot, "token").into_iter().zip(waits) {
        let headers = json!({"Retry-After": after});
        robot.script(&json!([{"http": 429, "body": "rate_limited", "headers": headers}]));
        let answer = send(kind).await;
        assert_eq!((answer.verdict, answer.wait), (Verdict::Busy, expected));
    }
}

#[tokio::test]
async fn every_class_of_answers_is_understood() {
    let robot = start(&[]);
    let refused = |code: i64| json!({"code": code, "msg": "words"});
    let errcode = |errcode: i64| json!({"errcode": errcode, "errmsg": "words"});
    let http = |status: u16, body: &str| json!({"http": status, "body": body});
    let [feishu, wecom, slack] = each(&robot, "token");
    for (kind, answers) in [
        (
            feishu,
            vec![
                (refused(0), Verdict::Taken),
                (
                    json!({"StatusCode": 0, "StatusMessage": "success"}),
                    Verdict::Taken,
                ),
                (refused(11_232), Verdict::Busy),
                (refused(19_022), Verdict::Misconfigured),
                (refused(9499), Verdict::Refused),
                (refused(123_456), Verdict::Refused),
                (http(200, "ok"), Verdict::Unreadable),
            ],
        ),
        (
            wecom,
            vec![
                (errcode(0), Verdict::Taken),
                (errcode(45_033), Verdict::Busy),
                (errcode(93_004), Verdict::Dead),
                (errcode(123_456), Verdict::Refused),
                (http(200, "ok"), Verdict::Unreadable),
            ],
        ),
        (
            slack,
            vec![
                (http(200, "ok"), Verdict::Taken),
                (http(403, "action_prohibited"), Verdict::Misconfigured),
                (http(404, "no_service"), Verdict::Dead),
                (http(410, "channel_is_archived"), Verdict::Dead),
                (http(400, "something_new"), Verdict::Refused),
                (http(500, "rollup_error"), Verdict::ServerError),
                (errcode(0), Verdict::Unreadable),
            ],
        ),
    ] {
        let everywhere = [
            (http(302, ""), Verdict::Refused),
            (http(502, "<html>"), Verdict::ServerError),
            (json!({"garbage": "<html>"}), Verdict::Unreadable),
            (json!({"close": true}), Verdict::ConnectionLost),
        ];
        for (answer, expected) in answers.into_iter().chain(everywhere) {
            robot.script(&json!([answer]));
            let got = send(kind.clone()).await;
            assert_eq!(
                got.verdict,
                expected,
                "{} {answer}: {}",
                kind.name(),
                got.detail
            );
        }
    }
}

#[tokio::test]
async fn neither_answers_nor_debug_output_hold_a_secret() {
    let robot = start(&["--token", "another"]);
    let token = "token-of-the-robot";
    let [_, wecom_kind, slack_kind] = each(&robot, token);
    let feishu_kind = ChannelKind::Feishu(FeishuSettings {
        secret: Some("secret-of-the-robot".to_owned().into()),
        ..feishu(&robot.address(&format!("{FEISHU}{token}")))
    });
    let mut said = String::new();
    for kind in [feishu_kind, wecom_kind, slack_kind] {
        write!(said, "{kind:?}").unwrap();
        let (channels, delivery) = prepare(kind);
        let answer = channels.send("ops", &delivery, now()).await;
        assert_eq!(answer.verdict, Verdict::Dead, "{}", answer.detail);
        write!(said, "{answer:?} {channels:?} {}", delivery.body).unwrap();
    }
    let gone = [
        ChannelKind::Feishu(feishu(
            "http://127.0.0.1:1/open-apis/bot/v2/hook/token-of-the-robot",
        )),
        wecom("http://127.0.0.1:1/send?key=token-of-the-robot", &[]),
        slack("http://127.0.0.1:1/services/T0/B0/token-of-the-robot"),
    ];
    for kind in gone {
        let answer = send(kind).await;
        assert_eq!(answer.verdict, Verdict::Unreachable, "{}", answer.detail);
        write!(said, "{answer:?}").unwrap();
    }
    assert!(!said.contains("of-the-robot"), "{said}");
}

/// The whole way from a file to what people see, by the program itself.
#[test]
fn test_notify_tells_each_of_them_of_each_kind() {
    let robot = start(&["--secret", "abc"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("supervigil.toml");
    let [feishu, wecom, slack] =
        [FEISHU, WECOM, SLACK].map(|path| robot.address(&format!("{path}token")));
    let text = format!(
        "[[feishu]]\nwebhook = '{feishu}'\nsecret = 'abc'\n\
         [[wecom]]\nwebhook = '{wecom}'\nat_mobiles = ['13800000000']\n\
         [[slack]]\nwebhook = '{slack}'\n"
    );
    fs::write(&config, text).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_supervigil"))
            .arg("--config")
            .arg(&config)
            .arg("test-notify")
            .args(arguments)
            .output()
            .expect("the program runs");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let dry = run(&["--dry-run"]);
    assert_eq!(robot.get("/messages"), json!([]));
    assert!(dry.contains("\"msg_type\":\"post\""), "{dry}");
    let said = run(&[]);
    for name in ["feishu", "wecom", "slack"] {
        let taken = said.matches(&format!("ok    {name}: ")).count();
        assert_eq!(taken, 9, "{said}");
    }
    assert_eq!(robot.get("/shown").as_array().unwrap().len(), 27);
}
