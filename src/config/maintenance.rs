//! `[[maintenance]]`.

use std::collections::BTreeSet;

use jiff::{civil::Weekday, tz::TimeZone};

use super::{
    check,
    problem::Fault,
    raw::Section,
    value::{self, TIME_HINT, quote},
};
use crate::engine::{Window, day_number};

/// The days as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// All of them, in the order of the file.
pub(super) fn read(top: &mut Section<'_>) -> Vec<Window> {
    let windows = top.tables("maintenance", read_one);
    windows.into_iter().flatten().collect()
}

/// One window; none when it does not say what it is about, or when it is.
fn read_one(section: &mut Section<'_>) -> Option<Window> {
    for (key, fix) in [
        ("match", "add match = \"name\", or \"*\" for all"),
        ("from", "add from = \"02:00\""),
        ("to", "add to = \"04:00\""),
    ] {
        if !section.has(key) {
            section.report_missing(key, fix);
        }
    }
    let matcher = section.parsed("match", "write a pattern in quotes", value::glob);
    let days = section.list("days", "write days in quotes, such as \"sat\"", |text| {
        value::choice(text, &DAYS)
    });
    if let Some(days) = &days {
        check::not_empty(section, days, "it would never open");
    }
    let days = days.map_or_else(|| DAYS.map(|(_, day)| day).to_vec(), |days| days.value);
    let from = section.parsed("from", TIME_HINT, value::time_of_day);
    let to = section.parsed("to", TIME_HINT, value::time_of_day);
    let zone = section.parsed("timezone", "write a time zone in quotes", zone);
    let pause_retries = section.flag("pause_retries").unwrap_or(false);
    Some(Window {
        matcher: matcher?.value,
        days: days.into_iter().map(day_number).collect::<BTreeSet<_>>(),
        from: from?.value,
        to: to?.value,
        zone: zone.map_or_else(TimeZone::system, |zone| zone.value),
        pause_retries,
    })
}

fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text).map_err(|_unknown| {
        Fault::new(
            format!("{} is not a time zone of this machine", quote(text)),
            "write one such as \"Asia/Shanghai\" or \"UTC\", or leave it out for the machine's own",
        )
    })
}
