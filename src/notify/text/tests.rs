//! Messages as people read them, in both languages: the snapshots are to be read, not only compared.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Message, Subject, compose};
use crate::{
    model::{
        Exit, Incident, IncidentId, Kind, Next, Notice, NoticeId, NoticeReason, Outcome,
        ProcessState, ProgramName, Restarts, ServerName, Severity,
    },
    notify::{
        Language,
        fixtures::{moment, voice},
    },
};

mod forms;

/// A time so many seconds after the tests' moment.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(moment().wall.as_second() + seconds).unwrap()
}

/// A program that supervisord gave up on.
fn fatal(name: &str) -> Incident {
    Incident {
        id: IncidentId(format!("i-{name}")),
        server: ServerName::new("main"),
        program: Some(ProgramName::new("es", name)),
        kind: Kind::Fatal,
        severity: Severity::Critical,
        opened_at: at(0),
        closed_at: None,
        outcome: None,
        baseline: false,
        from: Some(ProcessState::Running),
        to: Some(ProcessState::Fatal),
        uptime_seconds: Some(93_784),
        exit: Some(Exit::Code(137)),
        spawn_error: "Exited too quickly (process log may have details)".to_owned(),
        attempts: 0,
        oom_kill: None,
        restarts: None,
        next: Next::Attempt {
            number: 1,
            of: 5,
            at: at(10),
        },
        log_tail: vec![
            "[2026-11-23T13:41:17,901][ERROR][o.e.b.Bootstrap] [es_node_a] node <failed>"
                .to_owned(),
            "# *java.lang.OutOfMemoryError*: Java heap space".to_owned(),
        ],
        runbook: Some("https://wiki/es_(prod)".to_owned()),
        at_mobiles: vec!["13800000000".to_owned()],
        told_at: None,
        told_as: None,
        reminders: 0,
        withheld: None,
    }
}

pub(super) fn notice(reason: NoticeReason, time: i64, incidents: Vec<Incident>) -> Notice {
    Notice {
        id: NoticeId(format!("n-{time}-{}", reason.name())),
        reason,
        time: at(time),
        incidents,
        channel: None,
        heartbeat: None,
    }
}

fn closed(incident: Incident, seconds: i64, outcome: Outcome) -> Incident {
    Incident {
        closed_at: Some(at(seconds)),
        outcome: Some(outcome),
        next: Next::Nothing,
        ..incident
    }
}

pub(super) fn render(language: Language, notices: &[Notice], brevity: u8) -> Message {
    let notices: Vec<&Notice> = notices.iter().collect();
    let subject = Subject {
        notices: &notices,
        dropped: 0,
        brevity,
        lines_max: usize::MAX,
    };
    compose(&subject, &voice(language))
}

/// The cases, each with a name.
#[expect(clippy::too_many_lines, reason = "a table")]
fn single_cases() -> Vec<(&'static str, Notice)> {
    let opened = |incident| notice(NoticeReason::Opened, 0, vec![incident]);
    let a = || fatal("es_node_a");
    let unexpected = Incident {
        kind: Kind::UnexpectedExit,
        to: Some(ProcessState::Exited),
        exit: Some(Exit::Signal {
            number: 9,
            core_dumped: false,
        }),
        spawn_error: String::new(),
        next: Next::Nothing,
        ..a()
    };
    let not_found = Incident {
        from: Some(ProcessState::Starting),
        exit: None,
        uptime_seconds: None,
        spawn_error: "can't find command '/opt/es/bin/elasticsearch'".to_owned(),
        next: Next::NeedsHuman {
            why: "NO_FILE: /opt/es/bin/elasticsearch".to_owned(),
            at: Some(at(300)),
        },
        log_tail: Vec::new(),
        ..a()
    };
    let exhausted = Incident {
        attempts: 5,
        next: Next::Probe {
            attempts: 5,
            at: Some(at(12 * 3600)),
        },
        exit: None,
        ..a()
    };
    let guard = Incident {
        next: Next::HostGuard {
            fatal: 5,
            programs: 8,
            until: at(60),
        },
        ..a()
    };
    let crash_loop = Incident {
        oom_kill: None,
        restarts: Some(Restarts {
            count: 4,
            within_seconds: 300,
        }),
        kind: Kind::CrashLoop,
        severity: Severity::Warning,
        to: Some(ProcessState::Running),
        exit: Some(Exit::Signal {
            number: 11,
            core_dumped: true,
        }),
        uptime_seconds: Some(3),
        spawn_error: String::new(),
        next: Next::Nothing,
        ..a()
    };
    let backoff = Incident {
        kind: Kind::Backoff,
        severity: Severity::Warning,
        from: Some(ProcessState::Starting),
        to: Some(ProcessState::Backoff),
        exit: Some(Exit::Code(127)),
        uptime_seconds: None,
        next: Next::Nothing,
        ..a()
    };
    let flapping = Incident {
        kind: Kind::Flapping,
        severity: Severity::Warning,
        next: Next::Nothing,
        ..a()
    };
    let unreachable = Incident {
        kind: Kind::Unreachable,
        program: None,
        from: None,
        to: None,
        exit: None,
        uptime_seconds: None,
        spawn_error: "connection refused at unix:///var/run/supervisor.sock".to_owned(),
        next: Next::Nothing,
        log_tail: Vec::new(),
        runbook: None,
        ..a()
    };
    let baseline = Incident {
        baseline: true,
        from: None,
        exit: None,
        uptime_seconds: None,
        next: Next::Nothing,
        ..a()
    };
    let recovered = Incident {
        attempts: 1,
        ..closed(a(), 303, Outcome::Recovered)
    };
    vec![
        ("fatal", opened(a())),
        ("unexpected exit", opened(unexpected)),
        ("command not found", opened(not_found)),
        (
            "attempts used up",
            notice(NoticeReason::Escalated, 5, vec![exhausted]),
        ),
        ("host guard", opened(guard)),
        ("crash loop", opened(crash_loop)),
        ("backoff", opened(backoff)),
        ("flapping", opened(flapping)),
        ("unreachable", opened(unreachable)),
        (
            "down before",
            notice(NoticeReason::Digest, 0, vec![baseline]),
        ),
        (
            "runs again",
            opened(Incident {
                next: Next::Runs,
                ..a()
            }),
        ),
        ("reminder", notice(NoticeReason::Reminder, 7200, vec![a()])),
        (
            "recovered",
            notice(NoticeReason::Closed, 303, vec![recovered]),
        ),
        (
            "stopped",
            notice(
                NoticeReason::Closed,
                90_000,
                vec![closed(a(), 90_000, Outcome::StoppedByOperator)],
            ),
        ),
    ]
}

