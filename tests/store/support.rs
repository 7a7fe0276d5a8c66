//! Records to store and places to store them.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use supervigil::{
    model::{
        Action, AuditEntry, Cause, ChannelRecord, Counters, CycleRecord, Delivery, Exit, Exits,
        Hold, Identity, Incident, IncidentId, Kind, Moment, Next, Notice, NoticeId, NoticeReason,
        Outcome, Process, ProcessState, ProgramKey, ProgramName, ProgramRecord, Record,
        RetryRecord, Saved, SeenBy, ServerName, ServerRecord, Severity, Silence, SilenceId,
        Transition,
    },
    store::{OpenNotice, Settings, Store},
};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn settings(folder: &Path) -> Settings {
    Settings {
        path: folder.join("supervigil.db"),
        retention: 30 * DAY,
    }
}

/// A moment on 2026-11-23, 05:41:18 UTC.
pub(crate) fn now() -> Moment {
    Moment {
        monotonic: Duration::from_secs(1000),
        wall: at(0),
    }
}

/// The wall clock's time `seconds` after [`now`].
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_412_478 + seconds).unwrap()
}

/// Opens a store that must have nothing to complain of.
pub(crate) fn open(folder: &Path) -> (Store, Saved) {
    let (store, saved, notices) = open_with_notices(folder);
    assert_eq!(notices, []);
    (store, saved)
}

pub(crate) fn open_with_notices(folder: &Path) -> (Store, Saved, Vec<OpenNotice>) {
    Store::open(&settings(folder), now()).unwrap()
}

/// Closes a store and opens it again.
pub(crate) async fn reopen(store: Store, folder: &Path) -> (Store, Saved) {
    store.close().await.unwrap();
    open(folder)
}

pub(crate) fn key(name: &str) -> ProgramKey {
    ProgramKey::new(&ServerName::new("main"), &ProgramName::new("es", name))
}

pub(crate) fn silence(id: &str, since: i64) -> Silence {
    Silence {
        id: SilenceId(id.to_owned()),
        pattern: "es:*".to_owned(),
        since: at(since),
        until: at(since + 60),
        author: "li".to_owned(),
        reason: "换硬盘".to_owned(),
    }
}

pub(crate) fn hold(name: &str, until: Option<i64>) -> Hold {
    Hold {
        key: key(name),
        since: at(0),
        until: until.map(at),
        author: "wang".to_owned(),
        reason: String::new(),
    }
}

pub(crate) fn audit(time: i64) -> AuditEntry {
    AuditEntry {
        time: at(time),
        author: "li".to_owned(),
        action: Action::EndSilence,
        subject: "es:*".to_owned(),
        until: Some(at(60)),
        reason: "换硬盘".to_owned(),
    }
}

pub(crate) fn transition(number: u32) -> Transition {
    Transition {
        time: at(i64::from(number)),
        server: ServerName::new("main"),
        group: "es".to_owned(),
        name: "es_node_a".to_owned(),
        from: ProcessState::Running,
        to: ProcessState::Exited,
        pid: number,
        uptime_seconds: Some(86_400),
        exit: Some(Exit::Code(3)),
        expected: Some(false),
        cause: Cause::Crash,
        seen_by: SeenBy::Pidfd,
        spawn_error: String::new(),
    }
}

pub(crate) fn incident(id: &str, opened: i64) -> Incident {
    Incident {
        id: IncidentId(id.to_owned()),
        server: ServerName::new("main"),
        program: Some(ProgramName::new("es", "es_node_a")),
        kind: Kind::Fatal,
        severity: Severity::Critical,
        opened_at: at(opened),
        closed_at: None,
        outcome: None,
        baseline: false,
        from: Some(ProcessState::Backoff),
        to: Some(ProcessState::Unrecognised(77)),
        uptime_seconds: Some(4),
        exit: Some(Exit::UnknownSignal),
        spawn_error: "Exited too quickly (process log may have details)".to_owned(),
        attempts: 2,
        oom_kill: None,
        restarts: None,
        next: Next::Attempt {
            number: 3,
            of: 5,
            at: at(40),
        },
        log_tail: vec!["Ende: \u{1f4a5} \"so\"\\".to_owned(), String::new()],
        runbook: Some("https://wiki/es".to_owned()),
        at_mobiles: vec!["13800000000".to_owned()],
        told_at: None,
        told_as: None,
        reminders: 0,
        withheld: None,
    }
}

pub(crate) fn closed(id: &str, opened: i64, ended: i64) -> Incident {
    Incident {
        closed_at: Some(at(ended)),
        outcome: Some(Outcome::Recovered),
        next: Next::Nothing,
        ..incident(id, opened)
    }
}

pub(crate) fn notice(id: &str, time: i64) -> Notice {
    Notice {
        id: NoticeId(id.to_owned()),
        reason: NoticeReason::Opened,
        time: at(time),
        incidents: vec![incident("01A", time)],
        channel: None,
        heartbeat: None,
    }
}

pub(crate) fn queued(channel: &str, notice: &Notice) -> Record {
    Record::NoticeQueued {
        channel: channel.to_owned(),
        notice: notice.clone(),
    }
}

pub(crate) fn done(channel: &str, notice: &Notice) -> Record {
    Record::NoticeDone {
        channel: channel.to_owned(),
        id: notice.id.clone(),
    }
}

pub(crate) fn channel(name: &str, attempts: u32) -> ChannelRecord {
    ChannelRecord {
        channel: name.to_owned(),
        kind: "dingtalk".to_owned(),
        delivery: Some(Delivery {
            uuid: "a-uuid".to_owned(),
            notices: vec![NoticeId("01N".to_owned())],
            body: r#"{"msgtype":"text"}"#.to_owned(),
            attempts,
            first_at: at(1),
            retry_at: Some(at(2)),
            brevity: 1,
        }),
        sent_at: vec![at(-3), at(-2)],
        frozen_until: Some(at(60)),
        last_success_at: None,
        trouble: supervigil::model::Trouble::Broken,
    }
}

pub(crate) fn server(name: &str, restarts: u64) -> ServerRecord {
    ServerRecord {
        server: ServerName::new(name),
        identity: Identity {
            pid: 1,
            identification: "supervisor".to_owned(),
            version: "4.2.5".to_owned(),
            api_version: "3.0".to_owned(),
        },
        seen_since: at(-100),
        restarts,
    }
}

pub(crate) fn program(name: &str, starts: u64) -> ProgramRecord {
    ProgramRecord {
        key: key(name),
        process: Process {
            program: ProgramName::new("es", name),
            state: ProcessState::Fatal,
            pid: 0,
            start: 1_795_412_000,
            stop: 1_795_412_001,
            now: 1_795_412_478,
            exit_status: -1,
            spawn_error: "can't find command".to_owned(),
            stdout_log: "/var/log/es.log".to_owned(),
            stderr_log: String::new(),
        },
        state_since: at(-9),
        counters: Counters {
            starts,
            exits: Exits {
                unexpected_signal: 7,
                ..Exits::default()
            },
            transitions: [("FATAL".to_owned(), 2)].into(),
            missed_by_poll: 1,
        },
        cycles: CycleRecord {
            restarts: vec![at(-20), at(-10)],
            openings: vec![at(-30)],
        },
        retry: RetryRecord {
            attempts: 4,
            last_attempt_at: Some(at(-5)),
            next_attempt_at: None,
            recent: vec![at(-50), at(-5)],
            under_way: true,
            exhausted: true,
            needs_human: Some("NO_FILE".to_owned()),
        },
    }
}
