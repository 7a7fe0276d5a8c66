//! What arrives from a file that can.

use std::{path::Path, time::Duration};

use secrecy::ExposeSecret as _;
use supervigil::{
    config,
    engine::RetryRule,
    http::Listen,
    model::Severity,
    notify::{ChannelKind, MessageType},
    supervisord::Endpoint,
};

use crate::{FOLDER, SECRET, environment, load_text, overview, settings, snapshots};

#[test]
fn nothing_configured_is_a_whole_configuration() {
    let config = load_text("").unwrap();
    let [server] = config.supervisords.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(server.name.as_str(), "main");
    let Endpoint::Search(paths) = &server.endpoint else {
        panic!("{server:?}");
    };
    assert_eq!(paths[0], Path::new("/var/run/supervisor.sock"));
    assert_eq!(config.engine.retry, None);
    assert!(!config.engine.servers[0].must_answer);
    assert_eq!(config.engine.servers[0].itself, None);
    assert!(config.notify.channels.is_empty());
    assert_eq!(config.store.path, Path::new("/state/supervigil.db"));
    assert_eq!(config.warnings, []);
    snapshots().bind(|| insta::assert_snapshot!("defaults", settings(&config)));
}

#[test]
fn a_file_that_names_nothing_new_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let empty = config::load(None, &environment().in_folder(folder.path())).unwrap();
    for text in [
        "",
        "[[supervisord]]\n",
        "[alert]\n[http]\n[storage]\n[log]\n",
    ] {
        assert_eq!(
            settings(&load_text(text).unwrap()),
            settings(&empty),
            "{text}"
        );
    }
}

#[test]
fn a_minimal_file_tells_somebody() {
    let path = Path::new(FOLDER).join("valid-minimal.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let [channel] = config.notify.channels.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(
        (channel.name.as_str(), channel.max_per_minute),
        ("dingtalk", 16)
    );
    assert_eq!(channel.severities, [Severity::Critical, Severity::Warning]);
    let ChannelKind::DingTalk(robot) = &channel.kind else {
        panic!("{channel:?}");
    };
    let webhook = format!("https://oapi.dingtalk.com/robot/send?access_token={SECRET}");
    assert_eq!(robot.webhook.expose_secret(), webhook);
    assert_eq!(robot.message_type, MessageType::Markdown);
    assert!(robot.secret.is_none() && robot.keyword.is_empty() && !robot.at_all);
    assert_eq!(config.source, Some(path));
}

#[test]
fn every_key_arrives_where_it_belongs_and_no_secret_in_debug() {
    let path = Path::new(FOLDER).join("valid-full.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let shown = settings(&config);
    assert!(!shown.contains(SECRET), "{shown}");
    snapshots().bind(|| insta::assert_snapshot!("full", overview(&config)));

    let there = config.supervisords[1].credentials.as_ref().unwrap();
    assert_eq!(there.password.expose_secret(), "hunter2-hunter2-hunter2");
    let rule = &config.engine.programs[0];
    assert!(rule.matcher.is_match("es:a_1") && !rule.matcher.is_match("es:c_1"));
    assert!(config.engine.programs[1].matcher.is_match("批处理一号"));
    let RetryRule::Own(own) = &rule.retry else {
        panic!("{rule:?}");
    };
    assert_eq!(
        (own.max_attempts, own.on_fatal, own.max_per_minute),
        (1, true, 3)
    );
    assert!(
        config.notify.redact[1].is_match("ax"),
        "$$ is one dollar sign"
    );
    let names: Vec<_> = config
        .notify
        .channels
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "运维",
            "飞书",
            "企业微信",
            "slack",
            "webhook",
            "webhook-2",
            "am"
        ]
    );
    let ChannelKind::DingTalk(robot) = &config.notify.channels[0].kind else {
        panic!("{shown}");
    };
    let webhook = robot.webhook.expose_secret();
    assert!(
        webhook.ends_with("access_token=hunter2"),
        "the line's end is trimmed"
    );
    assert_eq!(config.http.listen, Listen::Unix("/run/h.sock".into()));
}

#[test]
fn a_maintenance_window_is_read_with_its_defaults() {
    let text = "[[maintenance]]\nmatch = \"es:*\"\nfrom = \"23:30\"\nto = \"24:00\"\n\
                [[maintenance]]\nmatch = \"*\"\nfrom = \"02:00\"\nto = \"04:00\"\ndays = [\"sun\", \"sat\"]\n\
                timezone = \"Asia/Shanghai\"\npause_retries = true\n";
    let config = load_text(text).unwrap();
    let [first, second] = config.engine.maintenance.as_slice() else {
        panic!("two windows");
    };
    assert_eq!(first.matcher.glob().glob(), "es:*");
    assert_eq!(first.days, (1..=7).collect());
    let (from, to) = (first.from.to_string(), first.to.to_string());
    assert_eq!((from.as_str(), to.as_str()), ("23:30:00", "00:00:00"));
    assert!(!first.pause_retries);
    assert_eq!(second.days, [6, 7].into());
    assert_eq!(second.zone.iana_name(), Some("Asia/Shanghai"));
    assert!(second.pause_retries);
}

#[test]
fn the_documented_configuration_is_taken_as_it_stands() {
    let path = Path::new(FOLDER).join("valid-contract.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let defaults = load_text("[retry]\n").unwrap();
    assert_eq!(config.engine.retry, defaults.engine.retry);
    assert_eq!(config.engine.alert, defaults.engine.alert);
    assert_eq!(config.store, defaults.store);
    assert_eq!(config.log, defaults.log);
    assert_eq!(format!("{:?}", config.http), format!("{:?}", defaults.http));
    let [server] = config.supervisords.as_slice() else {
        panic!("{config:?}");
    };
    let socket = Endpoint::Unix("/var/run/supervisor.sock".into());
    assert_eq!(server.endpoint, socket);
    assert!(server.credentials.is_none() && config.engine.servers[0].must_answer);
    let rule = &config.engine.programs[0];
    assert_eq!(rule.severity, Some(Severity::Critical));
    assert_eq!(rule.retry, RetryRule::Never);
    let names: Vec<_> = config
        .notify
        .channels
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["ops", "hook", "alertmanager"]);
}

#[test]
fn variables_stand_in_any_text() {
    let path = Path::new(FOLDER).join("valid-variables.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let server = &config.supervisords[0];
    assert_eq!(server.name.as_str(), "db1");
    let authority = "db1:9001".to_owned();
    assert_eq!(server.endpoint, Endpoint::Tcp { authority });
    let credentials = server.credentials.as_ref().unwrap();
    assert_eq!(credentials.username, "a$b");
    assert_eq!(credentials.password.expose_secret(), "hunter2$");
    assert_eq!(server.poll_interval, Duration::from_secs(7));
    assert!(config.engine.programs[0].matcher.is_match("db1_a:b"));
}
