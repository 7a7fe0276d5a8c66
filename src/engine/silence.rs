//! A supervisord that does not answer, and when that is an incident.
//!
//! One that says that it is shutting down does answer: somebody stops or reloads it, and it waits for
//! its programs to end. That is an incident only when it takes very long.

use std::time::Duration;

use super::{Context, PollFailure, incident, reminder::Reminder};
use crate::model::{Incident, Moment, NoticeReason, Outcome, ServerName};

/// How long a supervisord may be shutting down. It ends its programs together, each within its
/// `stopwaitsecs` (10 s by default, and people go up to a few minutes).
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// One poll that failed may be a blip, and at long intervals the next one is far.
const FAILURES_LEAST: u32 = 2;

/// What is known of a supervisord's silence.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Why the last poll failed; none when it did not.
    pub error: Option<String>,
    pub incident: Option<Incident>,
    reminder: Reminder,
    /// Whether people do not want to be told of it.
    is_muted: bool,
    failures: u32,
    since: Option<Moment>,
    leaving_since: Option<Moment>,
}

impl Silence {
    pub(super) fn restored(incident: Option<Incident>) -> Self {
        Self {
            incident,
            ..Self::default()
        }
    }

    /// It answered.
    pub(super) fn broken(&mut self, context: &mut Context<'_>) {
        incident::close(&mut self.incident, Outcome::Recovered, context);
        *self = Self::default();
    }

    /// It is not configured any more.
    pub(super) fn forget(&mut self, context: &mut Context<'_>) {
        incident::close(&mut self.incident, Outcome::Removed, context);
    }

    /// A poll failed.
    pub(super) fn goes_on(&mut self, failure: PollFailure, now: Moment) {
        self.error = Some(failure.message);
        self.failures = self.failures.saturating_add(1);
        if failure.shutting_down {
            self.since = None;
            self.leaving_since.get_or_insert(now);
        } else {
            self.since.get_or_insert(now);
        }
    }

    /// Opens the incident when it is due.
    pub(super) fn judge(&mut self, server: &ServerName, context: &mut Context<'_>) {
        let due = self.due(context.settings.alert.unreachable_after);
        let is_due = due.is_some_and(|due| context.now.monotonic >= due.monotonic);
        if self.incident.is_none() && is_due {
            let error = self.error.as_deref().unwrap_or_default();
            self.incident = Some(incident::unreachable(server, error, context));
        }
        self.is_muted = context.mutes(server, None).is_some();
        if let Some(incident) = self.incident.as_mut().filter(|_| !self.is_muted) {
            let reminder = self.reminder.is_due(context.now);
            let reminder = reminder.then_some(NoticeReason::Reminder);
            if let Some(reason) = incident.withheld.or(reminder) {
                incident::tell_alone(incident, reason, context);
            }
        }
        let waits = &context.settings.alert.reminders;
        self.reminder
            .plan(self.incident.as_ref(), waits, context.now);
    }

    /// When the silence becomes an incident, or people are reminded of that.
    pub(super) fn due(&self, unreachable_after: Duration) -> Option<Moment> {
        if self.incident.is_some() {
            return self.reminder.due().filter(|_| !self.is_muted);
        }
        if self.failures < FAILURES_LEAST {
            return None;
        }
        let silent = self.since.map(|since| since.after(unreachable_after));
        let leaving = self
            .leaving_since
            .map(|since| since.after(SHUTDOWN_LIMIT.max(unreachable_after)));
        let dues = silent.into_iter().chain(leaving);
        dues.min_by_key(|due| due.monotonic)
    }
}
