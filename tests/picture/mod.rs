//! A published picture made by hand: something of everything that can be shown.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use supervigil::model::{
    Action, AuditEntry, Cause, ChannelView, ConfigView, Counters, DeliveryState, Exit, Exits, Feed,
    Hold, Identity, Incident, IncidentId, Kind, Moment, Next, Notice, NoticeId, NoticeReason,
    NoticeView, OpenWindow, Outcome, ProcessState, ProcessView, ProgramKey, ProgramName, Published,
    RetryView, SeenBy, ServerName, ServerView, Severity, Silence, SilenceId, StoreView, Transition,
};

/// 2026-11-23T05:41:18.123Z, the present of the picture.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_412_478, 123_000_000);

/// [`NOW`] on both clocks.
pub(crate) const MOMENT: Moment = Moment {
    monotonic: Duration::from_secs(86_400),
    wall: NOW,
};

/// A name that breaks whatever does not escape.
pub(crate) const NASTY: &str = "数据\"节点\\n<script>alert(1)</script>\n&";

/// That many seconds before [`NOW`].
pub(crate) fn ago(seconds: u64) -> Timestamp {
    NOW.saturating_sub(Duration::from_secs(seconds))
        .unwrap_or(NOW)
}

/// Two supervisords, one of which is down for good; each kind of program; incidents, channels.
pub(crate) fn of_everything() -> Published {
    Published {
        started_at: ago(7200),
        servers: vec![Arc::new(main()), Arc::new(edge())],
        incidents: vec![
            Arc::new(fatal()),
            Arc::new(unreachable()),
            Arc::new(closed()),
        ],
        transitions: vec![
            Arc::new(transition(ago(4), ProcessState::Fatal)),
            Arc::new(transition(ago(12), ProcessState::Backoff)),
        ]
        .into(),
        notices: vec![Arc::new(notice())].into(),
        channels: vec![
            channel("ops", true),
            ChannelView {
                up: false,
                error: Some("DingTalk refused: invalid timestamp".to_owned()),
                length: 3,
                oldest_at: Some(ago(300)),
                frozen_until: NOW.saturating_add(Duration::from_secs(600)).ok(),
                ..channel("备用", false)
            },
        ],
        silences: vec![Silence {
            id: SilenceId("01JSILENCE".to_owned()),
            pattern: "batch:*".to_owned(),
            since: ago(600),
            until: NOW.saturating_add(Duration::from_secs(3600)).unwrap_or(NOW),
            author: "li".to_owned(),
            reason: "<b>disk swap</b>".to_owned(),
        }],
        holds: vec![Hold {
            key: ProgramKey::new(
                &ServerName::new("main"),
                &ProgramName::new("es", "es_node_a"),
            ),
            since: ago(300),
            until: None,
            author: "wang".to_owned(),
            reason: String::new(),
        }],
        windows: vec![OpenWindow {
            pattern: "report_*".to_owned(),
            until: NOW.saturating_add(Duration::from_secs(7200)).unwrap_or(NOW),
            pause_retries: true,
        }],
        audit: vec![AuditEntry {
            time: ago(300),
            author: "wang".to_owned(),
            action: Action::Hold,
            subject: "main/es:es_node_a".to_owned(),
            until: None,
            reason: String::new(),
        }]
        .into(),
        store: StoreView::default(),
        config: ConfigView {
            last_reload_ok: true,
            loaded_at: ago(7200),
        },
    }
}

/// One supervisord with that many programs, one in a hundred of them down.
pub(crate) fn of_programs(count: usize) -> Published {
    let processes = (0..count)
        .map(|index| {
            let state = if index % 100 == 99 {
                ProcessState::Fatal
            } else {
                ProcessState::Running
            };
            process("es", &format!("es_node_{index:04}"), state)
        })
        .collect();
    Published {
        servers: vec![Arc::new(ServerView {
            processes,
            ..main()
        })],
        ..of_everything()
    }
}

/// That `es_node_b` is FATAL: one channel took it, and the other has not yet.
fn notice() -> NoticeView {
    let id = NoticeId("01JNOTICE".to_owned());
    NoticeView {
        notice: Notice::of(id, NoticeReason::Opened, ago(4), vec![fatal()]),
        deliveries: [
            ("ops".to_owned(), DeliveryState::Taken),
            ("备用".to_owned(), DeliveryState::Waiting),
        ]
        .into(),
    }
}

/// A supervisord that answers, with its programs in their order.
pub(crate) fn main() -> ServerView {
    ServerView {
        feeds_up: [(Feed::Log, false), (Feed::Pidfd, false)],
        name: ServerName::new("main"),
        url: "unix:///var/run/supervisor.sock".to_owned(),
        up: true,
        unreachable: false,
        error: None,
        identity: Some(Identity {
            pid: 4242,
            identification: "supervisor".to_owned(),
            version: "4.2.5".to_owned(),
            api_version: "3.0".to_owned(),
        }),
        started_at: Some(ago(90_000)),
        restarts: 1,
        last_success_at: Some(ago(2)),
        poll_interval: Duration::from_secs(5),
        processes: programs(),
    }
}

