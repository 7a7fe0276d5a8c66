//! What one poll of a supervisord showed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ProcessState, ProgramName};

/// Who answered a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// supervisord's own pid.
    pub pid: u32,
    /// The `identifier` of its configuration; `supervisor` unless it was set.
    pub identification: String,
    /// Its release, such as `4.2.5`.
    pub version: String,
    /// Its API's version, such as `3.0`.
    pub api_version: String,
}

/// One program as `getAllProcessInfo` or `getProcessInfo` shows it.
///
/// Times are supervisord's own whole seconds since the epoch, by its clock; 0 stands for never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its names.
    pub program: ProgramName,
    /// Its state.
    pub state: ProcessState,
    /// Its pid, 0 when nothing is alive.
    pub pid: u32,
    /// The last attempt to spawn it, failed ones too.
    pub start: i64,
    /// The last time that one of its processes was reaped; kept while the next one runs.
    pub stop: i64,
    /// supervisord's clock when it answered.
    pub now: i64,
    /// The exit code; -1 for any signal, 0 while running and, meaninglessly, in BACKOFF and FATAL.
    pub exit_status: i32,
    /// Why it could not be spawned, or that its exit code was a bad one.
    pub spawn_error: String,
    /// The file that takes its standard output; empty for none.
    pub stdout_log: String,
    /// The file that takes its standard error; empty for none, or for one shared with stdout.
    pub stderr_log: String,
}

impl Process {
    /// When its live process was started; none where nothing is alive.
    pub fn started_at(&self) -> Option<Timestamp> {
        let alive = self.state.is_alive();
        Timestamp::from_second(self.start).ok().filter(|_| alive)
    }
}

/// All programs of a supervisord at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Who answered.
    pub identity: Identity,
    /// Its programs, sorted by group, then name.
    pub processes: Vec<Process>,
}
