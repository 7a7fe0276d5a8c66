//! The alerts of samples, as Alertmanager gets them.

use serde_json::{Value, json};

use super::*;
use crate::{
    model::{IncidentId, Kind, Outcome, Severity},
    notify::{
        Language,
        fixtures::{moment, voice},
        samples,
    },
};

fn at(seconds: u64) -> Timestamp {
    moment().after(Duration::from_secs(seconds)).wall
}

fn fatal() -> Incident {
    Incident {
        runbook: Some("https://wiki/es".to_owned()),
        attempts: 2,
        ..samples(moment()).remove(0).incidents.remove(0)
    }
}

fn unreachable() -> Incident {
    samples(moment()).remove(3).incidents.remove(0)
}

fn posted_briefly(incidents: Vec<Incident>, brevity: u8, now: Timestamp) -> Vec<Value> {
    let notice = Notice {
        incidents,
        ..samples(moment()).remove(0)
    };
    let subject = Subject {
        notices: &[&notice],
        dropped: 0,
        brevity,
        lines_max: usize::MAX,
    };
    serde_json::from_str(&body(&subject, &voice(Language::En), now)).unwrap()
}

fn posted(incidents: Vec<Incident>, now: Timestamp) -> Vec<Value> {
    posted_briefly(incidents, 0, now)
}

#[test]
fn an_open_incident_is_an_alert_that_is_in_force_for_four_intervals() {
    let alerts = posted(vec![fatal()], at(30));
    assert_eq!(alerts.len(), 1);
    let labels = json!({
        "alertname": "SupervisordProgramFailed",
        "host": "es-host-1",
        "server": "test",
        "group": "supervigil",
        "name": "test_fatal",
        "program": "supervigil:test_fatal",
        "kind": "fatal",
        "severity": "critical",
    });
    assert_eq!(alerts[0]["labels"], labels);
    assert_eq!(alerts[0]["startsAt"], "2026-11-23T05:41:18Z");
    assert_eq!(alerts[0]["endsAt"], "2026-11-23T05:45:48Z");
    let annotations = &alerts[0]["annotations"];
    assert_eq!(
        annotations["summary"],
        "FATAL: supervigil:test_fatal @ es-host-1"
    );
    let description = annotations["description"].as_str().unwrap();
    assert!(
        description.contains("Next: supervigil starts it at 13:41:28 (attempt 1 of 5)"),
        "{description}"
    );
    assert!(!description.contains("nothing is wrong"), "{description}");
    assert_eq!(
        annotations["exit"],
        "exit code 137 (128 + SIGKILL: kill -9, or perhaps the OOM killer)"
    );
    assert_eq!(
        annotations["spawn_error"],
        "Exited too quickly (process log may have details)"
    );
    assert_eq!(annotations["attempts"], "2");
    assert_eq!(annotations["runbook_url"], "https://wiki/es");
    assert_eq!(
        annotations["log"],
        "a test by `supervigil test-notify`: nothing is wrong"
    );
    assert_eq!(annotations.as_object().unwrap().len(), 7);
}

#[test]
fn a_supervisord_that_does_not_answer_has_no_program() {
    let alerts = posted(vec![unreachable()], at(0));
    let labels = json!({
        "alertname": "SupervisordUnreachable",
        "host": "es-host-1",
        "server": "test",
        "kind": "unreachable",
        "severity": "critical",
    });
    assert_eq!(alerts[0]["labels"], labels);
    let annotations = alerts[0]["annotations"].as_object().unwrap();
    let names: Vec<_> = annotations.keys().collect();
    assert_eq!(names, ["description", "spawn_error", "summary"]);
}

#[test]
fn what_ended_says_when_and_how() {
    let recovered = Incident {
        closed_at: Some(at(90)),
        outcome: Some(Outcome::Recovered),
        ..fatal()
    };
    let alerts = posted(vec![recovered], at(100));
    assert_eq!(alerts[0]["endsAt"], "2026-11-23T05:42:48Z");
    let annotations = &alerts[0]["annotations"];
    assert_eq!(
        annotations["summary"],
        "Recovered: supervigil:test_fatal @ es-host-1"
    );
    assert_eq!(annotations["log"], Value::Null);
}

#[test]
fn what_got_worse_ends_under_the_name_that_it_had() {
    let former = Incident {
        kind: Kind::Backoff,
        severity: Severity::Warning,
        closed_at: Some(at(60)),
        ..fatal()
    };
    let alerts = posted(vec![former, fatal()], at(60));
    assert_eq!(alerts.len(), 2);
    let [backoff, fatal] = ["backoff", "fatal"].map(|kind| {
        let found = alerts.iter().find(|alert| alert["labels"]["kind"] == kind);
        found.unwrap()
    });
    assert_eq!(backoff["endsAt"], "2026-11-23T05:42:18Z");
    assert_eq!(backoff["labels"]["severity"], "warning");
    assert_eq!(
        backoff["annotations"]["summary"],
        "Keeps failing to start: supervigil:test_fatal @ es-host-1"
    );
    assert_eq!(fatal["endsAt"], "2026-11-23T05:46:18Z");
}

#[test]
fn no_alert_ends_before_it_begins() {
    let opened_ahead = Incident {
        opened_at: at(600),
        ..fatal()
    };
    let closed_before = Incident {
        opened_at: at(30),
        closed_at: Some(at(10)),
        outcome: Some(Outcome::Recovered),
        ..unreachable()
    };
    let alerts = posted(vec![opened_ahead, closed_before], at(60));
    for alert in &alerts {
        let time = |name: &str| alert[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(time("startsAt") <= time("endsAt"), "{alert}");
        assert!(time("startsAt") <= at(60), "{alert}");
    }
}

#[test]
fn a_label_set_is_posted_once_as_the_last_notice_has_it() {
    let earlier = Incident {
        id: IncidentId("earlier".to_owned()),
        closed_at: Some(at(0)),
        outcome: Some(Outcome::Recovered),
        ..fatal()
    };
    let alerts = posted(vec![earlier, fatal()], at(30));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["endsAt"], "2026-11-23T05:45:48Z");
}

#[test]
fn annotations_are_bounded_and_the_logs_end_is_what_stays() {
    let mut verbose = fatal();
    verbose.spawn_error = "错".repeat(10_000);
    verbose.log_tail = (0..100)
        .map(|number| format!("line {number:03} {}", "x".repeat(200)))
        .collect();
    let alerts = posted(vec![verbose.clone()], at(0));
    let annotation = |name: &str| alerts[0]["annotations"][name].as_str().unwrap();
    assert_eq!(annotation("spawn_error").chars().count(), ANNOTATION_MAX);
    assert_eq!(annotation("description").chars().count(), ANNOTATION_MAX);
    let log = annotation("log");
    assert!(
        log.len() <= ANNOTATION_MAX && log.len() > ANNOTATION_MAX - 300,
        "{}",
        log.len()
    );
    assert!(
        log.starts_with("line ") && log.contains("line 099 x"),
        "{log}"
    );

    let without_log = posted_briefly(vec![verbose.clone()], 1, at(0));
    assert_eq!(without_log[0]["annotations"]["log"], Value::Null);
    assert_ne!(without_log[0]["annotations"]["description"], Value::Null);
    let briefest = posted_briefly(vec![verbose], 2, at(0));
    assert_eq!(briefest[0]["annotations"]["description"], Value::Null);
    assert_ne!(briefest[0]["annotations"]["summary"], Value::Null);
}
