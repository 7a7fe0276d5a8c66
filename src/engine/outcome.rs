//! What can come of a start, and why one may have to wait: the closed sets behind labels and messages.

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
    /// supervigil is stopping, perhaps because the host is: its next run goes on with the plan.
    Stopping,
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
            Self::Stopping => "stopping",
            Self::Changed => "changed",
        }
    }
}

/// What supervisord made of a start.
#[derive(Debug, Clone, PartialEq)]
pub enum StartOutcome {
    /// It spawned the program, found it started already, or tried and failed (`SPAWN_ERROR`,
    /// `ABNORMAL_TERMINATION`), or the call may have arrived: what came of it shows in the polls.
    Observe {
        /// supervisord's clock, in seconds, by which that was over: a look with a later reading shows
        /// what came of it. None where it is not known.
        over_by: Option<i64>,
    },
    /// The program had changed when it was read again right before the call; nothing was called.
    Changed,
    /// The command is missing or not executable; supervisord's words.
    NeedsHuman(String),
    /// supervisord is shutting down; nothing was started.
    ShuttingDown,
    /// supervisord knows no such program.
    Gone,
    /// It refused for another reason, or the call never reached it; in one sentence.
    Failed(String),
}
