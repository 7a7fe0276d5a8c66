//! How long a process has been alive, by supervigil's own clock.
//!
//! supervisord's times are its host's wall clock's, which may be set in between: then the start and the
//! end of one life do not belong together any more.

use std::time::Duration;

use crate::{
    engine::step::Step,
    model::{Moment, Process, SeenBy},
};

/// supervisord's times have whole seconds.
const ROUNDING: u64 = 1;

/// The age of one process when it was seen first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    pid: u32,
    seen: Duration,
    at: Moment,
}

impl Age {
    /// The age of a process at a look that began then; none where there is no process.
    pub(super) fn of(process: &Process, begun: Moment) -> Option<Self> {
        let seconds = process.now.saturating_sub(process.start);
        (process.pid != 0).then(|| Self {
            pid: process.pid,
            seen: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
            at: begun,
        })
    }

    /// Whether it is that of this process.
    pub(super) fn is_of(&self, process: &Process) -> bool {
        self.pid == process.pid
    }

    /// Keeps what a step says of the process's uptime between what it was when it was seen alive last
    /// and what it would be by now.
    pub(super) fn correct(&self, step: &mut Step, alive_at: Moment, now: Moment) {
        if step.pid != self.pid {
            return;
        }
        let least = self.at_moment(alive_at).saturating_sub(ROUNDING);
        let most = self.at_moment(now).saturating_add(ROUNDING).max(least);
        // What a poll noticed may have happened long before.
        let is_told = step.died && step.seen_by != SeenBy::Poll;
        let told = step.noticed.filter(|_| is_told);
        let told = told.map(|noticed| self.at_moment(noticed));
        let uptime = step.uptime_seconds.or(told);
        step.uptime_seconds = uptime.map(|uptime| uptime.clamp(least, most));
    }

    fn at_moment(&self, moment: Moment) -> u64 {
        self.seen.saturating_add(moment.since(self.at)).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, ProcessState, ProgramName};

    const START: i64 = 1_800_000_000;

    fn at(seconds: u64) -> Moment {
        let start = Moment {
            monotonic: Duration::from_secs(50),
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        };
        start.after(Duration::from_secs(seconds))
    }

    /// An end at 30 s, between looks at 28 s and 33 s, of a process that was seen first at 10 s, 4 s old.
    fn corrected(uptime_seconds: Option<u64>, seen_by: SeenBy) -> Option<u64> {
        let process = Process {
            pid: 7,
            start: START,
            now: START + 4,
            program: ProgramName::new("web", "web"),
            state: ProcessState::Running,
            stop: 0,
            exit_status: 0,
            spawn_error: String::new(),
            stdout_log: String::new(),
            stderr_log: String::new(),
        };
        let mut step = Step {
            died: true,
            uptime_seconds,
            noticed: Some(at(30)),
            seen_by,
            ..Step::new(ProcessState::Running, ProcessState::Exited, 7, Cause::Crash)
        };
        if let Some(age) = Age::of(&process, at(10)) {
            age.correct(&mut step, at(28), at(33));
        }
        step.uptime_seconds
    }

    #[test]
    fn an_uptime_that_can_be_is_left_alone() {
        assert_eq!(corrected(Some(24), SeenBy::Poll), Some(24));
    }

    #[test]
    fn a_clock_that_was_set_forth_or_back_shows_in_no_uptime() {
        assert_eq!(corrected(Some(3624), SeenBy::Poll), Some(28));
        assert_eq!(corrected(Some(0), SeenBy::Poll), Some(21));
        assert_eq!(corrected(None, SeenBy::Pidfd), Some(24));
        assert_eq!(corrected(None, SeenBy::Poll), None);
    }
}
