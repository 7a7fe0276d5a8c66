//! Starting what supervisord gave up on.
//!
//! Owns the plan and the budget of one program's starts. A plan goes round like this:
//!
//! | plan | event | becomes |
//! |---|---|---|
//! | idle | the program is down for good | due, after a delay that doubles |
//! | due | its time has come and the gate is open | starting; the budget is less by one |
//! | due | its time has come and the gate is shut | blocked, with the reason |
//! | blocked | the gate is open | starting; the budget is less by one |
//! | due, blocked | the program is not down any more | idle |
//! | starting | supervisord answered | observing, or idle |
//! | observing | it runs, or is down again | idle, with the attempt's outcome |
//! | any | somebody else acted on the program | idle, with a full budget |
//!
//! Every wait has a [`Wait`], which logs, metrics and messages render. The record says all of it that
//! a restart of supervigil must not lose: an attempt under way goes on being observed.

use std::time::Duration;

use super::{
    AttemptOutcome, RetrySettings, StartOutcome, Wait, backoff,
    gate::{Gate, Guard, MINUTE},
};
use crate::model::{Moment, Next, Process, ProcessState, RetryRecord};

/// How long an attempt may take before it counts as lost. Four spawns of a program with
/// `startsecs=120` take eight minutes.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Attempts of one program that the limit per minute remembers. With the shortest `backoff` of a
/// second there are six in a minute; a wall clock that was set back keeps old ones for longer.
const RECENT_MAX: usize = 16;
/// How old a look may be that is taken in after a start was accepted, where supervisord's clock does
/// not tell: longer than a poll that began before it can take (`timeout` is 5 s by default). Such a look
/// shows the program as it was.
const STALE_LOOK: Duration = Duration::from_secs(30);

/// One program's retries.
#[derive(Debug, Default)]
pub(super) struct Retry {
    pub record: RetryRecord,
    plan: Plan,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Plan {
    #[default]
    Idle,
    Due(Moment),
    Blocked {
        due: Moment,
        why: Wait,
        /// When the gate opens by itself; none: when something else happens.
        until: Option<Moment>,
    },
    Starting {
        start_before: i64,
    },
    Observing {
        since: Moment,
        /// The `start` of the failure that the attempt answers; none once another was seen.
        start_before: Option<i64>,
        /// supervisord's clock by which the start was over, where that is known.
        over_by: Option<i64>,
    },
}

/// What the retries of a program come to, at one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decision {
    /// Nothing to do.
    Rest,
    /// An attempt ended.
    Ended(AttemptOutcome),
    /// The budget was used up just now.
    Exhausted,
    /// The start is due but has to wait.
    Wait(Wait),
    /// Start it.
    Start,
}

impl Retry {
    /// The retries of a program that was seen last as `process`, from what was written down.
    pub(super) fn restored(record: RetryRecord, process: &Process, now: Moment) -> Self {
        let begun = record.last_attempt_at.filter(|_| record.under_way);
        let start_before = match process.state {
            ProcessState::Fatal | ProcessState::Exited => Some(process.start),
            ProcessState::Stopped
            | ProcessState::Starting
            | ProcessState::Running
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => None,
        };
        let plan = begun.map_or(Plan::Idle, |at| Plan::Observing {
            since: now.of_wall(at.min(now.wall)),
            start_before,
            over_by: None,
        });
        Self { record, plan }
    }

    /// Whether a start that is seen at present may be ours.
    pub(super) fn may_have_started(&self) -> bool {
        match self.plan {
            Plan::Starting { .. } | Plan::Observing { .. } => true,
            Plan::Idle | Plan::Due(_) | Plan::Blocked { .. } => false,
        }
    }

    /// Somebody else acted on the program: it is theirs, with a full budget.
    ///
    /// A call that is out stays in the plan: its answer is still to come, and no other is made before.
    pub(super) fn reset(&mut self) {
        if !matches!(self.plan, Plan::Starting { .. }) {
            self.plan = Plan::Idle;
        }
        self.record = RetryRecord {
            // The limit per minute counts them all the same.
            recent: std::mem::take(&mut self.record.recent),
            ..RetryRecord::default()
        };
    }

    /// When the next start is due; in the past where it is held back.
    pub(super) fn due(&self) -> Option<Moment> {
        match self.plan {
            Plan::Due(at) | Plan::Blocked { due: at, .. } => Some(at),
            Plan::Idle | Plan::Starting { .. } | Plan::Observing { .. } => None,
        }
    }

    /// When the plan is to be looked at again though nothing happens.
    pub(super) fn wake(&self) -> Option<Moment> {
        match self.plan {
            Plan::Due(at) => Some(at),
            Plan::Blocked { until, .. } => until,
            Plan::Idle | Plan::Starting { .. } | Plan::Observing { .. } => None,
        }
    }

    /// Takes an attempt's outcome off the plan, once the look at the program at `seen_at` shows it.
    pub(super) fn observe(&mut self, process: &Process, seen_at: Moment) -> Decision {
        let Plan::Observing {
            since,
            start_before,
            over_by,
        } = self.plan
        else {
            return Decision::Rest;
        };
        let waited = seen_at.since(since);
        let outcome = match process.state {
            ProcessState::Running => Some(AttemptOutcome::Running),
            ProcessState::Fatal | ProcessState::Exited => {
                let is_new = Some(process.start) != start_before
                    || over_by.is_some_and(|over_by| process.now > over_by);
                (is_new || waited >= STALE_LOOK).then_some(AttemptOutcome::Failed)
            }
            ProcessState::Starting | ProcessState::Backoff => {
                // The attempt itself: the next failure is its own, even within the same second.
                let start_before = None;
                self.plan = Plan::Observing {
                    since,
                    start_before,
                    over_by,
                };
                None
            }
            ProcessState::Stopped
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => None,
        };
        let late = (waited >= ATTEMPT_LIMIT).then_some(AttemptOutcome::Timeout);
        let Some(outcome) = outcome.or(late) else {
            return Decision::Rest;
        };
        self.conclude();
        Decision::Ended(outcome)
    }

