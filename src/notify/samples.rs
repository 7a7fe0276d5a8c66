//! One notice of each kind, to try out a channel with.

use std::time::Duration;

use jiff::Timestamp;
use ulid::Ulid;

use crate::model::{
    Exit, Incident, IncidentId, Kind, Moment, Next, Notice, NoticeId, NoticeReason, Outcome,
    ProcessState, ProgramName, Restarts, ServerName, Severity,
};

/// What every sample says, so that nobody gets up for one.
const DISCLAIMER: &str = "a test by `supervigil test-notify`: nothing is wrong";

/// A notice of each kind as the real ones look, about programs that do not exist: opened (fatal,
/// unexpected exit, backoff, unreachable, crash loop, flapping), escalated, a reminder, closed.
pub fn samples(now: Moment) -> Vec<Notice> {
    let opened = opened(now).map(|incident| (NoticeReason::Opened, incident));
    let all = opened.into_iter().chain(later(now));
    all.map(|(reason, incident)| {
        let id = NoticeId(incident.id.0.clone());
        Notice::of(id, reason, now.wall, vec![incident])
    })
    .collect()
}

/// One of each kind.
fn opened(now: Moment) -> [Incident; 6] {
    let fatal = Incident {
        exit: Some(Exit::Code(137)),
        spawn_error: "Exited too quickly (process log may have details)".to_owned(),
        next: Next::Attempt {
            number: 1,
            of: 5,
            at: now.after(Duration::from_secs(10)).wall,
        },
        ..incident(now, 0, Kind::Fatal, Severity::Critical)
    };
    let exited = Incident {
        to: Some(ProcessState::Exited),
        exit: Some(Exit::Signal {
            number: 11,
            core_dumped: true,
        }),
        ..incident(now, 1, Kind::UnexpectedExit, Severity::Critical)
    };
    let backoff = Incident {
        from: Some(ProcessState::Starting),
        to: Some(ProcessState::Backoff),
        exit: Some(Exit::Code(1)),
        uptime_seconds: None,
        ..incident(now, 2, Kind::Backoff, Severity::Warning)
    };
    let unreachable = Incident {
        program: None,
        from: None,
        to: None,
        uptime_seconds: None,
        log_tail: Vec::new(),
        spawn_error: format!("no answer within 5 s ({DISCLAIMER})"),
        ..incident(now, 3, Kind::Unreachable, Severity::Critical)
    };
    let crash_loop = Incident {
        to: Some(ProcessState::Running),
        exit: Some(Exit::Code(1)),
        uptime_seconds: Some(12),
        restarts: Some(Restarts {
            count: 6,
            within_seconds: 300,
        }),
        next: Next::Runs,
        ..incident(now, 6, Kind::CrashLoop, Severity::Critical)
    };
    let flapping = Incident {
        to: Some(ProcessState::Exited),
        exit: Some(Exit::Code(1)),
        ..incident(now, 7, Kind::Flapping, Severity::Warning)
    };
    [fatal, exited, backoff, unreachable, crash_loop, flapping]
}

/// What is told after that.
fn later(now: Moment) -> [(NoticeReason, Incident); 3] {
    let escalated = Incident {
        exit: Some(Exit::Code(3)),
        attempts: 5,
        next: Next::Probe {
            attempts: 5,
            at: Some(now.after(Duration::from_secs(30 * 60)).wall),
        },
        ..incident(now, 4, Kind::Fatal, Severity::Critical)
    };
    let reminded = Incident {
        opened_at: ago(now, Duration::from_secs(30 * 60)),
        exit: Some(Exit::Code(3)),
        ..incident(now, 8, Kind::Fatal, Severity::Critical)
    };
    let closed = Incident {
        opened_at: ago(now, Duration::from_secs(303)),
        closed_at: Some(now.wall),
        outcome: Some(Outcome::Recovered),
        attempts: 1,
        ..incident(now, 5, Kind::Fatal, Severity::Critical)
    };
    [
        (NoticeReason::Escalated, escalated),
        (NoticeReason::Reminder, reminded),
        (NoticeReason::Closed, closed),
    ]
}

/// The ends of what these notices tell of, for receivers that would go on holding it.
pub fn endings(samples: &[Notice], now: Moment) -> Vec<Notice> {
    let open = samples
        .iter()
        .filter(|sample| sample.incidents.iter().any(Incident::is_open));
    open.map(|sample| Notice {
        reason: NoticeReason::Closed,
        time: now.wall,
        incidents: sample
            .incidents
            .iter()
            .cloned()
            .map(|incident| Incident {
                closed_at: Some(now.wall),
                outcome: Some(Outcome::Recovered),
                ..incident
            })
            .collect(),
        ..sample.clone()
    })
    .collect()
}

/// An open incident about a program that does not exist.
fn incident(now: Moment, number: u8, kind: Kind, severity: Severity) -> Incident {
    let id = IncidentId(id(now, number));
    let name = format!("test_{}", kind.name());
    let program = ProgramName::new("supervigil", &name);
    let (server, rank) = (ServerName::new("test"), (kind, severity));
    Incident {
        from: Some(ProcessState::Running),
        to: Some(ProcessState::Fatal),
        uptime_seconds: Some(90_061),
        log_tail: vec![DISCLAIMER.to_owned()],
        ..Incident::opened(id, server, Some(program), rank, now.wall)
    }
}

fn ago(now: Moment, passed: Duration) -> Timestamp {
    now.wall.saturating_sub(passed).unwrap_or(now.wall)
}

/// An identity of its own for each sample of each time.
fn id(now: Moment, number: u8) -> String {
    let millis = u64::try_from(now.wall.as_millisecond()).unwrap_or_default();
    let random = u128::from(now.wall.subsec_nanosecond().unsigned_abs());
    Ulid::from_parts(millis, random << 8 | u128::from(number)).to_string()
}
