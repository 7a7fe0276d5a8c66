//! How often a program died and was started again, and how often it failed and recovered.
//!
//! A restart counts where supervisord started the program again after an end that it did not expect, and
//! neither supervigil nor an operator had a hand in it. By polls alone a restart cannot be told from an
//! operator's; such a one counts only beside a crash that is proved.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use crate::{
    engine::{AlertSettings, step::Step},
    model::{Cause, CycleRecord, Moment, ProcessState, Restarts},
};

/// Events of a kind that are remembered: as many as the configuration may ask for.
const EVENTS_MAX: usize = 1000;

/// One program's recent restarts and incidents.
#[derive(Debug, Default)]
pub(in crate::engine) struct Cycles {
    restarts: VecDeque<Restart>,
    /// When incidents were opened.
    openings: VecDeque<Moment>,
    /// How its last process ended.
    last_end: Option<Cause>,
}

#[derive(Debug, Clone, Copy)]
struct Restart {
    at: Moment,
    is_proved: bool,
}

impl Cycles {
    /// As an earlier run wrote them down.
    pub(in crate::engine) fn restored(record: &CycleRecord, now: Moment) -> Self {
        // A time ahead is from before the clock was set back.
        let moment = |at: &Timestamp| now.of_wall((*at).min(now.wall));
        let restart = |at| Restart {
            at: moment(at),
            is_proved: true,
        };
        Self {
            restarts: record.restarts.iter().map(restart).collect(),
            openings: record.openings.iter().map(moment).collect(),
            last_end: None,
        }
    }

    /// What a restart of supervigil must not lose.
    pub(in crate::engine) fn record(&self) -> CycleRecord {
        let proved = self.restarts.iter().filter(|restart| restart.is_proved);
        CycleRecord {
            restarts: proved.map(|restart| restart.at.wall).collect(),
            openings: self.openings.iter().map(|at| at.wall).collect(),
        }
    }

    /// Takes a step of the program in.
    pub(in crate::engine) fn take(&mut self, step: &Step, now: Moment) {
        if step.started() && step.from == ProcessState::Exited {
            let is_proved = match (self.last_end, step.cause) {
                (Some(Cause::Crash), Cause::Autorestart) => Some(true),
                (Some(Cause::Unknown), Cause::Autorestart | Cause::Unknown) => Some(false),
                _ => None,
            };
            if let Some(is_proved) = is_proved {
                let at = step.noticed.unwrap_or(now);
                push(&mut self.restarts, Restart { at, is_proved });
            }
        }
        if step.died {
            self.last_end = Some(step.cause);
        }
        if matches!(step.cause, Cause::Operator | Cause::SupervisordRestart) {
            self.restarts.clear();
        }
    }

    /// An incident is over: what comes is counted anew.
    pub(in crate::engine) fn closed(&mut self) {
        self.restarts.clear();
    }

    /// An incident was opened.
    pub(in crate::engine) fn opened(&mut self, now: Moment) {
        push(&mut self.openings, now);
    }

    /// Forgets what is too old to count.
    pub(in crate::engine) fn forget(&mut self, alert: &AlertSettings, now: Moment) {
        let is_recent = |at: Moment, within: Duration| now.since(at) <= within;
        self.restarts
            .retain(|restart| is_recent(restart.at, alert.crash_loop_within));
        self.openings
            .retain(|at| is_recent(*at, alert.flapping_within));
    }

    /// The restarts within the window, where they make a crash loop.
    pub(in crate::engine) fn crash_loop(&self, alert: &AlertSettings) -> Option<Restarts> {
        let is_proved = self.restarts.iter().any(|restart| restart.is_proved);
        let count = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        (is_proved && count >= alert.crash_loop_restarts).then_some(Restarts {
            count,
            within_seconds: alert.crash_loop_within.as_secs(),
        })
    }

    /// Whether another incident makes it one that fails and recovers over and over.
    pub(in crate::engine) fn is_flapping(&self, alert: &AlertSettings) -> bool {
        let openings = u32::try_from(self.openings.len()).unwrap_or(u32::MAX);
        openings.saturating_add(1) >= alert.flapping_cycles
    }
}

fn push<T>(events: &mut VecDeque<T>, event: T) {
    if events.len() >= EVENTS_MAX {
        events.pop_front();
    }
    events.push_back(event);
}
