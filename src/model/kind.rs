//! What can be wrong, how much it matters, and how it ends.

use serde::{Deserialize, Serialize};

/// What is wrong. The order is that of escalation: an incident's kind only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It has been failing to start for a long time and supervisord still tries.
    Backoff,
    /// It ended unexpectedly and supervisord leaves it down.
    UnexpectedExit,
    /// It keeps dying while supervisord keeps starting it.
    CrashLoop,
    /// supervisord gave up on it.
    Fatal,
    /// It fails and recovers over and over.
    Flapping,
    /// The supervisord itself does not answer.
    Unreachable,
}

impl Kind {
    /// Every kind, for label sets.
    pub const ALL: [Self; 6] = [
        Self::Backoff,
        Self::UnexpectedExit,
        Self::CrashLoop,
        Self::Fatal,
        Self::Flapping,
        Self::Unreachable,
    ];

    /// The name in JSON, labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::UnexpectedExit => "unexpected_exit",
            Self::CrashLoop => "crash_loop",
            Self::Fatal => "fatal",
            Self::Flapping => "flapping",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Recorded and shown, told to nobody.
    None,
    /// Worth a look.
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// Every severity, for label sets.
    pub const ALL: [Self; 3] = [Self::None, Self::Warning, Self::Critical];

    /// The name in JSON, labels and the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works again.
    Recovered,
    /// Somebody stopped the program.
    StoppedByOperator,
    /// The program is not configured any more.
    Removed,
}

impl Outcome {
    /// The name in JSON and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::StoppedByOperator => "stopped_by_operator",
            Self::Removed => "removed",
        }
    }
}
