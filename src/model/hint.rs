//! What is heard beside the polls: supervisord's own account, and the kernel's word on a pid.
//!
//! A hint never changes anything by itself. It makes supervigil look at the program, and it may know
//! what no look shows: an exit code, a signal, a life that began and ended between two looks.

use std::sync::Arc;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::{Exit, OomKill, told::Written};

/// A feed that brings hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// supervisord's main log.
    Log,
    /// A pidfd for each live process.
    Pidfd,
    /// The events that supervisord hands to its listeners.
    Listener,
}

impl Feed {
    /// The name in labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Pidfd => "pidfd",
            Self::Listener => "listener",
        }
    }
}

/// What supervisord says of itself and its programs, one thing at a time, in the order in which it
/// happened. Written as [`Told`](super::Told) shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Telling {
    /// Something happened to a program.
    Program {
        /// The program's group; the main log does not tell it.
        group: Option<Arc<str>>,
        /// Its own name.
        name: Arc<str>,
        /// What.
        event: ProgramEvent,
    },
    /// A program could not be spawned; which one is not told.
    SpawnFailed {
        /// supervisord's words.
        why: String,
    },
    /// A group of programs was added, removed or made anew.
    GroupsChanged,
    /// supervisord has started.
    Started,
    /// supervisord ends, or loads its configuration anew.
    Stopping,
}

/// Something that happened to a program, as supervisord tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramEvent {
    /// It is being started. Its listeners are not told the pid.
    Spawned {
        /// The process.
        pid: Option<u32>,
    },
    /// It has been up for `startsecs`. The main log does not tell the pid.
    Running {
        /// The process.
        pid: Option<u32>,
    },
    /// It ended by itself. The main log does not tell the pid, and listeners are not told how.
    Exited {
        /// The process.
        pid: Option<u32>,
        /// How.
        exit: Option<Exit>,
        /// Whether its configuration expects that.
        expected: bool,
    },
    /// It is being stopped. The main log does not tell.
    Stopping {
        /// The process.
        pid: Option<u32>,
    },
    /// It ended because somebody stopped it.
    Stopped {
        /// The process.
        pid: Option<u32>,
        /// How.
        exit: Option<Exit>,
    },
    /// It failed to start. The main log tells of an end alone.
    Backoff,
    /// supervisord gave up on it.
    GaveUp,
}

impl ProgramEvent {
    /// The process that it names.
    pub fn pid(self) -> Option<u32> {
        match self {
            Self::Spawned { pid }
            | Self::Running { pid }
            | Self::Exited { pid, .. }
            | Self::Stopping { pid }
            | Self::Stopped { pid, .. } => pid,
            Self::Backoff | Self::GaveUp => None,
        }
    }

    /// Whether it says that the process `pid` is alive, and so what was before it is over.
    pub fn begins(self, pid: u32) -> bool {
        match self {
            Self::Spawned { pid: named } | Self::Running { pid: named } => named == Some(pid),
            Self::Exited { .. }
            | Self::Stopping { .. }
            | Self::Stopped { .. }
            | Self::Backoff
            | Self::GaveUp => false,
        }
    }
}

/// A line of the main log that tells something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, by supervisord's clock and in its time zone, to the millisecond.
    pub written: DateTime,
    /// What it tells.
    pub telling: Telling,
}

/// What a reading of the main log brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogNews {
    /// What was told since the reading before, in order.
    pub lines: Vec<LogLine>,
    /// Whether some of it may be missing.
    pub lost: bool,
}

/// What the kernel says of a process that was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidNews {
    /// It is proved to be the program's process, and watched from here on.
    Watched,
    /// It is about to be told dead, and the kernel's out-of-memory killer was at work at that time.
    OomKill(OomKill),
    /// It is dead; how it ended is not known yet.
    Dead,
    /// How it ended; none where the kernel does not tell. It is dead.
    Ended(Option<Exit>),
}
