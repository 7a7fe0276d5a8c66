//! The families of a program.
//!
//! Gauges of the observed state go when what was seen grows old; counters stay for as long as the
//! program is configured.

use prometheus::proto::MetricFamily;

use super::{
    collector::Shown,
    family::{Declared, flag, number, seconds},
};
use crate::model::{Exits, ProcessState, ProcessView};

const STATE: Declared<4> = Declared::gauge(
    "supervisord_process_state",
    ["server", "group", "name", "state"],
    "Whether the program is in the state (1) or not (0); all 0 for a state that no known supervisord has.",
);
const STATE_CODE: Declared<3> = Declared::gauge(
    "supervisord_process_state_code",
    ["server", "group", "name"],
    "The program's state as supervisord's own code: 0 STOPPED, 10 STARTING, 20 RUNNING, 30 BACKOFF, 40 STOPPING, 100 EXITED, 200 FATAL, 1000 UNKNOWN.",
);
const UP: Declared<3> = Declared::gauge(
    "supervisord_process_up",
    ["server", "group", "name"],
    "Whether the program is RUNNING (1) or in any other state (0).",
);
const EXPECTED_UP: Declared<3> = Declared::gauge(
    "supervisord_process_expected_up",
    ["server", "group", "name"],
    "Whether the configuration expects the program to run (1) or takes any state (0).",
);
const START: Declared<3> = Declared::gauge(
    "supervisord_process_start_time_seconds",
    ["server", "group", "name"],
    "When the live process was started, in seconds since the epoch; absent when none is alive.",
);
const STATE_SINCE: Declared<3> = Declared::gauge(
    "supervisord_process_state_since_timestamp_seconds",
    ["server", "group", "name"],
    "Since when the program has been in its state, in seconds since the epoch.",
);
const LAST_EXIT: Declared<3> = Declared::gauge(
    "supervisord_process_last_exit_status",
    ["server", "group", "name"],
    "How the process ended, in EXITED and STOPPED: its exit code, or 128 + the signal; absent when unknown.",
);
const STARTS: Declared<3> = Declared::counter(
    "supervisord_process_starts_total",
    ["server", "group", "name"],
    "Starts of the program, by whomever.",
);
/// The counter of ends.
pub(super) const EXITS_NAME: &str = "supervisord_process_exits_total";
const EXITS: Declared<5> = Declared::counter(
    EXITS_NAME,
    ["server", "group", "name", "expected", "kind"],
    "Ends of the program's process, by whether its configuration expects them and by what ended it.",
);
const TRANSITIONS: Declared<4> = Declared::counter(
    "supervisord_process_transitions_total",
    ["server", "group", "name", "to"],
    "Changes of the program's state, by the state that they led to.",
);
const MISSED_BY_POLL: Declared<3> = Declared::counter(
    "supervisord_process_missed_by_poll_total",
    ["server", "group", "name"],
    "Deaths that polling alone would not have shown.",
);
const CRASH_LOOPING: Declared<3> = Declared::gauge(
    "supervisord_process_crash_looping",
    ["server", "group", "name"],
    "Whether the program keeps dying while supervisord keeps starting it (1) or not (0).",
);
const RETRY_EXHAUSTED: Declared<3> = Declared::gauge(
    "supervigil_retry_exhausted",
    ["server", "group", "name"],
    "Whether supervigil's attempts to start the program are used up (1) or not (0); absent when it is not retried.",
);
const RETRY_NEXT: Declared<3> = Declared::gauge(
    "supervigil_retry_next_timestamp_seconds",
    ["server", "group", "name"],
    "When supervigil starts the program next, in seconds since the epoch; absent when that is not planned.",
);

