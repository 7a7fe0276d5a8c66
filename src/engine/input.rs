//! What the engine is told.

use crate::model::{
    Feed, IncidentId, LogNews, Moment, PidNews, Process, ProgramKey, ProgramName, ServerName,
    Snapshot, Telling,
};

use super::StartOutcome;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A supervisord was polled.
    Polled {
        /// Which.
        server: ServerName,
        /// When the poll began: what it showed was so at some time since.
        begun: Moment,
        /// What it showed, or why it did not.
        outcome: Result<Snapshot, PollFailure>,
        /// The main log at the same moment.
        log: LogReading,
    },
    /// Some programs were looked at by themselves.
    Looked {
        /// Their supervisord.
        server: ServerName,
        /// When the look began.
        begun: Moment,
        /// What it showed; none where it failed.
        outcome: Option<Looked>,
    },
    /// supervisord told something.
    Told {
        /// Which.
        server: ServerName,
        /// By which feed.
        feed: Feed,
        /// What.
        telling: Telling,
    },
    /// The kernel says something of a program's process.
    PidNews {
        /// The program.
        key: ProgramKey,
        /// The process.
        pid: u32,
        /// What.
        news: PidNews,
    },
    /// A feed came up or went down.
    FeedChanged {
        /// Its supervisord.
        server: ServerName,
        /// Which.
        feed: Feed,
        /// Whether it is up from here on.
        is_up: bool,
    },
    /// A feed lost some of what it was to tell.
    FeedLost {
        /// Its supervisord.
        server: ServerName,
        /// Which.
        feed: Feed,
    },
    /// A start was carried out, or could not be.
    Started {
        /// The program.
        key: ProgramKey,
        /// What supervisord made of it.
        outcome: StartOutcome,
    },
    /// The last lines of a program's log were read and redacted.
    LogRead {
        /// The program.
        key: ProgramKey,
        /// The incident that they were read for.
        incident: IncidentId,
        /// The lines, oldest first.
        lines: Vec<String>,
    },
    /// The time that [`super::Engine::next_wake`] gave has come.
    Woken,
}

/// What a look at some programs showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// supervisord's own pid.
    pub supervisord: u32,
    /// The programs; none for one that it does not know.
    pub programs: Vec<(ProgramName, Option<Process>)>,
    /// The main log at the same moment.
    pub log: LogReading,
}

/// A reading of the main log that was part of a poll or a look: both show one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogReading {
    /// There was none.
    None,
    /// It was too short to hold all that is new; a longer one follows.
    Behind,
    /// supervisord has no log to give.
    Unavailable,
    /// What stands in it since the reading before. The first reading has no news.
    News(LogNews),
}

/// A poll that brought no snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollFailure {
    /// Why, in one sentence.
    pub message: String,
    /// Whether supervisord answered that it is shutting down (fault 6), as it does in a reload.
    pub shutting_down: bool,
}

impl Input {
    /// The supervisord that it is about; none: all of them.
    pub(super) fn server(&self) -> Option<&ServerName> {
        match self {
            Self::Polled { server, .. }
            | Self::Looked { server, .. }
            | Self::Told { server, .. }
            | Self::FeedChanged { server, .. }
            | Self::FeedLost { server, .. } => Some(server),
            Self::PidNews { key, .. } | Self::Started { key, .. } | Self::LogRead { key, .. } => {
                Some(&key.server)
            }
            Self::Woken => None,
        }
    }
}
