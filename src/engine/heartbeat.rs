//! One line a day that says that supervigil watches, and what it saw.
//!
//! When it does not come, supervigil does not run, or does not reach anybody. So one that was due while
//! supervigil was not running is not made up for.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use super::{Effect, server::Server};
use crate::model::{Heartbeat, Moment, NoticeReason, ServerName};

/// `[alert] heartbeat`.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatSettings {
    /// The time of day.
    pub at: Time,
    /// By whose clock.
    pub zone: TimeZone,
}

impl HeartbeatSettings {
    /// The next time after `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let days = [today, today.tomorrow().ok()?];
        let times = days.map(|day| self.zone.to_timestamp(day.to_datetime(self.at)).ok());
        times.into_iter().flatten().find(|time| *time > now)
    }
}

/// What was seen since the last one.
#[derive(Debug)]
pub(super) struct Tally {
    since: Timestamp,
    deaths: u64,
    opened: u64,
    starts: u64,
    due: Option<Moment>,
}

impl Tally {
    pub(super) fn new(settings: Option<&HeartbeatSettings>, now: Moment) -> Self {
        Self {
            since: now.wall,
            deaths: 0,
            opened: 0,
            starts: 0,
            due: due(settings, now),
        }
    }

    /// Goes by other settings.
    pub(super) fn reconfigure(&mut self, settings: Option<&HeartbeatSettings>, now: Moment) {
        self.due = due(settings, now);
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Counts what happened.
    pub(super) fn count(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Detected { .. } => self.deaths = self.deaths.saturating_add(1),
                Effect::Start { .. } => self.starts = self.starts.saturating_add(1),
                Effect::Notice(notice) if notice.reason == NoticeReason::Opened => {
                    self.opened = self.opened.saturating_add(1);
                }
                Effect::Notice(_)
                | Effect::Record(_)
                | Effect::ReadLog { .. }
                | Effect::Look { .. }
                | Effect::PollNow { .. }
                | Effect::FeedJudged { .. }
                | Effect::AttemptEnded { .. }
                | Effect::Suppressed { .. }
                | Effect::StartWaits { .. } => {}
            }
        }
    }

    /// What there is to tell, where that is due; then it begins anew.
    pub(super) fn beat(
        &mut self,
        settings: Option<&HeartbeatSettings>,
        servers: &BTreeMap<ServerName, Server>,
        now: Moment,
    ) -> Option<Heartbeat> {
        self.due.filter(|due| due.monotonic <= now.monotonic)?;
        let programs = || servers.values().flat_map(|server| server.programs.values());
        let failing = programs().filter(|program| program.incident.is_some());
        let silent = servers.values().filter(|server| !server.gate.reachable);
        let beat = Heartbeat {
            since: self.since,
            supervisords: servers.len(),
            silent: silent.count(),
            programs: programs().count(),
            failing: failing.count(),
            deaths: self.deaths,
            opened: self.opened,
            starts: self.starts,
        };
        *self = Self::new(settings, now);
        Some(beat)
    }
}

fn due(settings: Option<&HeartbeatSettings>, now: Moment) -> Option<Moment> {
    let next = settings?.next(now.wall)?;
    Some(now.of_wall(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_a_day_by_the_clock_of_its_zone() {
        let settings = HeartbeatSettings {
            at: "09:00".parse().unwrap(),
            zone: TimeZone::get("Asia/Shanghai").unwrap(),
        };
        for (now, next) in [
            ("2026-11-25T00:59:59Z", "2026-11-25T01:00:00Z"),
            ("2026-11-25T01:00:00Z", "2026-11-26T01:00:00Z"),
            ("2026-11-25T23:00:00Z", "2026-11-26T01:00:00Z"),
        ] {
            let expected = next.parse().ok();
            assert_eq!(settings.next(now.parse().unwrap()), expected, "{now}");
        }
    }
}
