//! The families of supervigil's own doings that the published picture shows.

use prometheus::proto::MetricFamily;

use super::family::{Declared, flag, length, seconds};
use crate::model::{ChannelView, Kind, Published, Severity};

/// The database, where the label is `channel`: it takes what it is given, or it does not, as a channel
/// does, and the set of metrics has no other place for that.
pub const STORE: &str = "store";

const INCIDENTS_OPEN: Declared<2> = Declared::gauge(
    "supervigil_incidents_open",
    ["kind", "severity"],
    "Open incidents.",
);
const OUTBOX_LENGTH: Declared<1> = Declared::gauge(
    "supervigil_outbox_length",
    ["channel"],
    "Notices that wait for the channel; for \"store\", changes that wait for the database's disk.",
);
const OUTBOX_CAPACITY: Declared<1> = Declared::gauge(
    "supervigil_outbox_capacity",
    ["channel"],
    "Notices that may wait for the channel.",
);
const OUTBOX_OLDEST: Declared<1> = Declared::gauge(
    "supervigil_outbox_oldest_timestamp_seconds",
    ["channel"],
    "When the oldest notice that waits for the channel came about, in seconds since the epoch; absent when none waits.",
);
const CHANNEL_UP: Declared<1> = Declared::gauge(
    "supervigil_channel_up",
    ["channel"],
    "Whether the channel took the last message (1) or not (0); 1 before the first one; for \"store\", the database and the last write to it.",
);
const CHANNEL_FROZEN: Declared<1> = Declared::gauge(
    "supervigil_channel_frozen_until_timestamp_seconds",
    ["channel"],
    "Until when the receiver wants to hear nothing, in seconds since the epoch; absent when it listens.",
);
const CHANNEL_SUCCESS: Declared<1> = Declared::gauge(
    "supervigil_channel_last_success_timestamp_seconds",
    ["channel"],
    "When the receiver last took a message, in seconds since the epoch; absent before the first one.",
);
const BUILD: Declared<1> = Declared::gauge(
    "supervigil_build_info",
    ["version"],
    "Always 1; the label says which supervigil this is.",
);
const RELOAD_OK: Declared<0> = Declared::gauge(
    "supervigil_config_last_reload_successful",
    [],
    "Whether the configuration was good at the last reload, or else at the start (1), or not (0).",
);
const RELOAD_TIME: Declared<0> = Declared::gauge(
    "supervigil_config_last_reload_success_timestamp_seconds",
    [],
    "When the configuration in force was read, in seconds since the epoch.",
);

/// What there is to tell of incidents, channels, the database and the configuration.
pub(super) fn families(published: &Published) -> Vec<MetricFamily> {
    let channels = published.channels.as_slice();
    let config = &published.config;
    let store = &published.store;
    vec![
        INCIDENTS_OPEN.with(incidents_open(published)),
        OUTBOX_LENGTH.with(
            each(channels, |c| Some(length(c.length))).chain([([STORE], length(store.unsaved))]),
        ),
        OUTBOX_CAPACITY.with(each(channels, |c| Some(length(c.capacity)))),
        OUTBOX_OLDEST.with(each(channels, |c| c.oldest_at.map(seconds))),
        CHANNEL_UP.with(
            each(channels, |c| Some(flag(c.up))).chain([([STORE], flag(store.error.is_none()))]),
        ),
        CHANNEL_FROZEN.with(each(channels, |c| c.frozen_until.map(seconds))),
        CHANNEL_SUCCESS.with(each(channels, |c| c.last_success_at.map(seconds))),
        BUILD.with([([env!("CARGO_PKG_VERSION")], 1.0)]),
        RELOAD_OK.with([([], flag(config.last_reload_ok))]),
        RELOAD_TIME.with([([], seconds(config.loaded_at))]),
    ]
}

fn each(
    channels: &[ChannelView],
    value: impl Fn(&ChannelView) -> Option<f64>,
) -> impl Iterator<Item = ([&str; 1], f64)> {
    channels
        .iter()
        .filter_map(move |channel| Some(([channel.name.as_str()], value(channel)?)))
}

fn incidents_open(published: &Published) -> impl Iterator<Item = ([&'static str; 2], f64)> {
    Kind::ALL.into_iter().flat_map(|kind| {
        Severity::ALL.map(|severity| {
            let open = published.incidents.iter().filter(|incident| {
                incident.is_open() && incident.kind == kind && incident.severity == severity
            });
            ([kind.name(), severity.name()], length(open.count()))
        })
    })
}
