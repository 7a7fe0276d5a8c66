//! Notices, settings and times to test with.

use std::time::Duration;

use jiff::{
    Timestamp,
    tz::{TimeZone, offset},
};
use supervigil::{
    model::{
        Exit, Incident, IncidentId, Kind, Moment, Next, Notice, NoticeId, NoticeReason, Outcome,
        ProcessState, ProgramName, ServerName, Severity,
    },
    notify::{
        AlertmanagerSettings, ChannelKind, ChannelSettings, DingTalkSettings, Language,
        MessageType, Place, Settings, Verdict, WebhookSettings,
    },
};

/// When every test begins.
pub(crate) const START: &str = "2026-11-23T05:41:18Z";

pub(crate) fn place() -> Place {
    Place {
        host: "host".to_owned(),
        ip: None,
        zone: TimeZone::fixed(offset(8)),
    }
}

/// The moment at `wall`, in a run that began at `origin`.
pub(crate) fn moment(wall: Timestamp, origin: Timestamp) -> Moment {
    Moment {
        monotonic: Duration::try_from(wall.duration_since(origin)).unwrap(),
        wall,
    }
}

/// A notice about the program `name`.
pub(crate) fn notice(name: &str, reason: NoticeReason, serial: usize, time: Timestamp) -> Notice {
    let is_over = reason == NoticeReason::Closed;
    let incident = Incident {
        id: IncidentId(format!("i-{name}")),
        server: ServerName::new("main"),
        program: Some(ProgramName::new(name, name)),
        kind: Kind::Fatal,
        severity: Severity::Critical,
        opened_at: time,
        closed_at: is_over.then_some(time),
        outcome: is_over.then_some(Outcome::Recovered),
        baseline: false,
        from: Some(ProcessState::Running),
        to: Some(ProcessState::Fatal),
        uptime_seconds: Some(60),
        exit: Some(Exit::Code(3)),
        spawn_error: String::new(),
        attempts: 0,
        oom_kill: None,
        restarts: None,
        next: Next::Nothing,
        log_tail: Vec::new(),
        runbook: None,
        at_mobiles: Vec::new(),
        told_at: None,
        told_as: None,
        reminders: 0,
        withheld: None,
    };
    Notice {
        id: NoticeId(format!("{serial:05}-{name}-{}", reason.name())),
        reason,
        time,
        incidents: vec![incident],
        channel: None,
        heartbeat: None,
    }
}

pub(crate) fn settings(channels: Vec<ChannelSettings>) -> Settings {
    Settings {
        language: Language::En,
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(60),
        log_tail_lines: 10,
        redact: Vec::new(),
        channels,
    }
}

pub(crate) fn robot(name: &str, max_per_minute: u32) -> ChannelSettings {
    ChannelSettings {
        name: name.to_owned(),
        severities: vec![Severity::Critical, Severity::Warning],
        max_per_minute,
        kind: ChannelKind::DingTalk(DingTalkSettings {
            webhook: "https://robot.invalid/send?access_token=t"
                .to_owned()
                .into(),
            secret: None,
            keyword: String::new(),
            message_type: MessageType::Text,
            at_mobiles: Vec::new(),
            at_user_ids: Vec::new(),
            at_all: false,
        }),
    }
}

pub(crate) fn webhook(name: &str, max_per_minute: u32) -> ChannelSettings {
    ChannelSettings {
        name: name.to_owned(),
        severities: vec![Severity::Critical, Severity::Warning],
        max_per_minute,
        kind: ChannelKind::Webhook(WebhookSettings {
            url: "http://hook.invalid/".to_owned().into(),
            bearer_token: None,
        }),
    }
}

pub(crate) fn alertmanager(name: &str, max_per_minute: u32) -> ChannelSettings {
    ChannelSettings {
        name: name.to_owned(),
        severities: vec![Severity::Critical, Severity::Warning],
        max_per_minute,
        kind: ChannelKind::Alertmanager(AlertmanagerSettings {
            urls: vec!["http://alertmanager.invalid".to_owned().into()],
        }),
    }
}

pub(crate) fn verdict(reason: &str) -> Verdict {
    Verdict::ALL
        .into_iter()
        .find(|verdict| verdict.reason() == reason)
        .unwrap_or_else(|| panic!("no verdict {reason}"))
}