fn programs() -> Vec<ProcessView> {
    vec![
        ProcessView {
            counters: counted(),
            crash_looping: true,
            ..process("es", "es_node_a", ProcessState::Running)
        },
        ProcessView {
            exit: Some(Exit::Code(0)),
            spawn_error: "Exited too quickly (process log may have details)".to_owned(),
            incident: Some(IncidentId("01JD0000000000000000000001".to_owned())),
            retry: Some(RetryView {
                attempts: 2,
                next_attempt_at: NOW.saturating_add(Duration::from_secs(40)).ok(),
                exhausted: false,
            }),
            ..process("es", "es_node_b", ProcessState::Fatal)
        },
        ProcessView {
            exit: Some(Exit::Signal {
                number: 9,
                core_dumped: false,
            }),
            held: true,
            retry: Some(RetryView {
                attempts: 5,
                next_attempt_at: None,
                exhausted: true,
            }),
            ..process("kibana", "kibana", ProcessState::Exited)
        },
        ProcessView {
            exit: Some(Exit::UnknownSignal),
            expected_up: false,
            ..process("nightly", "nightly", ProcessState::Stopped)
        },
        process("odd", "odd", ProcessState::Unrecognised(55)),
        process("组", NASTY, ProcessState::Running),
    ]
}

/// A supervisord that has not answered for so long that its programs' states are history.
fn edge() -> ServerView {
    ServerView {
        feeds_up: [(Feed::Log, false), (Feed::Pidfd, false)],
        name: ServerName::new("edge"),
        url: "http://10.0.0.7:9001".to_owned(),
        up: false,
        unreachable: true,
        error: Some("supervisord at http://10.0.0.7:9001 refused the connection".to_owned()),
        identity: None,
        started_at: None,
        restarts: 0,
        last_success_at: Some(ago(16)),
        poll_interval: Duration::from_secs(5),
        processes: vec![process("web", "web", ProcessState::Running)],
    }
}

/// A program with little to tell.
pub(crate) fn process(group: &str, name: &str, state: ProcessState) -> ProcessView {
    let alive = state.is_alive();
    ProcessView {
        program: ProgramName::new(group, name),
        state,
        pid: if alive { 4711 } else { 0 },
        started_at: alive.then(|| ago(86_400)),
        state_since: ago(if alive { 86_399 } else { 4 }),
        exit: None,
        spawn_error: String::new(),
        expected_up: true,
        held: false,
        incident: None,
        crash_looping: false,
        counters: Counters::default(),
        retry: None,
    }
}

fn counted() -> Counters {
    Counters {
        starts: 4,
        exits: Exits {
            unexpected_code: 2,
            unexpected_signal: 1,
            ..Exits::default()
        },
        transitions: [("RUNNING".to_owned(), 4), ("EXITED".to_owned(), 3)].into(),
        missed_by_poll: 1,
    }
}

fn channel(name: &str, told: bool) -> ChannelView {
    ChannelView {
        name: name.to_owned(),
        kind: "dingtalk",
        up: true,
        error: None,
        length: 0,
        capacity: 1000,
        oldest_at: None,
        frozen_until: None,
        last_success_at: told.then(|| ago(60)),
    }
}

fn fatal() -> Incident {
    Incident {
        id: IncidentId("01JD0000000000000000000001".to_owned()),
        server: ServerName::new("main"),
        program: Some(ProgramName::new("es", "es_node_b")),
        kind: Kind::Fatal,
        severity: Severity::Critical,
        opened_at: ago(4),
        closed_at: None,
        outcome: None,
        baseline: false,
        from: Some(ProcessState::Backoff),
        to: Some(ProcessState::Fatal),
        uptime_seconds: Some(86_400),
        exit: Some(Exit::Code(3)),
        spawn_error: "Exited too quickly (process log may have details)".to_owned(),
        attempts: 2,
        oom_kill: None,
        restarts: None,
        next: Next::Attempt {
            number: 3,
            of: 5,
            at: NOW.saturating_add(Duration::from_secs(40)).unwrap_or(NOW),
        },
        log_tail: vec!["java.lang.OutOfMemoryError: <b>heap</b>".to_owned()],
        runbook: Some("https://wiki/es".to_owned()),
        at_mobiles: Vec::new(),
        told_at: None,
        told_as: None,
        reminders: 0,
        withheld: None,
    }
}

fn unreachable() -> Incident {
    Incident {
        id: IncidentId("01JD0000000000000000000000".to_owned()),
        server: ServerName::new("edge"),
        program: None,
        kind: Kind::Unreachable,
        opened_at: ago(10),
        from: None,
        to: None,
        uptime_seconds: None,
        exit: None,
        spawn_error: "supervisord at http://10.0.0.7:9001 refused the connection".to_owned(),
        attempts: 0,
        oom_kill: None,
        restarts: None,
        next: Next::Nothing,
        log_tail: Vec::new(),
        runbook: None,
        ..fatal()
    }
}

fn closed() -> Incident {
    Incident {
        id: IncidentId("01JC0000000000000000000000".to_owned()),
        program: Some(ProgramName::new("kibana", "kibana")),
        kind: Kind::CrashLoop,
        severity: Severity::Warning,
        opened_at: ago(5000),
        closed_at: Some(ago(4000)),
        outcome: Some(Outcome::Recovered),
        exit: Some(Exit::Signal {
            number: 9,
            core_dumped: false,
        }),
        next: Next::Nothing,
        ..fatal()
    }
}

/// One of `es_node_b`'s transitions.
pub(crate) fn transition(time: Timestamp, to: ProcessState) -> Transition {
    Transition {
        time,
        server: ServerName::new("main"),
        group: "es".to_owned(),
        name: "es_node_b".to_owned(),
        from: ProcessState::Starting,
        to,
        pid: 0,
        uptime_seconds: None,
        exit: Some(Exit::Code(3)),
        expected: Some(false),
        cause: Cause::SpawnError,
        seen_by: SeenBy::Poll,
        spawn_error: String::new(),
    }
}
