//! `[[alertmanager]]` against real Alertmanagers: the outbox decides, the channel posts, and time
//! passes as the test says, so that a round is not waited for.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "alertmanager/driver.rs"]
mod driver;
#[path = "alertmanager/model.rs"]
mod model;
#[expect(dead_code, reason = "robots and webhooks are for other tests")]
#[path = "outbox/subjects.rs"]
mod subjects;
#[expect(dead_code, reason = "a part of it is used here")]
mod support;

use std::time::Duration;

use driver::{Driver, Wire};
use jiff::Timestamp;
use supervigil::{
    model::{Delivery, Kind, Moment, Severity},
    notify::{
        AlertmanagerSettings, Answer, ChannelKind, ChannelSettings, Channels, Settings, Verdict,
    },
};
use support::{
    alertmanager::{Alertmanager, is_wanted},
    supervigil::free_port,
};

/// From one round to the next.
const ROUND: Duration = Duration::from_secs(60);

/// Longer than news waits for what comes with it.
const SOON: Duration = Duration::from_secs(2);

/// The real channels.
struct Posted {
    channels: Channels,
    runtime: tokio::runtime::Runtime,
}

impl Wire for Posted {
    fn post(&mut self, channel: &str, delivery: &Delivery, now: Moment) -> Answer {
        self.runtime
            .block_on(self.channels.send(channel, delivery, now))
    }

    /// The real time, whatever has passed: Alertmanager goes by its own clock.
    fn wall(&self, _passed: Duration) -> Timestamp {
        Timestamp::now()
    }
}

fn settings(urls: &[&str]) -> Settings {
    let urls = urls.iter().map(|url| (*url).to_owned().into());
    subjects::settings(vec![ChannelSettings {
        kind: ChannelKind::Alertmanager(AlertmanagerSettings {
            urls: urls.collect(),
        }),
        ..subjects::alertmanager("am", 60)
    }])
}

fn posted(settings: &Settings) -> Posted {
    Posted {
        channels: Channels::new(settings).unwrap(),
        runtime: tokio::runtime::Runtime::new().unwrap(),
    }
}

fn drive(urls: &[&str]) -> Driver<Posted> {
    let settings = settings(urls);
    let wire = posted(&settings);
    Driver::new(settings, wire)
}

/// What the channel makes of the answer to a body.
fn answer_to(url: &str, body: &str) -> Answer {
    let now = Moment {
        monotonic: Duration::ZERO,
        wall: Timestamp::now(),
    };
    let delivery = Delivery {
        uuid: "uuid".to_owned(),
        notices: Vec::new(),
        body: body.to_owned(),
        attempts: 1,
        first_at: now.wall,
        retry_at: None,
        brevity: 0,
    };
    posted(&settings(&[url])).post("am", &delivery, now)
}

#[test]
fn a_worse_incident_replaces_its_alert_and_its_end_resolves_it() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let mut driver = drive(&[&alertmanager.url()]);
    driver.fails("app", Kind::Backoff, Severity::Warning);
    driver.fails("web", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    alertmanager.wait_until_firing(&["app backoff", "web fatal"]);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    alertmanager.wait_until_firing(&["app fatal", "web fatal"]);
    driver.recovers("app");
    driver.pass(SOON);
    alertmanager.wait_until_firing(&["web fatal"]);
    // Nothing of it comes back with the rounds.
    driver.pass(3 * ROUND);
    assert_eq!(alertmanager.firing(), ["web fatal"]);
    assert_eq!((driver.said.len(), driver.failed.len()), (0, 0));
}

#[test]
fn an_alertmanager_that_forgot_everything_hears_of_it_again() {
    if !is_wanted() {
        return;
    }
    let mut alertmanager = Alertmanager::start();
    let mut driver = drive(&[&alertmanager.url()]);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    let before = alertmanager.wait_for_alert("app", |_| true);
    alertmanager.restart_empty();
    assert_eq!(alertmanager.firing(), [""; 0]);
    driver.pass(ROUND);
    let after = alertmanager.wait_for_alert("app", |_| true);
    assert_eq!(before["startsAt"], after["startsAt"]);
    assert_eq!(before["fingerprint"], after["fingerprint"]);
}

#[test]
fn a_restart_of_supervigil_posts_at_once_what_is_open() {
    if !is_wanted() {
        return;
    }
    let mut alertmanager = Alertmanager::start();
    let mut driver = drive(&[&alertmanager.url()]);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    alertmanager.wait_until_firing(&["app fatal"]);
    alertmanager.restart_empty();
    driver.restart();
    driver.pass(Duration::ZERO);
    alertmanager.wait_until_firing(&["app fatal"]);
}