    /// What to do about a program that is down for good and shows `start_before` as its `start`.
    pub(super) fn decide(
        &mut self,
        settings: &RetrySettings,
        gate: &mut Gate,
        start_before: i64,
        luck: f64,
        now: Moment,
    ) -> Decision {
        let (due, told) = match self.plan {
            Plan::Starting { .. } | Plan::Observing { .. } => return Decision::Rest,
            Plan::Idle => return self.plan_next(settings, luck, now),
            Plan::Due(at) if now.monotonic < at.monotonic => return Decision::Rest,
            Plan::Due(at) => (at, None),
            Plan::Blocked { due, why, .. } => (due, Some(why)),
        };
        let Err((why, until)) = gate.admit(settings, now) else {
            self.plan = Plan::Starting { start_before };
            self.record.attempts = self.record.attempts.saturating_add(1);
            self.record.last_attempt_at = Some(now.wall);
            self.remember(now);
            self.record.next_attempt_at = None;
            self.record.under_way = true;
            return Decision::Start;
        };
        self.plan = Plan::Blocked { due, why, until };
        if let Some(until) = until {
            self.record.next_attempt_at = Some(until.wall);
        }
        if told == Some(why) {
            Decision::Rest
        } else {
            Decision::Wait(why)
        }
    }

    fn remember(&mut self, now: Moment) {
        let recent = &mut self.record.recent;
        recent.retain(|at| now.wall_since(*at) < MINUTE);
        let surplus = recent.len().saturating_add(1).saturating_sub(RECENT_MAX);
        recent.drain(..surplus);
        recent.push(now.wall);
    }

    fn plan_next(&mut self, settings: &RetrySettings, luck: f64, now: Moment) -> Decision {
        let spent = self.record.attempts >= settings.max_attempts;
        let wait = if spent {
            settings
                .probe_interval
                .map(|plain| backoff::vary(plain, settings.jitter, luck))
        } else if self.record.needs_human.is_some() {
            Some(backoff::vary(settings.backoff_max, settings.jitter, luck))
        } else {
            Some(backoff::delay(settings, self.record.attempts, luck))
        };
        let at = wait.map(|wait| {
            let fresh = now.after(wait);
            // A plan that was written down holds, but for a wall clock that was set back since.
            let kept = self.record.next_attempt_at.map(|at| now.of_wall(at));
            kept.filter(|kept| kept.monotonic < fresh.monotonic)
                .unwrap_or(fresh)
        });
        self.record.next_attempt_at = at.map(|at| at.wall);
        self.plan = at.map_or(Plan::Idle, Plan::Due);
        if spent && !self.record.exhausted {
            self.record.exhausted = true;
            return Decision::Exhausted;
        }
        Decision::Rest
    }

    /// Nothing is to be started: the program is not down for good.
    pub(super) fn stand_down(&mut self) {
        if !self.may_have_started() {
            self.plan = Plan::Idle;
        }
        self.record.next_attempt_at = None;
    }

    /// Takes supervisord's answer to a start in.
    pub(super) fn answered(&mut self, outcome: &StartOutcome, now: Moment) -> Decision {
        let Plan::Starting { start_before } = self.plan else {
            return Decision::Rest;
        };
        if let StartOutcome::Observe { over_by } = *outcome {
            self.record.needs_human = None;
            self.plan = Plan::Observing {
                since: now,
                start_before: Some(start_before),
                over_by,
            };
            return Decision::Rest;
        }
        self.conclude();
        match outcome {
            StartOutcome::Observe { .. } => Decision::Rest,
            StartOutcome::Changed => {
                self.refund();
                Decision::Wait(Wait::Changed)
            }
            StartOutcome::ShuttingDown => {
                self.refund();
                Decision::Wait(Wait::Suspended)
            }
            StartOutcome::NeedsHuman(why) => {
                self.refund();
                self.record.needs_human = Some(why.clone());
                Decision::Ended(AttemptOutcome::Fault)
            }
            StartOutcome::Gone => {
                self.reset();
                Decision::Ended(AttemptOutcome::Fault)
            }
            StartOutcome::Failed(_) => Decision::Ended(AttemptOutcome::Fault),
        }
    }

    fn conclude(&mut self) {
        self.plan = Plan::Idle;
        self.record.under_way = false;
    }

    /// Nothing was spawned: the attempt does not count.
    fn refund(&mut self) {
        self.record.attempts = self.record.attempts.saturating_sub(1);
    }

    /// What supervigil does next about a failed program, in the words that people are told.
    pub(super) fn next(&self, settings: &RetrySettings, guard: Option<Guard>) -> Next {
        if self.may_have_started() {
            let (number, of) = (self.record.attempts, settings.max_attempts);
            return Next::Starting { number, of };
        }
        let at = self.record.next_attempt_at;
        if let Some(why) = &self.record.needs_human {
            return Next::NeedsHuman {
                why: why.clone(),
                at,
            };
        }
        if let Some(guard) = guard {
            let Guard {
                fatal,
                programs,
                until,
            } = guard;
            return Next::HostGuard {
                fatal,
                programs,
                until: until.wall,
            };
        }
        let attempts = self.record.attempts;
        match at {
            Some(at) if attempts < settings.max_attempts => Next::Attempt {
                number: attempts.saturating_add(1),
                of: settings.max_attempts,
                at,
            },
            None if attempts < settings.max_attempts => Next::Nothing,
            Some(_) | None => Next::Probe { attempts, at },
        }
    }
}
