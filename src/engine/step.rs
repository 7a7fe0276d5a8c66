//! One change of a program's state, as it is inferred.

use crate::model::{Cause, Exit, Moment, OomKill, ProcessState, SeenBy};

/// What cannot be read off two observations of a program.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Whether both looks were at one run of supervisord.
    pub same_supervisord: bool,
    /// Whether a start of ours may be what is seen.
    pub retrying: bool,
    /// Whether the earlier state had lasted long enough for supervisord to be done with it.
    pub settled: bool,
    /// Whether supervisord had just made the program anew.
    pub renewed: bool,
    /// Who started the life that is going on.
    pub started_by: Cause,
}

/// One change of state that took place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub from: ProcessState,
    pub to: ProcessState,
    /// The process it is about, 0 where it is unknown or there was none.
    pub pid: u32,
    /// How long that process had been alive.
    pub uptime_seconds: Option<u64>,
    pub exit: Option<Exit>,
    /// Whether the kernel killed for memory then, where that may be how it ended.
    pub oom_kill: Option<OomKill>,
    pub expected: Option<bool>,
    pub cause: Cause,
    /// Whether a process ended.
    pub died: bool,
    /// Which feed brought it first.
    pub seen_by: SeenBy,
    /// When that was; none: the look at hand is the first to show it.
    pub noticed: Option<Moment>,
}

impl Step {
    pub(super) fn new(from: ProcessState, to: ProcessState, pid: u32, cause: Cause) -> Self {
        Self {
            from,
            to,
            pid,
            uptime_seconds: None,
            exit: None,
            oom_kill: None,
            expected: None,
            cause,
            died: false,
            seen_by: SeenBy::Poll,
            noticed: None,
        }
    }

    /// Whether a process began with it.
    pub(super) fn started(&self) -> bool {
        self.to.is_alive() && !self.from.is_alive()
    }

    /// Whether more may be told of how and why a process ended.
    pub(super) fn lacks_exit(&self) -> bool {
        self.died && matches!(self.exit, None | Some(Exit::UnknownSignal))
    }
}
