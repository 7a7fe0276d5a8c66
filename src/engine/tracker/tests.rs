//! Each row of the tracker's table, and what must not be made up.

use super::*;
use crate::model::ProgramName;

const ABOUT: Circumstances = Circumstances {
    same_supervisord: true,
    retrying: false,
    settled: false,
    renewed: false,
    started_by: Cause::Autorestart,
};

use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping, Unknown};

/// A look at a program: its state, pid, `start` and `stop`.
fn look(state: ProcessState, pid: u32, start: i64, stop: i64) -> Process {
    let spawn_error = match state {
        Backoff | Fatal => "Exited too quickly (process log may have details)",
        Exited => "Bad exit code 3",
        Stopped | Starting | Running | Stopping | Unknown | ProcessState::Unrecognised(_) => "",
    };
    Process {
        program: ProgramName::new("web", "web"),
        state,
        pid,
        start,
        stop,
        now: start.max(stop) + 5,
        exit_status: if state == Exited { 3 } else { 0 },
        spawn_error: spawn_error.to_owned(),
        stdout_log: String::new(),
        stderr_log: String::new(),
    }
}

/// The steps in short: where to, why, whether something died and whether that was expected.
fn steps(
    earlier: &Process,
    later: &Process,
    about: Circumstances,
) -> Vec<(ProcessState, Cause, bool, Option<bool>)> {
    let steps = infer(earlier, later, about);
    let mut at = earlier.state;
    for step in &steps {
        assert_eq!(step.from, at, "the steps are a chain");
        at = step.to;
    }
    assert!(
        steps.is_empty() || at == later.state,
        "the chain ends at the later look"
    );
    let short = steps
        .into_iter()
        .map(|step| (step.to, step.cause, step.died, step.expected));
    short.collect()
}

#[test]
fn another_supervisord_is_no_crash() {
    let other = Circumstances {
        same_supervisord: false,
        ..ABOUT
    };
    let restart = Cause::SupervisordRestart;
    let renewed = [
        (Stopped, restart, true, Some(true)),
        (Running, restart, false, None),
    ];
    let up = look(Running, 5, 100, 90);
    assert_eq!(steps(&up, &look(Running, 7, 200, 0), other), renewed);
    // A reload keeps supervisord's pid; `stop` back at 0 gives it away.
    assert_eq!(steps(&up, &look(Running, 7, 200, 0), ABOUT), renewed);
    // So does a first life that ended without being reaped.
    let first = look(Running, 5, 100, 0);
    assert_eq!(steps(&first, &look(Running, 7, 200, 0), ABOUT), renewed);
    // Renewed, and not started: autostart=false.
    let off = [(Stopped, restart, false, None)];
    assert_eq!(
        steps(&look(Fatal, 0, 100, 101), &look(Stopped, 0, 0, 0), ABOUT),
        off
    );
}

#[test]
fn a_failure_after_a_restart_of_supervisord_is_one() {
    let other = Circumstances {
        same_supervisord: false,
        ..ABOUT
    };
    let failed = [
        (Starting, Cause::SupervisordRestart, false, None),
        (Fatal, Cause::Crash, true, Some(false)),
    ];
    assert_eq!(
        steps(&look(Fatal, 0, 100, 101), &look(Fatal, 0, 200, 201), other),
        failed
    );
}

#[test]
fn one_pid_is_one_life() {
    let earlier = look(Starting, 5, 100, 90);
    let running = [(Running, Cause::Autorestart, false, None)];
    assert_eq!(steps(&earlier, &look(Running, 5, 100, 90), ABOUT), running);
    // supervisord's clock was set back: `start` is written anew.
    assert_eq!(steps(&earlier, &look(Running, 5, 40, 90), ABOUT), running);
    assert_eq!(
        steps(&look(Running, 5, 100, 90), &look(Running, 5, 40, 90), ABOUT),
        []
    );
    let stopping = [(Stopping, Cause::Operator, false, None)];
    assert_eq!(
        steps(&earlier, &look(Stopping, 5, 100, 90), ABOUT),
        stopping
    );
}

