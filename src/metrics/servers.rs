//! The families of a supervisord.

use prometheus::proto::MetricFamily;

use super::{
    collector::Shown,
    family::{Declared, flag, length, number, seconds},
};
use crate::model::ProcessState;

const UP: Declared<1> = Declared::gauge(
    "supervisord_up",
    ["server"],
    "Whether the last poll of this supervisord succeeded (1) or not (0).",
);
const INSTANCE: Declared<4> = Declared::gauge(
    "supervisord_instance_info",
    ["server", "identification", "version", "api_version"],
    "Always 1; the labels say which supervisord answered last.",
);
const START: Declared<1> = Declared::gauge(
    "supervisord_start_time_seconds",
    ["server"],
    "When this run of supervisord started, or was first seen, in seconds since the epoch.",
);
const RESTARTS: Declared<1> = Declared::counter(
    "supervisord_restarts_total",
    ["server"],
    "Restarts and reloads of supervisord itself that were seen.",
);
const PROCESSES: Declared<2> = Declared::gauge(
    "supervisord_processes",
    ["server", "state"],
    "Programs of this supervisord that are in the state, all of them, whether or not they have series of their own.",
);
const LAST_SUCCESS: Declared<1> = Declared::gauge(
    "supervisord_last_poll_success_timestamp_seconds",
    ["server"],
    "When a poll last succeeded, in seconds since the epoch.",
);
const POLL_INTERVAL: Declared<1> = Declared::gauge(
    "supervisord_poll_interval_seconds",
    ["server"],
    "The interval of full polls as stretched at present, in seconds.",
);
const HINT_FEED_UP: Declared<2> = Declared::gauge(
    "supervigil_hint_feed_up",
    ["server", "feed"],
    "Whether the feed of instant hints works (1) or polling alone sees changes (0).",
);
const SERIES_DROPPED: Declared<1> = Declared::gauge(
    "supervigil_series_dropped",
    ["server"],
    "Programs that have no series of their own because they are beyond [http] max_processes.",
);

/// What there is to tell of each supervisord.
pub(super) fn families(all: &[Shown<'_>]) -> Vec<MetricFamily> {
    vec![
        UP.with(each(all, |shown| Some(flag(shown.server.up)))),
        INSTANCE.with(all.iter().filter_map(identity)),
        START.with(each(all, |shown| shown.server.started_at.map(seconds))),
        RESTARTS.with(each(all, |shown| Some(number(shown.server.restarts)))),
        PROCESSES.with(all.iter().filter(|shown| shown.fresh).flat_map(by_state)),
        LAST_SUCCESS.with(each(all, |shown| shown.server.last_success_at.map(seconds))),
        POLL_INTERVAL.with(each(all, |shown| {
            Some(shown.server.poll_interval.as_secs_f64())
        })),
        HINT_FEED_UP.with(all.iter().flat_map(|shown| {
            let name = shown.server.name.as_str();
            let feeds = shown.server.feeds_up.iter();
            feeds.map(move |(feed, is_up)| ([name, feed.name()], flag(*is_up)))
        })),
        SERIES_DROPPED.with(each(all, |shown| {
            let dropped = shown.server.processes.len() - shown.programs.len();
            Some(length(dropped))
        })),
    ]
}

fn each<'a>(
    all: &'a [Shown<'_>],
    value: impl Fn(&Shown<'_>) -> Option<f64>,
) -> impl Iterator<Item = ([&'a str; 1], f64)> {
    all.iter()
        .filter_map(move |shown| Some(([shown.server.name.as_str()], value(shown)?)))
}

fn identity<'a>(shown: &'a Shown<'_>) -> Option<([&'a str; 4], f64)> {
    let identity = shown.server.identity.as_ref()?;
    let labels = [
        shown.server.name.as_str(),
        &identity.identification,
        &identity.version,
        &identity.api_version,
    ];
    Some((labels, 1.0))
}

fn by_state<'a>(shown: &'a Shown<'_>) -> impl Iterator<Item = ([&'a str; 2], f64)> {
    ProcessState::KNOWN.into_iter().map(|state| {
        let processes = shown.server.processes.iter();
        let count = processes.filter(|process| process.state == state).count();
        ([shown.server.name.as_str(), state.name()], length(count))
    })
}
