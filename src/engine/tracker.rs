//! What happened to a program between two looks at it.
//!
//! Owns the inference from two observations of one program to the steps that must lie between them.
//! It remembers nothing and judges nothing; it says only what the two observations prove, and
//! [`Cause::Unknown`] for the rest. Field meanings: rpcinterface.py and process.py of supervisor.
//!
//! | the earlier look | the later look | is |
//! |---|---|---|
//! | any | another supervisord, or `start`/`stop` back at 0 | a new generation: no crash |
//! | a pid | the same pid | the same life, whatever `start` says |
//! | a pid | no pid, same `start` | that life's end, with its details |
//! | a pid in STOPPING | anything else | an operator's stop, then what followed |
//! | a pid | anything else | that life's end unseen: a crash or a restart, then what followed |
//! | no pid | no pid, same `start` and `stop` | supervisord's own step, such as BACKOFF to FATAL |
//! | no pid | no pid, another `start` or `stop` | a start and its end |
//! | no pid | a pid, same `stop` | a start |
//! | no pid | a pid, another `stop` | a whole life unseen, then a start |
//!
//! Where several histories fit, the shortest is told, and no death in it is called a crash.

use super::step::{Circumstances, Step};
use crate::model::{Cause, Exit, Process, ProcessState};

/// The steps from `earlier` to `later`, in order; none when nothing changed.
pub(super) fn infer(earlier: &Process, later: &Process, about: Circumstances) -> Vec<Step> {
    let mut steps = if is_recreated(earlier, later, about.same_supervisord) {
        recreated(earlier, later)
    } else if earlier.pid != 0 && earlier.pid == later.pid {
        same_life(earlier, later, about)
    } else if earlier.pid != 0 {
        after_life(earlier, later)
    } else {
        after_rest(earlier, later, about)
    };
    steps.retain(|step| step.from != step.to);
    steps
}

/// Whether supervisord made the program anew (a restart, a reload, an update of its group).
pub(super) fn is_recreated(earlier: &Process, later: &Process, same_supervisord: bool) -> bool {
    !same_supervisord
        || (later.stop == 0 && earlier.stop != 0)
        || (later.start == 0 && earlier.start != 0)
        || (later.stop == 0 && earlier.pid != 0 && later.pid != earlier.pid)
}

/// The program ended with its supervisord, or with its group, and may have been started again.
fn recreated(earlier: &Process, later: &Process) -> Vec<Step> {
    let cause = Cause::SupervisordRestart;
    let stopped = ProcessState::Stopped;
    let mut steps = Vec::new();
    let mut from = earlier.state;
    if earlier.pid != 0 && earlier.pid != later.pid {
        let end = Step::new(from, stopped, earlier.pid, cause);
        steps.push(Step {
            expected: Some(true),
            died: true,
            ..end
        });
        from = stopped;
    }
    if later.pid == 0 && later.start == 0 {
        steps.push(Step::new(from, later.state, 0, cause));
    } else {
        steps.extend(life_from(from, cause, later));
    }
    steps
}

fn same_life(earlier: &Process, later: &Process, about: Circumstances) -> Vec<Step> {
    let cause = match later.state {
        ProcessState::Running => about.started_by,
        ProcessState::Stopping => Cause::Operator,
        ProcessState::Stopped
        | ProcessState::Starting
        | ProcessState::Backoff
        | ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => Cause::Unknown,
    };
    let step = Step::new(earlier.state, later.state, later.pid, cause);
    vec![Step {
        uptime_seconds: seconds(later.start, later.now),
        ..step
    }]
}

/// A process was alive at the earlier look and is not any more.
fn after_life(earlier: &Process, later: &Process) -> Vec<Step> {
    // `start` goes back only where supervisord's clock was set back, and says nothing then. An attempt that
    // brought no process came after this one, even within the same second.
    let is_the_last = later.start <= earlier.start && !could_not_spawn(later);
    if later.pid == 0 && is_the_last {
        let mut steps = ended(earlier.state, later);
        if let Some(end) = steps.first_mut() {
            end.pid = earlier.pid;
            end.uptime_seconds = seconds(earlier.start, later.stop);
        }
        return steps;
    }
    // A crash with what supervisord did about it and an operator's restart look the same from here.
    let (end, cause, expected) = match earlier.state {
        ProcessState::Stopping => (ProcessState::Stopped, Cause::Operator, Some(true)),
        ProcessState::Starting => (ProcessState::Backoff, Cause::Unknown, None),
        ProcessState::Stopped
        | ProcessState::Running
        | ProcessState::Backoff
        | ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => (ProcessState::Exited, Cause::Unknown, None),
    };
    let death = Step::new(earlier.state, end, earlier.pid, cause);
    let mut steps = vec![Step {
        expected,
        died: true,
        ..death
    }];
    steps.extend(life_from(end, cause, later));
    steps
}

/// Nothing was alive at the earlier look.
fn after_rest(earlier: &Process, later: &Process, about: Circumstances) -> Vec<Step> {
    let reaped = later.stop != earlier.stop;
    let cause = start_cause(earlier.state, earlier.start != 0, about);
    if later.pid == 0 && !reaped && later.start == earlier.start {
        return if later.state == earlier.state {
            Vec::new()
        } else {
            ended(earlier.state, later)
        };
    }
    if later.pid == 0 || !reaped {
        return life_from(earlier.state, cause, later);
    }
    let starting = ProcessState::Starting;
    let end = if later.state == starting {
        ProcessState::Backoff
    } else {
        ProcessState::Exited
    };
    let unseen = Step::new(starting, end, 0, Cause::Unknown);
    vec![
        Step::new(earlier.state, starting, 0, cause),
        Step {
            died: true,
            ..unseen
        },
        Step::new(end, later.state, later.pid, Cause::Unknown),
    ]
}

