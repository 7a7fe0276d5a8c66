//! Pure: incidents -> the body of `POST /api/v2/alerts`.
//!
//! | label | is |
//! |---|---|
//! | `alertname` | `SupervisordProgramFailed`, or `SupervisordUnreachable` |
//! | `host` | the host's name |
//! | `server` | the supervisord |
//! | `group`, `name`, `program` | the program, `program` being `group:name`; absent for a supervisord |
//! | `kind` | what is wrong: `fatal`, `crash_loop`, ... |
//! | `severity` | `critical` or `warning` |
//!
//! To Alertmanager the labels are the alert: another label set is another alert. `alertname`, by which
//! Alertmanager's own example groups, says what the alert is about and stays the same for as long as the
//! incident lasts, so an incident that gets worse stays within its group. `kind` and `severity` change
//! then: routes go by them, and a new alert is what makes Alertmanager tell people that it got worse
//! (it tells nobody of an annotation that changed). The alert of the lesser kind ends at that moment.
//! Everything that may change without that is an annotation.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    model::{Incident, Notice, NoticeId, NoticeReason},
    notify::{
        redact,
        text::{self, Subject, Voice},
    },
};

/// How often an alert that goes on is posted: Prometheus's own default (`--rules.alert.resend-delay`).
pub(in crate::notify) const RESEND_EVERY: Duration = Duration::from_secs(60);

/// How long an alert is in force without being posted again: four intervals, as Prometheus has it
/// (rules/alerting.go, `ValidUntil`), so that three posts may fail.
const IN_FORCE: Duration = Duration::from_secs(4 * 60);

/// The most notices, or programs and supervisords, of one request. An alert has some kilobytes at
/// most, so such a request stays well below what proxies take.
pub(in crate::notify) const BATCH_MAX: usize = 64;

/// The most characters of an annotation, and bytes of the log in one: ten long lines of a stack trace.
const ANNOTATION_MAX: usize = 4000;

type Labels = BTreeMap<&'static str, String>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: Labels,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// The body that carries the incidents of a subject's notices as alerts, each label set once, as the
/// last of them has it.
pub(in crate::notify) fn body(subject: &Subject<'_>, voice: &Voice, now: Timestamp) -> String {
    let incidents = subject.notices.iter().flat_map(|notice| &notice.incidents);
    let alerts: BTreeMap<Labels, &Incident> = incidents
        .take(subject.lines_max)
        .map(|incident| (labels(incident, &voice.place.host), incident))
        .collect();
    let alerts: Vec<Alert> = alerts
        .into_iter()
        .map(|(labels, incident)| alert(labels, incident, subject.brevity, voice, now))
        .collect();
    // Strings and times always serialise; an empty body would be refused, and told.
    serde_json::to_string(&alerts).unwrap_or_default()
}

fn alert(labels: Labels, incident: &Incident, brevity: u8, voice: &Voice, now: Timestamp) -> Alert {
    // A clock that was set back must not make an alert that begins after its end, which is refused.
    let starts_at = incident.opened_at.min(now);
    let ends_at = match incident.closed_at {
        Some(closed_at) => closed_at.min(now).max(starts_at),
        None => now.saturating_add(IN_FORCE).unwrap_or(Timestamp::MAX),
    };
    Alert {
        labels,
        annotations: annotations(incident, brevity, voice),
        starts_at,
        ends_at,
    }
}

fn labels(incident: &Incident, host: &str) -> Labels {
    let alertname = match incident.program {
        Some(_) => "SupervisordProgramFailed",
        None => "SupervisordUnreachable",
    };
    let mut labels: Labels = [
        ("alertname", alertname),
        ("host", host),
        ("server", incident.server.as_str()),
        ("kind", incident.kind.name()),
        ("severity", incident.severity.name()),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    if let Some(program) = &incident.program {
        labels.extend([
            ("group", program.group.to_string()),
            ("name", program.name.to_string()),
            ("program", program.full()),
        ]);
    }
    labels
}

/// What there is to say, in the words of messages; nothing empty.
fn annotations(incident: &Incident, brevity: u8, voice: &Voice) -> BTreeMap<&'static str, String> {
    let notice = notice(incident);
    let subject = Subject {
        notices: &[&notice],
        dropped: 0,
        // The log has an annotation of its own.
        brevity: 1,
        lines_max: usize::MAX,
    };
    let message = text::compose(&subject, voice);
    let description = if brevity < 2 {
        message.plain()
    } else {
        String::new()
    };
    let attempts = match incident.attempts {
        0 => String::new(),
        attempts => attempts.to_string(),
    };
    let exit = incident
        .exit
        .map(|exit| voice.ending(exit, incident.oom_kill));
    let is_log_shown = brevity == 0 && incident.is_open();
    let log = is_log_shown.then(|| log(&incident.log_tail));
    let said = [
        ("summary", message.title),
        ("description", description),
        ("exit", exit.unwrap_or_default()),
        ("spawn_error", incident.spawn_error.clone()),
        ("attempts", attempts),
        ("runbook_url", incident.runbook.clone().unwrap_or_default()),
        ("log", log.unwrap_or_default()),
    ];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (name, redact::cut(&text, ANNOTATION_MAX)))
        .collect()
}

/// The notice that the words are made for. An alert that ended because the incident got worse goes by
/// what it was: nothing of it is over but its name.
fn notice(incident: &Incident) -> Notice {
    let is_over = incident.outcome.is_some();
    Notice {
        id: NoticeId(incident.id.0.clone()),
        reason: if is_over {
            NoticeReason::Closed
        } else {
            NoticeReason::Opened
        },
        time: incident.closed_at.unwrap_or(incident.opened_at),
        incidents: vec![Incident {
            closed_at: incident.closed_at.filter(|_| is_over),
            ..incident.clone()
        }],
        channel: None,
        heartbeat: None,
    }
}

/// The last lines that there is room for.
fn log(lines: &[String]) -> String {
    let mut room = ANNOTATION_MAX;
    let fitting = lines.iter().rev().take_while(|line| {
        let rest = room.checked_sub(line.len() + 1);
        room = rest.unwrap_or_default();
        rest.is_some()
    });
    let from = lines.len() - fitting.count();
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
