//! Alerts at a real Alertmanager, over the whole way.

use std::{collections::BTreeMap, fs, net::TcpListener, sync::mpsc, thread};

use serde_json::{Value, json};

use super::stage::{Script, Stage, host, on_demand, take_posts};
use crate::support::{
    alertmanager::{Alertmanager, is_wanted},
    supervigil::free_port,
    wait::{PATIENCE, wait_until},
};

fn table(urls: &[&str], lines: &str) -> String {
    format!("[[alertmanager]]\nname = \"am\"\nurls = {urls:?}\n{lines}\n")
}

#[test]
fn a_failure_is_an_alert_until_it_recovers() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let folder = tempfile::tempdir().expect("a folder");
    let behaviour = format!("from-start 2 {}", folder.path().join("starts").display());
    let rule = "[[program]]\nmatch = \"app\"\nrunbook = \"https://wiki/app\"\n";
    let mut stage = Stage::set(Script {
        programs: &on_demand("app", &behaviour, &[]),
        more: &format!("{}{rule}", table(&[&alertmanager.url()], "")),
        ..Script::default()
    });
    stage.start("app");
    let alert = alertmanager.wait_for_alert("app", |_| true);
    let labels = json!({
        "alertname": "SupervisordProgramFailed",
        "host": host(),
        "server": "main",
        "group": "app",
        "name": "app",
        "program": "app:app",
        "kind": "fatal",
        "severity": "critical",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["status"]["state"], "active");
    let annotations = &alert["annotations"];
    assert_eq!(annotations["summary"], format!("FATAL: app @ {}", host()));
    assert_eq!(annotations["runbook_url"], "https://wiki/app");
    assert_eq!(
        annotations["spawn_error"],
        "Exited too quickly (process log may have details)"
    );
    let description = annotations["description"].as_str().expect("a text");
    assert!(
        description.contains("supervisord gave up starting it"),
        "{description}"
    );

    alertmanager.silence("app");
    let is_quiet = |alert: &Value| alert["status"]["state"] == "suppressed";
    let silenced = alertmanager.wait_for_alert("app", is_quiet);
    stage.supervigil.kill9();
    stage.supervigil.start_again();
    let again =
        alertmanager.wait_for_alert("app", |alert| alert["updatedAt"] != silenced["updatedAt"]);
    assert!(is_quiet(&again), "{again}");
    assert_eq!(again["fingerprint"], alert["fingerprint"]);
    assert_eq!(again["startsAt"], alert["startsAt"]);

    stage.start("app");
    alertmanager.wait_until_firing(&[]);
    wait_until(PATIENCE, "the recovery to count as sent", || {
        stage.metric("supervigil_notices_sent_total{channel=\"am\"}") >= Some(1.0)
    });
    assert_eq!(
        stage.metric("supervigil_channel_up{channel=\"am\"}"),
        Some(1.0)
    );
    assert_eq!(stage.shown_with("FATAL: app"), 1);
}

#[test]
fn people_hear_that_it_got_worse_within_the_same_group() {
    if !is_wanted() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let webhook = format!("http://{}/", listener.local_addr().expect("an address"));
    let (bodies, received) = mpsc::channel();
    thread::spawn(move || take_posts(&listener, &bodies));
    let alertmanager =
        Alertmanager::start_with(free_port(), &webhook, &["--cluster.listen-address="]);
    let folder = tempfile::tempdir().expect("a folder");
    let hopeless = folder.path().join("hopeless");
    let command = format!(
        "test -e {} && exit 1; sleep 1.3; exit 1",
        hopeless.display()
    );
    let stage = Stage::set(Script {
        programs: &format!(
            "[program:app]\ncommand=/bin/sh -c '{command}'\nautostart=false\nautorestart=true\n\
             startsecs=1\nstartretries=0\n"
        ),
        alert: "crash_loop = { restarts = 2, within = \"5m\" }\n",
        more: &table(&[&alertmanager.url()], ""),
        ..Script::default()
    });
    stage.start("app");
    alertmanager.wait_until_firing(&["app crash_loop"]);
    fs::write(&hopeless, "").expect("a file");
    alertmanager.wait_until_firing(&["app fatal"]);

    // What people know of each alert, over all notifications of the one group.
    let mut known = BTreeMap::new();
    let wanted = [("crash_loop", "resolved"), ("fatal", "firing")];
    let wanted = wanted.map(|(kind, status)| (kind.to_owned(), status.to_owned()));
    while known != BTreeMap::from(wanted.clone()) {
        let body = received.recv_timeout(PATIENCE).expect("a notification");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let group = json!({"alertname": "SupervisordProgramFailed"});
        assert_eq!(body["groupLabels"], group);
        for alert in body["alerts"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            known.insert(text(&alert["labels"]["kind"]), text(&alert["status"]));
        }
    }
}

