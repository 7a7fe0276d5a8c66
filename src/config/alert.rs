//! `[alert]`: one half of it is the engine's, the other the messages'.

use std::{ops::RangeInclusive, time::Duration};

use jiff::tz::TimeZone;
use regex::Regex;

use super::{
    check,
    raw::Section,
    value::{self, LONGEST},
};
use crate::{
    engine::{AlertSettings, HeartbeatSettings},
    notify::{EXPRESSIONS_MAX, Language},
};

/// A wait that may be none at all.
const WAIT: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

/// A span of time in which something must happen, and so takes some.
const SPAN: RangeInclusive<Duration> = Duration::from_millis(1)..=LONGEST;

/// Deaths or incidents in a span of time: more than this the history does not hold.
const EVENTS: RangeInclusive<u32> = 1..=1000;

/// Log lines in a message; DingTalk's 20,000 bytes hold about as many.
const LOG_LINES: RangeInclusive<u32> = 0..=200;

/// `[alert]`, read.
#[derive(Debug)]
pub(super) struct Alert {
    /// The engine's half.
    pub(super) engine: AlertSettings,
    /// The language of messages.
    pub(super) language: Language,
    /// Before the first message.
    pub(super) group_wait: Duration,
    /// Between messages.
    pub(super) group_interval: Duration,
    /// Lines of a program's log.
    pub(super) log_tail_lines: usize,
    /// What to hide in them.
    pub(super) redact: Vec<Regex>,
    /// When people are told each day that supervigil watches.
    pub(super) heartbeat: Option<HeartbeatSettings>,
}

/// Reads the table.
pub(super) fn read(section: &mut Section<'_>) -> Alert {
    let language = section.choice("language", &[("zh", Language::Zh), ("en", Language::En)]);
    let group_wait = duration(section, "group_wait", &WAIT, 1);
    let group_interval = duration(section, "group_interval", &WAIT, 60);
    let resolve_after = duration(section, "resolve_after", &WAIT, 60);
    let reminders = section.list("reminders", "write a duration in quotes", |text| {
        value::duration(text, &SPAN)
    });
    let log_tail_lines = section.whole("log_tail_lines", &LOG_LINES, "is too many");
    let redact = section.list(
        "redact",
        "write a regular expression in quotes",
        value::expression,
    );
    let heartbeat = heartbeat(section);
    if let Some(redact) = &redact {
        check::at_most(section, redact, EXPRESSIONS_MAX);
    }
    let (crash_loop_restarts, crash_loop_within) =
        section.table_or_empty("crash_loop", |section| rate(section, "restarts", 5));
    let (flapping_cycles, flapping_within) =
        section.table_or_empty("flapping", |section| rate(section, "cycles", 15));
    Alert {
        engine: AlertSettings {
            resolve_after,
            reminders: reminders.map_or_else(default_reminders, |reminders| reminders.value),
            crash_loop_restarts,
            crash_loop_within,
            flapping_cycles,
            flapping_within,
            unreachable_after: duration(section, "unreachable_after", &WAIT, 15),
        },
        language: language.unwrap_or(Language::Zh),
        group_wait,
        group_interval,
        log_tail_lines: log_tail_lines
            .and_then(|lines| usize::try_from(lines).ok())
            .unwrap_or(10),
        redact: redact.map(|redact| redact.value).unwrap_or_default(),
        heartbeat,
    }
}

/// A time of day by this machine's clock; empty, or left out: none.
fn heartbeat(section: &mut Section<'_>) -> Option<HeartbeatSettings> {
    let at = section.parsed("heartbeat", value::TIME_HINT, |text| match text {
        "" => Ok(None),
        text => value::time_of_day(text).map(Some),
    });
    Some(HeartbeatSettings {
        at: at?.value?,
        zone: TimeZone::system(),
    })
}

/// `{ restarts = 3, within = "5m" }`; three events unless said otherwise.
fn rate(section: &mut Section<'_>, key: &'static str, minutes: u64) -> (u32, Duration) {
    let events = section.whole(key, &EVENTS, "is too many");
    let within = duration(section, "within", &SPAN, minutes * 60);
    (events.unwrap_or(3), within)
}

fn duration(
    section: &mut Section<'_>,
    key: &'static str,
    bounds: &RangeInclusive<Duration>,
    default_seconds: u64,
) -> Duration {
    let default = Duration::from_secs(default_seconds);
    section
        .duration(key, bounds)
        .map_or(default, |duration| duration.value)
}

fn default_reminders() -> Vec<Duration> {
    [30, 60, 120, 240]
        .map(|minutes| Duration::from_secs(minutes * 60))
        .to_vec()
}
