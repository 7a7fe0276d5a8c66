//! What holds back the starts of one supervisord's programs, whichever program it is.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{RetrySettings, retry::Wait};
use crate::model::{Moment, ProgramName};

/// The window of `max_per_minute` and of the host guard.
const MINUTE: Duration = Duration::from_secs(60);
/// How soon a start is tried again that found all places taken.
const PLACE_WAIT: Duration = Duration::from_secs(1);
/// Fewer programs than this failing together say nothing about the host.
const HOST_GUARD_LEAST: usize = 3;

/// The gate in front of all starts of one supervisord.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Whether the last poll succeeded.
    pub reachable: bool,
    /// Starts under way.
    pub under_way: u32,
    /// Starts within the last minute.
    started: VecDeque<Moment>,
    /// When programs went FATAL by themselves within the last minute.
    fatal: BTreeMap<ProgramName, Moment>,
    guard: Option<Guard>,
}

/// Starts wait because more than half of the programs went FATAL within a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Guard {
    pub fatal: u32,
    pub programs: u32,
    pub until: Moment,
}

impl Gate {
    /// A program went FATAL, and not after a start of ours.
    pub(super) fn went_fatal(&mut self, program: &ProgramName, programs: usize, now: Moment) {
        self.fatal.insert(program.clone(), now);
        self.fatal.retain(|_, at| now.since(*at) < MINUTE);
        let fatal = self.fatal.len();
        if fatal >= HOST_GUARD_LEAST && fatal.saturating_mul(2) > programs {
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let until = now.after(MINUTE);
            self.guard = Some(Guard {
                fatal: count(fatal),
                programs: count(programs),
                until,
            });
        }
    }

    /// The host guard, while it holds.
    pub(super) fn guard(&self, now: Moment) -> Option<Guard> {
        self.guard
            .filter(|guard| now.monotonic < guard.until.monotonic)
    }

    /// Lets one start through, or says why it waits and until when.
    pub(super) fn admit(
        &mut self,
        settings: &RetrySettings,
        now: Moment,
    ) -> Result<(), (Wait, Moment)> {
        if !self.reachable {
            return Err((Wait::Suspended, now.after(PLACE_WAIT)));
        }
        if let Some(guard) = self.guard(now) {
            return Err((Wait::HostGuard, guard.until));
        }
        if self.under_way >= settings.max_concurrent {
            return Err((Wait::Concurrency, now.after(PLACE_WAIT)));
        }
        while self
            .started
            .front()
            .is_some_and(|at| now.since(*at) >= MINUTE)
        {
            self.started.pop_front();
        }
        let most = usize::try_from(settings.max_per_minute).unwrap_or(usize::MAX);
        if let Some(oldest) = self.started.front()
            && self.started.len() >= most
        {
            return Err((Wait::PerMinute, oldest.after(MINUTE)));
        }
        self.started.push_back(now);
        self.under_way = self.under_way.saturating_add(1);
        Ok(())
    }
}