#[test]
fn an_end_that_was_seen_has_its_details() {
    let up = look(Running, 5, 100, 90);
    let end = infer(&up, &look(Exited, 0, 100, 107), ABOUT);
    assert_eq!(end.len(), 1);
    assert_eq!((end[0].cause, end[0].expected), (Cause::Crash, Some(false)));
    assert_eq!((end[0].pid, end[0].uptime_seconds), (5, Some(7)));
    assert_eq!(end[0].exit, Some(Exit::Code(3)));

    let signal = Process {
        exit_status: -1,
        spawn_error: "Bad exit code -1".to_owned(),
        ..look(Exited, 0, 100, 107)
    };
    assert_eq!(
        infer(&up, &signal, ABOUT)[0].exit,
        Some(Exit::UnknownSignal)
    );

    let done = Process {
        exit_status: 0,
        spawn_error: String::new(),
        ..look(Exited, 0, 100, 107)
    };
    let end = infer(&up, &done, ABOUT);
    assert_eq!(
        (end[0].cause, end[0].expected),
        (Cause::ExpectedExit, Some(true))
    );
    assert_eq!(end[0].exit, Some(Exit::Code(0)));

    let stopped = [(Stopped, Cause::Operator, true, Some(true))];
    assert_eq!(steps(&up, &look(Stopped, 0, 100, 107), ABOUT), stopped);

    let failed = [(Backoff, Cause::Crash, true, Some(false))];
    let starting = look(Starting, 5, 100, 90);
    assert_eq!(steps(&starting, &look(Backoff, 0, 100, 101), ABOUT), failed);
}

#[test]
fn an_end_that_was_not_seen_is_not_called_a_crash() {
    let ended = |state| (state, Cause::Unknown, true, None);
    let unknown = |state| (state, Cause::Unknown, false, None);
    let again = look(Running, 7, 108, 107);
    let up = look(Running, 5, 100, 90);
    assert_eq!(steps(&up, &again, ABOUT), [ended(Exited), unknown(Running)]);
    let starting = look(Starting, 5, 100, 90);
    assert_eq!(
        steps(&starting, &again, ABOUT),
        [ended(Backoff), unknown(Running)]
    );
    // What is seen of the later life is proven.
    let fatal = look(Fatal, 0, 115, 116);
    let crash = (Fatal, Cause::Crash, true, Some(false));
    assert_eq!(
        steps(&up, &fatal, ABOUT),
        [ended(Exited), unknown(Starting), crash]
    );
    let unspawned = Process {
        spawn_error: "can't find command".to_owned(),
        ..look(Fatal, 0, 115, 107)
    };
    let spawn_error = (Fatal, Cause::SpawnError, false, None);
    assert_eq!(
        steps(&up, &unspawned, ABOUT),
        [ended(Exited), unknown(Starting), spawn_error]
    );
}

#[test]
fn an_end_in_stopping_is_the_operators() {
    let stopping = look(Stopping, 5, 100, 90);
    let stopped = (Stopped, Cause::Operator, true, Some(true));
    let started = (Running, Cause::Operator, false, None);
    assert_eq!(
        steps(&stopping, &look(Stopped, 0, 100, 107), ABOUT),
        [stopped]
    );
    assert_eq!(
        steps(&stopping, &look(Running, 7, 108, 107), ABOUT),
        [stopped, started]
    );
}

#[test]
fn a_clock_that_was_set_back_makes_no_second_life() {
    // `start` was written anew between the looks, and then the process ended.
    let end = [(Exited, Cause::Crash, true, Some(false))];
    assert_eq!(
        steps(&look(Running, 5, 100, 90), &look(Exited, 0, 40, 60), ABOUT),
        end
    );
}

