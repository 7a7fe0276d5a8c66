//! Recurring maintenance windows: when one is open, and when that changes.

use std::collections::BTreeSet;

use globset::GlobMatcher;
use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

/// `[[maintenance]]`.
#[derive(Debug, Clone)]
pub struct Window {
    /// Matches what nobody is told of: `name`, `group:name` or `server/group:name`; `server/` for a
    /// supervisord itself.
    pub matcher: GlobMatcher,
    /// The days on which it opens.
    pub days: BTreeSet<u8>,
    /// When it opens.
    pub from: Time,
    /// When it closes: on the next day where that is not after `from`.
    pub to: Time,
    /// Whose clock that is.
    pub zone: TimeZone,
    /// Whether nothing is started meanwhile that matches.
    pub pause_retries: bool,
}

/// The number of a day in [`Window::days`]: 1 for Monday, 7 for Sunday.
pub fn day_number(day: Weekday) -> u8 {
    day.to_monday_one_offset().unsigned_abs()
}

impl Window {
    /// When it closes, where it is open.
    pub(super) fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        let openings = self.around(now, 0);
        let open = openings.filter(|(from, to)| *from <= now && now < *to);
        open.map(|(_, to)| to).max()
    }

    /// When it opens or closes next; none where no day is left to come.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let bounds = self.around(now, 7).flat_map(|(from, to)| [from, to]);
        bounds.filter(|bound| *bound > now).min()
    }

    /// From yesterday on, as one that crosses midnight may still be open, to so many days ahead.
    fn around(
        &self,
        now: Timestamp,
        ahead: i32,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = self.zone.to_datetime(now).date();
        (-1..=ahead).filter_map(move |days| self.on(today.checked_add(days.days()).ok()?))
    }

    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&day_number(date.weekday())) {
            return None;
        }
        let last = if self.to > self.from {
            date
        } else {
            date.tomorrow().ok()?
        };
        // An hour that a change of the clocks leaves out is the one after it.
        let at = |date: Date, time| self.zone.to_timestamp(date.to_datetime(time)).ok();
        Some((at(date, self.from)?, at(last, self.to)?))
    }
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::*;

    fn window(days: &[u8], from: &str, to: &str, zone: &str) -> Window {
        Window {
            matcher: Glob::new("*").unwrap().compile_matcher(),
            days: days.iter().copied().collect(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            pause_retries: false,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_open_from_its_beginning_to_its_end_on_its_days() {
        // 2026-11-25 is a Wednesday.
        let window = window(&[3], "02:00", "04:00", "Asia/Shanghai");
        let end = at("2026-11-24T20:00:00Z");
        for (now, open) in [
            ("2026-11-24T17:59:59Z", false),
            ("2026-11-24T18:00:00Z", true),
            ("2026-11-24T19:59:59Z", true),
            ("2026-11-24T20:00:00Z", false),
            ("2026-11-25T18:00:00Z", false),
        ] {
            let expected = open.then_some(end);
            assert_eq!(window.open_until(at(now)), expected, "{now}");
        }
        let opens = at("2026-11-24T18:00:00Z");
        assert_eq!(window.next_change(at("2026-11-24T10:00:00Z")), Some(opens));
        assert_eq!(window.next_change(opens), Some(end));
        let a_week_later = at("2026-12-01T18:00:00Z");
        assert_eq!(window.next_change(end), Some(a_week_later));
    }

    #[test]
    fn one_that_crosses_midnight_belongs_to_the_day_on_which_it_opens() {
        let window = window(&[7], "23:00", "01:00", "UTC");
        let end = at("2026-11-30T01:00:00Z");
        assert_eq!(window.open_until(at("2026-11-30T00:30:00Z")), Some(end));
        assert_eq!(window.open_until(at("2026-11-29T00:30:00Z")), None);
    }

    #[test]
    fn one_from_midnight_to_midnight_is_the_whole_day() {
        let window = window(&[3], "00:00", "00:00", "UTC");
        let end = at("2026-11-26T00:00:00Z");
        assert_eq!(window.open_until(at("2026-11-25T00:00:00Z")), Some(end));
        assert_eq!(window.open_until(at("2026-11-25T23:59:59Z")), Some(end));
        assert_eq!(window.open_until(end), None);
    }

    #[test]
    fn it_goes_by_the_clocks_of_its_zone_when_they_change() {
        // Berlin's clocks went from 02:00 to 03:00 on 2026-03-29.
        let every_day = window(&[1, 2, 3, 4, 5, 6, 7], "01:30", "04:00", "Europe/Berlin");
        let end = at("2026-03-29T02:00:00Z");
        assert_eq!(every_day.open_until(at("2026-03-29T00:30:00Z")), Some(end));
        assert_eq!(every_day.open_until(end), None);
    }
}