/// The steps of a life that began at rest in `from`, up to the later look.
fn life_from(from: ProcessState, cause: Cause, later: &Process) -> Vec<Step> {
    if later.pid != 0 {
        return vec![Step::new(from, later.state, later.pid, cause)];
    }
    let mut steps = vec![Step::new(from, ProcessState::Starting, 0, cause)];
    let mut end = ended(ProcessState::Starting, later);
    if let Some(death) = end.first_mut().filter(|step| step.died) {
        death.uptime_seconds = seconds(later.start, later.stop);
    }
    steps.append(&mut end);
    steps
}

/// The steps into the state of rest that `later` shows, with what that state tells of the end.
fn ended(from: ProcessState, later: &Process) -> Vec<Step> {
    let died = from.is_alive() && lived(later);
    let step = Step {
        died,
        ..Step::new(from, later.state, 0, Cause::Unknown)
    };
    match later.state {
        ProcessState::Exited => {
            let expected = later.spawn_error.is_empty();
            let cause = if expected {
                Cause::ExpectedExit
            } else {
                Cause::Crash
            };
            vec![Step {
                exit: exit_of(later),
                expected: Some(expected),
                cause,
                ..step
            }]
        }
        ProcessState::Stopped if was_stopped_in_backoff(later) => {
            let backoff = ProcessState::Backoff;
            let failure = Step {
                to: backoff,
                expected: died.then_some(false),
                cause: failure_cause(later),
                ..step
            };
            let stop = Step::new(backoff, later.state, 0, Cause::Operator);
            vec![failure, stop]
        }
        ProcessState::Stopped => vec![Step {
            exit: exit_of(later).filter(|_| died),
            expected: died.then_some(true),
            cause: Cause::Operator,
            ..step
        }],
        ProcessState::Backoff | ProcessState::Fatal => vec![Step {
            expected: died.then_some(false),
            cause: failure_cause(later),
            ..step
        }],
        ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => vec![step],
    }
}

/// Whether the last attempt to spawn the program, which rests, brought a process that was reaped.
pub(super) fn lived(process: &Process) -> bool {
    match process.state {
        ProcessState::Exited => true,
        ProcessState::Stopped | ProcessState::Backoff | ProcessState::Fatal => {
            failure_cause(process) == Cause::Crash
        }
        ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => false,
    }
}

/// Whether the last attempt to spawn the program, which rests, brought no process.
fn could_not_spawn(process: &Process) -> bool {
    match process.state {
        ProcessState::Stopped | ProcessState::Backoff | ProcessState::Fatal => !lived(process),
        ProcessState::Exited
        | ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => false,
    }
}

/// A stop in BACKOFF leaves `spawnerr` as it is; one that ends a process finds it empty.
fn was_stopped_in_backoff(process: &Process) -> bool {
    process.state == ProcessState::Stopped && !process.spawn_error.is_empty()
}

/// How the last process ended, which supervisord tells only in EXITED and STOPPED.
pub fn exit_of(process: &Process) -> Option<Exit> {
    match process.state {
        // The code is erased in BACKOFF.
        ProcessState::Stopped if was_stopped_in_backoff(process) => None,
        ProcessState::Exited | ProcessState::Stopped if process.stop != 0 => {
            Some(if process.exit_status < 0 {
                Exit::UnknownSignal
            } else {
                Exit::Code(process.exit_status)
            })
        }
        ProcessState::Exited
        | ProcessState::Stopped
        | ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => None,
    }
}

/// process.py's words for a process that lived, and not for `startsecs`.
pub(super) const TOO_QUICKLY: &str = "Exited too quickly (process log may have details)";

/// Any other text than [`TOO_QUICKLY`] says why no process could be made.
pub(super) fn failure_cause(process: &Process) -> Cause {
    if process.spawn_error == TOO_QUICKLY || process.spawn_error.is_empty() {
        Cause::Crash
    } else {
        Cause::SpawnError
    }
}

/// Who starts a program that rests in this state.
///
/// `had_life`: whether it was ever started under this supervisord.
pub(super) fn start_cause(state: ProcessState, had_life: bool, about: Circumstances) -> Cause {
    match state {
        ProcessState::Exited | ProcessState::Fatal if about.retrying => Cause::Retry,
        ProcessState::Backoff => Cause::Autorestart,
        ProcessState::Exited if !about.settled => Cause::Autorestart,
        // supervisord's autostart, unless supervigil was not there to see that it has just begun.
        ProcessState::Stopped if !about.settled && !had_life => {
            if about.renewed {
                Cause::SupervisordRestart
            } else {
                Cause::Unknown
            }
        }
        ProcessState::Exited | ProcessState::Stopped | ProcessState::Fatal => Cause::Operator,
        ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => Cause::Unknown,
    }
}

/// The seconds between two readings of supervisord's clock; none when it was set back in between.
fn seconds(from: i64, to: i64) -> Option<u64> {
    if from == 0 {
        None
    } else {
        u64::try_from(to.saturating_sub(from)).ok()
    }
}

#[cfg(test)]
mod tests;