#[test]
fn a_member_that_is_away_is_said_once_and_hears_of_it_by_the_next_round() {
    if !is_wanted() {
        return;
    }
    let [port, first, second] = [free_port(), free_port(), free_port()];
    let [first, second] = [first, second].map(|port| format!("127.0.0.1:{port}"));
    let gossip = |own: &str| {
        [
            format!("--cluster.listen-address={own}"),
            format!("--cluster.advertise-address={own}"),
        ]
    };
    let arguments = gossip(&first);
    let one = Alertmanager::start_with(free_port(), "", &arguments.each_ref().map(String::as_str));
    let away = format!("http://127.0.0.1:{port}");
    let mut driver = drive(&[&one.url(), &away]);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    one.wait_until_firing(&["app fatal"]);
    driver.pass(5 * ROUND);
    let [Some(said)] = driver.said.as_slice() else {
        panic!("{:?}", driver.said);
    };
    let begin = format!("1 of 2 members took it; 127.0.0.1:{port}: the receiver cannot be reached");
    assert!(said.starts_with(&begin), "{said}");
    let view = driver.view();
    assert!(view.up && view.error.as_ref() == Some(said), "{view:?}");

    let mut arguments = gossip(&second).to_vec();
    arguments.push(format!("--cluster.peer={first}"));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let two = Alertmanager::start_with(port, "", &arguments);
    driver.pass(ROUND);
    two.wait_until_firing(&["app fatal"]);
    assert_eq!(driver.said.last(), Some(&None));
    assert_eq!(driver.said.len(), 2);
    let view = driver.view();
    assert!(view.up && view.error.is_none(), "{view:?}");

    // They are one cluster: a silence of one holds at the other.
    two.silence("app");
    for member in [&one, &two] {
        member.wait_for_alert("app", |alert| alert["status"]["state"] == "suppressed");
    }
}

#[test]
fn news_waits_for_a_cluster_that_is_away_as_a_whole() {
    if !is_wanted() {
        return;
    }
    let port = free_port();
    let mut driver = drive(&[&format!("http://127.0.0.1:{port}")]);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    driver.pass(SOON);
    assert!(!driver.failed.is_empty() && !driver.view().up);
    assert_eq!(driver.view().length, 1);
    // It must not end up as an alert that is over already.
    driver.pass(10 * ROUND);
    let alertmanager = Alertmanager::start_with(port, "", &["--cluster.listen-address="]);
    driver.pass(ROUND);
    alertmanager.wait_until_firing(&["app fatal"]);
    let view = driver.view();
    assert!(
        view.up && view.error.is_none() && view.length == 0,
        "{view:?}"
    );
}

#[test]
fn a_prefix_and_a_password_are_part_of_the_address() {
    if !is_wanted() {
        return;
    }
    let port = free_port();
    let alertmanager = Alertmanager::start_with(
        port,
        "",
        &[
            "--cluster.listen-address=",
            "--web.route-prefix=/alertmanager",
            "--web.config.file=FOLDER/users.yml",
        ],
    );
    let host = alertmanager.url().replace("http://", "");
    for (url, verdict, advice) in [
        (
            format!("http://ops:hunter2@{host}/alertmanager"),
            Verdict::Taken,
            "",
        ),
        (
            format!("http://ops:hunter2@{host}/alertmanager/"),
            Verdict::Taken,
            "",
        ),
        (
            format!("http://ops:hunter3@{host}/alertmanager"),
            Verdict::Misconfigured,
            "check the user and the password",
        ),
        (
            format!("http://ops:hunter2@{host}"),
            Verdict::Misconfigured,
            "check its address",
        ),
        (
            format!("https://ops:hunter2@{host}/alertmanager"),
            Verdict::Unreachable,
            "cannot be reached",
        ),
    ] {
        let answer = answer_to(&url, "[]");
        assert_eq!(answer.verdict, verdict, "{url}: {}", answer.detail);
        assert!(answer.detail.contains(advice), "{}", answer.detail);
        assert!(!answer.detail.contains("hunter"), "{}", answer.detail);
    }
}

#[test]
fn a_refusal_is_passed_on_in_its_words() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let body = r#"[{"labels":{"bad-name":"x"}},{"labels":{"name":"good"}}]"#;
    let answer = answer_to(&alertmanager.url(), body);
    assert_eq!(answer.verdict, Verdict::Rejected, "{}", answer.detail);
    assert!(answer.detail.contains("bad-name"), "{}", answer.detail);
    alertmanager.wait_until_firing(&["good -"]);
}
