//! Looks that are overtaken by what is told, and tellings that are late.

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::{
    engine::account::Told,
    model::{Exit, OomKill, PidNews, ProcessState, ProgramEvent, ProgramName},
};

const ABOUT: Circumstances = Circumstances {
    same_supervisord: true,
    retrying: false,
    settled: true,
    renewed: false,
    started_by: Cause::Autorestart,
};

fn at(millis: u64) -> Moment {
    let monotonic = Duration::from_millis(millis);
    let wall = Timestamp::from_millisecond(millis.try_into().unwrap()).unwrap();
    Moment { monotonic, wall }
}

fn look(state: ProcessState, pid: u32, start: i64, stop: i64) -> Process {
    Process {
        program: ProgramName::new("web", "web"),
        state,
        pid,
        start,
        stop,
        now: start.max(stop) + 5,
        exit_status: 0,
        spawn_error: String::new(),
        stdout_log: String::new(),
        stderr_log: String::new(),
    }
}

/// The kernel tells first that it killed for memory, and then of the death.
#[test]
fn a_kill_for_memory_is_part_of_an_end_by_sigkill_alone() {
    let running = look(ProcessState::Running, 7, 100, 0);
    let exited = look(ProcessState::Exited, 0, 100, 110);
    let sigkill = Exit::Signal {
        number: 9,
        core_dumped: false,
    };
    for (exit, kill) in [
        (sigkill, Some(OomKill::Group)),
        (Exit::Code(137), Some(OomKill::Group)),
        (Exit::Code(9), None),
    ] {
        let mut account = Account::default();
        let group = PidNews::OomKill(OomKill::Group);
        for news in [
            PidNews::Watched,
            group,
            PidNews::Dead,
            PidNews::Ended(Some(exit)),
        ] {
            account.note(7, news, at(900));
        }
        let finding = weigh(&running, &exited, &mut account, ABOUT, overdue());
        let Finding::Steps { steps, .. } = finding else {
            panic!("the look shows the end: {finding:?}");
        };
        let ends: Vec<_> = steps.iter().filter(|step| step.died).collect();
        assert_eq!((ends[0].exit, ends[0].oom_kill), (Some(exit), kill));
    }
}

/// A look without the log that began at 1000, and may not wait any longer.
fn overdue() -> Terms {
    Terms {
        begun: at(1000),
        changed_at: at(1000),
        has_log: false,
        may_wait: false,
        now: at(3000),
    }
}

/// A complete account of a program's process 7, whose end and successor were told at a time.
fn told_at(millis: u64) -> Account {
    let mut account = Account::default();
    account.synced = true;
    let exited = ProgramEvent::Exited {
        pid: None,
        exit: Some(Exit::Code(3)),
        expected: false,
    };
    hear(
        &mut account,
        millis,
        [exited, ProgramEvent::Spawned { pid: Some(8) }],
    );
    account
}

fn hear(account: &mut Account, millis: u64, events: [ProgramEvent; 2]) {
    for event in events {
        account.hear(Told {
            event,
            at: at(millis),
            heard: at(millis),
            written: None,
        });
    }
}

/// The account is left as it is, for a newer look to confirm.
#[test]
fn a_look_that_was_waited_for_in_vain_is_stale_where_more_was_told_after_it_began() {
    let running = look(ProcessState::Running, 7, 100, 0);
    let mut exited = look(ProcessState::Exited, 0, 100, 110);
    exited.exit_status = 3;
    exited.spawn_error = "Bad exit code 3".to_owned();

    let mut later = told_at(2000);
    let finding = weigh(&running, &exited, &mut later, ABOUT, overdue());
    assert_eq!(finding, Finding::Stale);
    assert_eq!(later.told().len(), 2);
    assert!(later.synced);

    let successor = look(ProcessState::Running, 8, 120, 110);
    let newer = Terms {
        begun: at(3500),
        changed_at: at(3500),
        has_log: true,
        may_wait: true,
        now: at(3600),
    };
    let Finding::Steps { steps, lapsed } = weigh(&running, &successor, &mut later, ABOUT, newer)
    else {
        panic!("the newer look confirms what was told");
    };
    let ends: Vec<_> = steps.iter().filter(|step| step.died).collect();
    assert_eq!(ends.len(), 1, "{steps:?}");
    assert_eq!((ends[0].pid, ends[0].exit), (7, Some(Exit::Code(3))));
    assert!(!lapsed);
}

#[test]
fn a_look_that_holds_all_that_was_told_is_taken_in() {
    let running = look(ProcessState::Running, 7, 100, 0);
    let successor = look(ProcessState::Running, 8, 120, 110);
    let mut before = told_at(900);
    let finding = weigh(&running, &successor, &mut before, ABOUT, overdue());
    assert!(
        matches!(finding, Finding::Steps { lapsed: false, .. }),
        "{finding:?}"
    );
    assert!(before.told().is_empty());
}

/// A listener is not told of pids at a start, so that a failure which a look took in already reads as
/// another one.
#[test]
fn an_attempt_that_is_told_late_is_no_other_one() {
    let mut backoff = look(ProcessState::Backoff, 0, 100, 100);
    backoff.spawn_error = "Exited too quickly (process log may have details)".to_owned();
    let mut fatal = backoff.clone();
    fatal.state = ProcessState::Fatal;
    let mut account = Account::default();
    account.synced = true;
    let attempt = [ProgramEvent::Spawned { pid: None }, ProgramEvent::Backoff];
    hear(&mut account, 900, attempt);
    let terms = Terms {
        may_wait: true,
        ..overdue()
    };
    let finding = weigh(&backoff, &fatal, &mut account, ABOUT, terms);
    let Finding::Steps { steps, .. } = finding else {
        panic!("{finding:?}");
    };
    let tos: Vec<_> = steps.iter().map(|step| (step.to, step.died)).collect();
    assert_eq!(tos, [(ProcessState::Fatal, false)]);
    assert!(account.told().is_empty());
}