#[test]
fn rest_moves_by_itself_or_by_somebody() {
    let backoff = look(Backoff, 0, 100, 101);
    let gave_up = [(Fatal, Cause::Crash, false, None)];
    assert_eq!(steps(&backoff, &look(Fatal, 0, 100, 101), ABOUT), gave_up);
    assert_eq!(steps(&backoff, &backoff, ABOUT), []);

    let start = |earlier: &Process, about| {
        let later = look(Starting, 7, 110, earlier.stop);
        let steps = steps(earlier, &later, about);
        assert_eq!(steps.len(), 1);
        steps[0].1
    };
    let settled = Circumstances {
        settled: true,
        ..ABOUT
    };
    let retrying = Circumstances {
        retrying: true,
        ..settled
    };
    let (exited, fatal) = (look(Exited, 0, 100, 107), look(Fatal, 0, 100, 101));
    assert_eq!(start(&backoff, ABOUT), Cause::Autorestart);
    assert_eq!(start(&backoff, retrying), Cause::Autorestart);
    assert_eq!(start(&exited, ABOUT), Cause::Autorestart);
    assert_eq!(start(&exited, settled), Cause::Operator);
    assert_eq!(start(&exited, retrying), Cause::Retry);
    assert_eq!(start(&fatal, settled), Cause::Operator);
    assert_eq!(start(&fatal, retrying), Cause::Retry);
    assert_eq!(start(&look(Stopped, 0, 100, 101), ABOUT), Cause::Operator);
    let renewed = Circumstances {
        renewed: true,
        ..ABOUT
    };
    let unborn = look(Stopped, 0, 0, 0);
    assert_eq!(start(&unborn, renewed), Cause::SupervisordRestart);
    assert_eq!(start(&unborn, ABOUT), Cause::Unknown);
}

#[test]
fn whole_lives_between_looks_are_told_as_far_as_they_are_proven() {
    let fatal = look(Fatal, 0, 100, 101);
    let started = (Starting, Cause::Operator, false, None);
    let crash = |state| (state, Cause::Crash, true, Some(false));
    assert_eq!(
        steps(&fatal, &look(Fatal, 0, 110, 111), ABOUT),
        [started, crash(Fatal)]
    );
    let unseen = [
        started,
        (Exited, Cause::Unknown, true, None),
        (Running, Cause::Unknown, false, None),
    ];
    assert_eq!(steps(&fatal, &look(Running, 9, 120, 115), ABOUT), unseen);
}

#[test]
fn a_stop_in_backoff_tells_the_failure_and_no_code() {
    let stopped = Process {
        spawn_error: "Exited too quickly (process log may have details)".to_owned(),
        ..look(Stopped, 0, 100, 101)
    };
    assert_eq!(exit_of(&stopped), None);
    let failure = (Backoff, Cause::Crash, true, Some(false));
    let stop = (Stopped, Cause::Operator, false, None);
    assert_eq!(
        steps(&look(Starting, 5, 100, 90), &stopped, ABOUT),
        [failure, stop]
    );
    assert_eq!(steps(&look(Backoff, 0, 100, 101), &stopped, ABOUT), [stop]);
    assert_eq!(steps(&stopped, &stopped, ABOUT), []);
}

#[test]
fn states_that_nobody_knows_are_shown_and_nothing_is_guessed() {
    let up = look(Running, 5, 100, 90);
    let strange = ProcessState::Unrecognised(77);
    for state in [Unknown, strange] {
        let lost = [(state, Cause::Unknown, false, None)];
        assert_eq!(steps(&up, &look(state, 5, 100, 90), ABOUT), lost);
        assert_eq!(steps(&up, &look(state, 0, 100, 90), ABOUT), lost);
        assert_eq!(
            steps(&look(state, 0, 100, 90), &look(state, 0, 100, 90), ABOUT),
            []
        );
    }
}
