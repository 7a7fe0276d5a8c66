//! What holds back the starts of one supervisord's programs, whichever program it is.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{RetrySettings, Wait};
use crate::model::{Moment, ProgramName, ProgramRecord};

/// The window of `max_per_minute` and of the host guard.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Fewer programs than this failing together say nothing about the host.
const HOST_GUARD_LEAST: usize = 3;

/// The gate in front of all starts of one supervisord.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Whether the last poll succeeded.
    pub reachable: bool,
    /// Whether supervisord refused a start because it shuts down; until a poll succeeds.
    pub suspended: bool,
    /// Whether supervigil itself is stopping.
    pub stopping: bool,
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
    /// A gate that knows of the starts of an earlier run.
    pub(super) fn restored(records: &[&ProgramRecord], now: Moment) -> Self {
        let recent = records.iter().flat_map(|record| &record.retry.recent);
        let recent = recent.filter(|at| now.wall_since(**at) < MINUTE);
        // A time ahead is from before the clock was set back.
        let mut recent: Vec<_> = recent.map(|at| *at.min(&now.wall)).collect();
        recent.sort();
        Self {
            started: recent.into_iter().map(|at| now.of_wall(at)).collect(),
            ..Self::default()
        }
    }

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

    /// Lets one start through, or says why it waits, and until when where that is known.
    pub(super) fn admit(
        &mut self,
        settings: &RetrySettings,
        now: Moment,
    ) -> Result<(), (Wait, Option<Moment>)> {
        if self.stopping {
            return Err((Wait::Stopping, None));
        }
        if !self.reachable || self.suspended {
            return Err((Wait::Suspended, None));
        }
        if let Some(guard) = self.guard(now) {
            return Err((Wait::HostGuard, Some(guard.until)));
        }
        if self.under_way >= settings.max_concurrent {
            return Err((Wait::Concurrency, None));
        }
        while self
            .started
            .front()
            .is_some_and(|at| now.since(*at) >= MINUTE)
        {
            self.started.pop_front();
        }
        let most = usize::try_from(settings.max_per_minute).unwrap_or(usize::MAX);
        let over = self.started.len().saturating_add(1).saturating_sub(most);
        if let Some(last) = over.checked_sub(1).and_then(|last| self.started.get(last)) {
            return Err((Wait::PerMinute, Some(last.after(MINUTE))));
        }
        self.started.push_back(now);
        self.under_way = self.under_way.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: RetrySettings = RetrySettings {
        on_fatal: true,
        on_exited: false,
        max_attempts: 5,
        backoff: Duration::from_secs(10),
        backoff_max: Duration::from_secs(300),
        jitter: 0.2,
        reset_after: Duration::from_secs(600),
        probe_interval: None,
        max_concurrent: 2,
        max_per_minute: 3,
    };

    fn start() -> Moment {
        Moment {
            monotonic: Duration::from_secs(1000),
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        }
    }

    fn open() -> Gate {
        Gate {
            reachable: true,
            ..Gate::default()
        }
    }

    #[test]
    fn nothing_is_started_while_supervigil_stops() {
        let mut gate = open();
        gate.stopping = true;
        assert_eq!(gate.admit(&SETTINGS, start()), Err((Wait::Stopping, None)));
    }

    #[test]
    fn any_minute_has_as_many_starts_as_allowed() {
        let mut gate = open();
        let mut admit = |seconds| {
            gate.under_way = 0;
            gate.admit(&SETTINGS, start().after(Duration::from_secs(seconds)))
        };
        for seconds in [0, 20, 40] {
            assert_eq!(admit(seconds), Ok(()), "{seconds} s");
        }
        let free = Some(start().after(MINUTE));
        assert_eq!(admit(59), Err((Wait::PerMinute, free)));
        assert_eq!(admit(60), Ok(()));
        let free = Some(start().after(Duration::from_secs(80)));
        assert_eq!(admit(61), Err((Wait::PerMinute, free)));
    }
}
