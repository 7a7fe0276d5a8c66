//! When people are reminded of an incident that goes on.
//!
//! The waits grow, and the last one repeats. They begin anew when the incident becomes worse.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Incident, Moment, Severity};

/// The next reminder of one incident.
#[derive(Debug, Default)]
pub(super) struct Reminder {
    /// What it follows, and the wait after that: when people were told last.
    after: Option<(Timestamp, Duration)>,
    due: Option<Moment>,
}

impl Reminder {
    /// Plans the next reminder of an incident; none where there is no incident.
    ///
    /// When people were told last is known by the wall clock, over restarts too. How long ago that is
    /// counts on the clock that does not jump, from the first time that it is planned.
    pub(super) fn plan(&mut self, incident: Option<&Incident>, waits: &[Duration], now: Moment) {
        let after = incident.and_then(|incident| after(incident, waits));
        if after == self.after {
            return;
        }
        self.after = after;
        self.due = after.map(|(told_at, wait)| {
            let due = told_at.saturating_add(wait).unwrap_or(Timestamp::MAX);
            now.of_wall(due)
        });
    }

    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.due.is_some_and(|due| due.monotonic <= now.monotonic)
    }

    /// When it is due.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }
}

fn after(incident: &Incident, waits: &[Duration]) -> Option<(Timestamp, Duration)> {
    let told_at = incident
        .told_at
        .filter(|_| incident.is_open() && incident.severity != Severity::None)?;
    let number = usize::try_from(incident.reminders).unwrap_or(usize::MAX);
    let wait = waits.get(number).or_else(|| waits.last())?;
    Some((told_at, *wait))
}