fn storm() -> Vec<Notice> {
    let mut notices: Vec<Notice> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| {
            notice(
                NoticeReason::Opened,
                0,
                vec![fatal(&format!("es_node_{name}"))],
            )
        })
        .collect();
    let warning = Incident {
        severity: Severity::Warning,
        kind: Kind::CrashLoop,
        ..fatal("zz_first_but_only_a_warning")
    };
    notices.insert(0, notice(NoticeReason::Opened, 0, vec![warning]));
    for (name, outcome) in [("b", Outcome::Recovered), ("gone", Outcome::Removed)] {
        let incident = closed(fatal(&format!("es_node_{name}")), 40, outcome);
        notices.push(notice(NoticeReason::Closed, 40, vec![incident]));
    }
    notices
}

fn everything(language: Language) -> String {
    let mut all = String::new();
    for (name, notice) in single_cases() {
        let message = render(language, &[notice], 0);
        writeln!(
            all,
            "=== {name}: {}\n{}\n",
            message.title,
            message.markdown()
        )
        .unwrap();
    }
    for brevity in 0..=2 {
        let message = render(language, &storm(), brevity);
        let text = message.markdown();
        writeln!(
            all,
            "=== storm, brevity {brevity}: {}\n{text}\n",
            message.title
        )
        .unwrap();
    }
    let message = render(language, &[single_cases().remove(0).1], 0);
    writeln!(all, "=== plain\n{}", message.plain()).unwrap();
    all
}

#[test]
fn chinese() {
    insta::assert_snapshot!(everything(Language::Zh));
}

#[test]
fn english() {
    insta::assert_snapshot!(everything(Language::En));
}

#[test]
fn durations_show_their_two_largest_units() {
    let words = voice(Language::En).words();
    for (seconds, expected) in [
        (0, "less than 1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (303, "5 min 3 s"),
        (3661, "1 h 1 min"),
        (90_061, "1 d 1 h"),
    ] {
        assert_eq!(words.duration(Duration::from_secs(seconds)), expected);
    }
}

#[test]
fn what_is_over_rings_no_phone() {
    let open = notice(NoticeReason::Opened, 0, vec![fatal("a")]);
    let over = notice(
        NoticeReason::Closed,
        9,
        vec![closed(fatal("a"), 9, Outcome::Recovered)],
    );
    assert!(render(Language::Zh, std::slice::from_ref(&open), 0).mentions);
    let both = render(Language::Zh, &[open, over], 0);
    assert!(!both.mentions);
    assert!(both.mobiles.is_empty());
}

proptest! {
    /// Every incident is named in full, whatever the mix and the brevity.
    #[test]
    fn none_is_left_out(
        count in 1_usize..40,
        open in proptest::collection::vec(any::<bool>(), 40),
        brevity in 0_u8..=2,
        zh in any::<bool>(),
    ) {
        let notices: Vec<Notice> = (0..count)
            .map(|number| {
                let incident = fatal(&format!("program_{number:02}"));
                if open[number] {
                    notice(NoticeReason::Opened, 0, vec![incident])
                } else {
                    let over = closed(incident, 30, Outcome::Recovered);
                    notice(NoticeReason::Closed, 30, vec![over])
                }
            })
            .collect();
        let language = if zh { Language::Zh } else { Language::En };
        let message = render(language, &notices, brevity);
        for number in 0..count {
            let name = format!("program_{number:02}");
            prop_assert!(message.markdown().contains(&name), "{name}");
            prop_assert!(message.plain().contains(&name), "{name}");
        }
    }
}