#[test]
fn only_the_severities_that_it_asks_for_arrive() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let rule = "[[program]]\nmatch = \"minor\"\nseverity = \"warning\"\n";
    let table = table(&[&alertmanager.url()], "severities = [\"critical\"]");
    let stage = Stage::set(Script {
        programs: &["minor", "major"]
            .map(|name| on_demand(name, "exit 1 0", &[]))
            .concat(),
        more: &format!("{table}{rule}"),
        ..Script::default()
    });
    stage.start("minor");
    stage.dingtalk.wait_until_shown("FATAL: minor");
    stage.start("major");
    alertmanager.wait_for_alert("major", |_| true);
    assert_eq!(alertmanager.firing(), ["major fatal"]);
}

#[test]
fn test_notify_leaves_nothing_firing_and_names_a_member_that_is_away() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let tables = |urls: &[&str]| format!("[alert]\nlanguage = \"en\"\n{}", table(urls, ""));
    let supervigil = crate::support::supervigil::Supervigil::start(&tables(&[&alertmanager.url()]));
    let output = supervigil.command(&["test-notify", "--channel", "am"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for line in [
        "am: unreachable opened: taken",
        "am: unreachable closed: taken",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(alertmanager.received("firing"), 7);
    assert_eq!(alertmanager.firing(), [""; 0]);

    supervigil.rewrite_config(&tables(&[
        &alertmanager.url(),
        "http://u:hunter2@127.0.0.1:1",
    ]));
    let output = supervigil.command(&["test-notify", "--channel", "am"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("1 of 2 members took it; 127.0.0.1:1: the receiver cannot be reached"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_member_that_is_away_is_said_once_and_shown_without_its_password() {
    if !is_wanted() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let urls = [
        &*alertmanager.url(),
        "http://u:hunter2@127.0.0.1:1/?key=hunter3",
    ];
    let stage = Stage::set(Script {
        programs: &["one", "two"]
            .map(|name| on_demand(name, "exit 1 0", &[]))
            .concat(),
        more: &table(&urls, ""),
        ..Script::default()
    });
    for name in ["one", "two"] {
        stage.start(name);
        alertmanager.wait_for_alert(name, |_| true);
    }
    let sent = "supervigil_notices_sent_total{channel=\"am\"}";
    wait_until(PATIENCE, "both to count as sent", || {
        stage.metric(sent) == Some(2.0)
    });
    let trouble = "1 of 2 members took it; 127.0.0.1:1: the receiver cannot be reached";
    let log = stage.supervigil.log();
    assert_eq!(log.matches(trouble).count(), 1, "{log}");
    assert_eq!(
        stage.metric("supervigil_channel_up{channel=\"am\"}"),
        Some(1.0)
    );
    let page = stage.supervigil.get("/").1;
    assert!(page.contains(trouble), "{page}");
    for place in [log, page, stage.supervigil.get("/api/v1/status").1] {
        assert!(!place.contains("hunter"), "{place}");
    }
}