/// Tells each family of the programs that have series.
pub(super) fn each_family(
    all: &[Shown<'_>],
    compact_state: bool,
    tell: &mut dyn FnMut(MetricFamily),
) {
    if compact_state {
        tell(STATE_CODE.with(fresh(all, |p| Some(f64::from(p.state.code())))));
    } else {
        tell(STATE.with(state_set(all)));
    }
    tell(UP.with(fresh(all, |p| Some(flag(p.state == ProcessState::Running)))));
    tell(EXPECTED_UP.with(fresh(all, |p| Some(flag(p.expected_up)))));
    tell(START.with(fresh(all, |p| p.started_at.map(seconds))));
    tell(STATE_SINCE.with(fresh(all, |p| Some(seconds(p.state_since)))));
    tell(LAST_EXIT.with(fresh(all, |p| last_exit(p).map(f64::from))));
    tell(STARTS.with(each(all, |p| Some(number(p.counters.starts)))));
    tell(EXITS.with(exits(all)));
    tell(TRANSITIONS.with(transitions(all)));
    tell(MISSED_BY_POLL.with(each(all, |p| Some(number(p.counters.missed_by_poll)))));
    tell(CRASH_LOOPING.with(fresh(all, |p| Some(flag(p.crash_looping)))));
    tell(RETRY_EXHAUSTED.with(each(all, |p| p.retry.as_ref().map(|r| flag(r.exhausted)))));
    tell(RETRY_NEXT.with(each(all, |p| {
        p.retry.as_ref()?.next_attempt_at.map(seconds)
    })));
}

/// A program's labels and the program.
type Labelled<'a> = ([&'a str; 3], &'a ProcessView);

fn labelled<'a>(shown: &'a Shown<'_>) -> impl Iterator<Item = Labelled<'a>> {
    let server = shown.server.name.as_str();
    shown.programs.iter().map(move |process| {
        let program = &process.program;
        ([server, &*program.group, &*program.name], process)
    })
}

fn each<'a>(
    all: &'a [Shown<'_>],
    value: impl Fn(&ProcessView) -> Option<f64>,
) -> impl Iterator<Item = ([&'a str; 3], f64)> {
    all.iter()
        .flat_map(labelled)
        .filter_map(move |(labels, process)| Some((labels, value(process)?)))
}

fn fresh<'a>(
    all: &'a [Shown<'_>],
    value: impl Fn(&ProcessView) -> Option<f64>,
) -> impl Iterator<Item = ([&'a str; 3], f64)> {
    all.iter()
        .filter(|shown| shown.fresh)
        .flat_map(labelled)
        .filter_map(move |(labels, process)| Some((labels, value(process)?)))
}

fn state_set<'a>(all: &'a [Shown<'_>]) -> impl Iterator<Item = ([&'a str; 4], f64)> {
    all.iter()
        .filter(|shown| shown.fresh)
        .flat_map(labelled)
        .flat_map(|([server, group, name], process)| {
            ProcessState::KNOWN.map(|state| {
                let labels = [server, group, name, state.name()];
                (labels, flag(process.state == state))
            })
        })
}

fn exits<'a>(all: &'a [Shown<'_>]) -> impl Iterator<Item = ([&'a str; 5], f64)> {
    all.iter()
        .flat_map(labelled)
        .flat_map(|([server, group, name], process)| {
            by_kind(process.counters.exits).map(|(expected, kind, count)| {
                ([server, group, name, expected, kind], number(count))
            })
        })
}

fn by_kind(exits: Exits) -> [(&'static str, &'static str, u64); 6] {
    let Exits {
        expected_code,
        expected_signal,
        expected_unknown,
        unexpected_code,
        unexpected_signal,
        unexpected_unknown,
    } = exits;
    [
        ("true", "code", expected_code),
        ("true", "signal", expected_signal),
        ("true", "unknown", expected_unknown),
        ("false", "code", unexpected_code),
        ("false", "signal", unexpected_signal),
        ("false", "unknown", unexpected_unknown),
    ]
}

/// Every known state has its counter from the first sight of the program on: a counter that appears
/// with its first event hides that event from `increase()`.
fn transitions<'a>(all: &'a [Shown<'_>]) -> impl Iterator<Item = ([&'a str; 4], f64)> {
    all.iter()
        .flat_map(labelled)
        .flat_map(|([server, group, name], process)| {
            ProcessState::KNOWN.map(|state| {
                let counted = process.counters.transitions.get(state.name());
                let labels = [server, group, name, state.name()];
                (labels, number(counted.copied().unwrap_or_default()))
            })
        })
}

fn last_exit(process: &ProcessView) -> Option<i32> {
    match process.state {
        ProcessState::Exited | ProcessState::Stopped => process.exit?.status(),
        ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => None,
    }
}
