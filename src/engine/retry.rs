//! Starting what supervisord gave up on.
//!
//! Owns the plan and the budget of one program's starts. A plan goes round like this:
//!
//! | plan | event | becomes |
//! |---|---|---|
//! | idle | the program is down for good | due, after a delay that doubles |
//! | due | its time has come and the gate is open | starting; the budget is less by one |
//! | due | the program is not down any more, or somebody acted on it | idle |
//! | starting | supervisord answered | observing, or due again, or idle |
//! | observing | it runs, or is down again | idle, with the attempt's outcome |
//!
//! Every wait has a [`Wait`], which logs, metrics and messages render.

use std::time::Duration;

use super::{
    RetrySettings, backoff,
    gate::{Gate, Guard},
};
use crate::model::{Moment, Next, Process, ProcessState, RetryRecord};

/// How long an attempt may take before it counts as lost. Four spawns of a program with
/// `startsecs=120` take eight minutes.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long supervisord may still show the old state after it has accepted a start.
const STALE_LOOK: Duration = Duration::from_secs(3);

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
    Starting {
        start_before: i64,
    },
    Observing {
        since: Moment,
        start_before: i64,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The program runs.
    Running,
    /// It went down again.
    Failed,
    /// supervisord refused to start it.
    Fault,
    /// Neither was seen in time.
    Timeout,
}

impl AttemptOutcome {
    /// The name in labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Fault => "fault",
            Self::Timeout => "timeout",
        }
    }
}

/// Why a start that was due did not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// So many programs failed at once that it is the host's trouble.
    HostGuard,
    /// As many starts as allowed are under way.
    Concurrency,
    /// As many starts as allowed took place within the last minute.
    PerMinute,
    /// supervisord does not answer or is shutting down.
    Suspended,
    /// The program was not in the state that the plan was made for.
    Changed,
}

impl Wait {
    /// The name in labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostGuard => "host_guard",
            Self::Concurrency => "concurrency",
            Self::PerMinute => "rate",
            Self::Suspended => "suspended",
            Self::Changed => "changed",
        }
    }
}

/// What supervisord made of a start.
#[derive(Debug, Clone, PartialEq)]
pub enum StartOutcome {
    /// It spawned the program, found it started already, or tried and failed (`SPAWN_ERROR`,
    /// `ABNORMAL_TERMINATION`): what came of it shows in the polls.
    Observe,
    /// The program had changed when it was read again right before the call; nothing was called.
    Changed,
    /// The command is missing or not executable; supervisord's words.
    NeedsHuman(String),
    /// supervisord is shutting down; nothing was started.
    ShuttingDown,
    /// supervisord knows no such program.
    Gone,
    /// It refused for another reason, or the call failed; in one sentence.
    Failed(String),
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
    pub(super) fn restored(record: RetryRecord) -> Self {
        Self {
            record,
            plan: Plan::Idle,
        }
    }

    /// Whether a start that is seen at present may be ours.
    pub(super) fn may_have_started(&self) -> bool {
        matches!(self.plan, Plan::Starting { .. } | Plan::Observing { .. })
    }

    /// Somebody else acted on the program: it is theirs, with a full budget.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// When the next start is due.
    pub(super) fn due(&self) -> Option<Moment> {
        match self.plan {
            Plan::Due(at) => Some(at),
            Plan::Idle | Plan::Starting { .. } | Plan::Observing { .. } => None,
        }
    }

    /// Takes an attempt's outcome off the plan, once the program shows it.
    pub(super) fn observe(&mut self, process: &Process, now: Moment) -> Decision {
        let Plan::Observing {
            since,
            start_before,
        } = self.plan
        else {
            return Decision::Rest;
        };
        let waited = now.since(since);
        let outcome = match process.state {
            ProcessState::Running => AttemptOutcome::Running,
            ProcessState::Fatal | ProcessState::Exited
                if process.start != start_before || waited >= STALE_LOOK =>
            {
                AttemptOutcome::Failed
            }
            ProcessState::Fatal
            | ProcessState::Exited
            | ProcessState::Stopped
            | ProcessState::Starting
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_)
                if waited < ATTEMPT_LIMIT =>
            {
                return Decision::Rest;
            }
            ProcessState::Fatal
            | ProcessState::Exited
            | ProcessState::Stopped
            | ProcessState::Starting
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => AttemptOutcome::Timeout,
        };
        self.plan = Plan::Idle;
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
        match self.plan {
            Plan::Starting { .. } | Plan::Observing { .. } => Decision::Rest,
            Plan::Idle => self.plan_next(settings, luck, now),
            Plan::Due(at) if now.monotonic < at.monotonic => Decision::Rest,
            Plan::Due(_) => match gate.admit(settings, now) {
                Ok(()) => {
                    self.plan = Plan::Starting { start_before };
                    self.record.attempts = self.record.attempts.saturating_add(1);
                    self.record.last_attempt_at = Some(now.wall);
                    self.record.next_attempt_at = None;
                    Decision::Start
                }
                Err((why, until)) => {
                    self.plan_at(until);
                    Decision::Wait(why)
                }
            },
        }
    }

    fn plan_next(&mut self, settings: &RetrySettings, luck: f64, now: Moment) -> Decision {
        if let Some(at) = self.record.next_attempt_at {
            self.plan_at(now.of_wall(at));
            return Decision::Rest;
        }
        let spent = self.record.attempts >= settings.max_attempts;
        let wait = if self.record.needs_human.is_some() {
            Some(backoff::vary(settings.backoff_max, settings.jitter, luck))
        } else if spent {
            settings
                .probe_interval
                .map(|plain| backoff::vary(plain, settings.jitter, luck))
        } else {
            Some(backoff::delay(settings, self.record.attempts, luck))
        };
        if let Some(wait) = wait {
            self.plan_at(now.after(wait));
        }
        if spent && !self.record.exhausted {
            self.record.exhausted = true;
            return Decision::Exhausted;
        }
        Decision::Rest
    }

    fn plan_at(&mut self, at: Moment) {
        self.plan = Plan::Due(at);
        self.record.next_attempt_at = Some(at.wall);
    }

    /// Nothing is to be started: the program is not down for good.
    pub(super) fn stand_down(&mut self) {
        if let Plan::Due(_) = self.plan {
            self.plan = Plan::Idle;
        }
        self.record.next_attempt_at = None;
    }

    /// Takes supervisord's answer to a start in.
    pub(super) fn answered(&mut self, outcome: &StartOutcome, now: Moment) -> Decision {
        let Plan::Starting { start_before } = self.plan else {
            return Decision::Rest;
        };
        self.plan = Plan::Idle;
        match outcome {
            StartOutcome::Observe => {
                self.plan = Plan::Observing {
                    since: now,
                    start_before,
                };
                self.record.needs_human = None;
                Decision::Rest
            }
            StartOutcome::Changed => {
                self.record.attempts = self.record.attempts.saturating_sub(1);
                Decision::Wait(Wait::Changed)
            }
            StartOutcome::ShuttingDown => {
                self.record.attempts = self.record.attempts.saturating_sub(1);
                Decision::Wait(Wait::Suspended)
            }
            StartOutcome::NeedsHuman(why) => {
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

    /// What supervigil does next about a failed program, in the words that people are told.
    pub(super) fn next(&self, settings: &RetrySettings, guard: Option<Guard>) -> Next {
        if self.may_have_started() {
            return Next::Nothing;
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
