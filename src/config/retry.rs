//! `[retry]`, and what `[[program]] retry` overrides of it.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    check,
    problem::Fault,
    raw::Section,
    value::{self, LONGEST},
};
use crate::engine::RetrySettings;

/// A delay; none at all would hammer a program that cannot start.
const DELAY: RangeInclusive<Duration> = Duration::from_millis(100)..=LONGEST;

/// How long a program must run for its budget to be full again; 0 makes attempts unlimited.
const RESET_AFTER: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

/// Attempts, starts at once, starts a minute: a thousand is beyond any host.
const COUNT: RangeInclusive<u32> = 1..=1000;

/// Reads the table; what it leaves out is as in `base`.
pub(super) fn read(section: &mut Section<'_>, base: &RetrySettings) -> RetrySettings {
    let on = section.list("on", "write texts in quotes", |text| {
        value::choice(
            text,
            &[("FATAL", Trigger::Fatal), ("EXITED", Trigger::Exited)],
        )
    });
    let (on_fatal, on_exited) = on.map_or((base.on_fatal, base.on_exited), |on| {
        (
            on.value.contains(&Trigger::Fatal),
            on.value.contains(&Trigger::Exited),
        )
    });
    let max_attempts = section.whole("max_attempts", &COUNT, "is too many");
    let backoff = section.duration("backoff", &DELAY);
    let backoff_max = section.duration("backoff_max", &DELAY);
    check::backoff(section, backoff.as_ref(), backoff_max.as_ref(), base);
    RetrySettings {
        on_fatal,
        on_exited,
        max_attempts: max_attempts.unwrap_or(base.max_attempts),
        backoff: backoff.map_or(base.backoff, |backoff| backoff.value),
        backoff_max: backoff_max.map_or(base.backoff_max, |backoff| backoff.value),
        jitter: section.share("jitter", true).unwrap_or(base.jitter),
        reset_after: section
            .duration("reset_after", &RESET_AFTER)
            .map_or(base.reset_after, |after| after.value),
        probe_interval: section
            .parsed(
                "probe_interval",
                "write \"never\", or a duration such as \"30m\"",
                probe,
            )
            .map_or(base.probe_interval, |interval| interval.value),
        max_concurrent: section
            .whole("max_concurrent", &COUNT, "is too many")
            .unwrap_or(base.max_concurrent),
        max_per_minute: section
            .whole("max_per_minute", &COUNT, "is too many")
            .unwrap_or(base.max_per_minute),
    }
}

/// An empty `[retry]`.
pub(super) fn defaults() -> RetrySettings {
    RetrySettings {
        on_fatal: true,
        on_exited: false,
        max_attempts: 5,
        backoff: Duration::from_secs(10),
        backoff_max: Duration::from_secs(5 * 60),
        jitter: 0.2,
        reset_after: Duration::from_secs(10 * 60),
        probe_interval: Some(Duration::from_secs(30 * 60)),
        max_concurrent: 2,
        max_per_minute: 10,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Fatal,
    Exited,
}

fn probe(text: &str) -> Result<Option<Duration>, Fault> {
    if text == "never" {
        return Ok(None);
    }
    value::duration(text, &DELAY)
        .map(Some)
        .map_err(|fault| Fault {
            fix: format!("{}, or \"never\"", fault.fix),
            ..fault
        })
}
