//! What supervisord answers beside a snapshot: plain values, in its own terms.

use std::fmt;

use super::fault::Fault;
use crate::model::{Process, ProgramName};

/// supervisord's own state (`SupervisorStates` in states.py).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// 2: something went badly wrong.
    Fatal,
    /// 1: at work.
    Running,
    /// 0: about to load its configuration again.
    Restarting,
    /// -1: on its way out.
    Shutdown,
    /// A code that no release of supervisord is known to use.
    Unrecognised(i32),
}

impl ServerState {
    /// The state of a code, as `getState` gives it in `statecode`.
    pub fn from_code(code: i32) -> Self {
        match code {
            2 => Self::Fatal,
            1 => Self::Running,
            0 => Self::Restarting,
            -1 => Self::Shutdown,
            other => Self::Unrecognised(other),
        }
    }
}

/// Some programs at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// supervisord's own pid.
    pub supervisord: u32,
    /// The programs, in the order asked for; none for one that supervisord does not know.
    pub programs: Vec<(ProgramName, Option<Process>)>,
    /// The end of the main log, where it was asked for.
    pub log: Option<LogEnd>,
}

/// The end of supervisord's main log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// How many bytes were asked for; less is all that there is.
    pub asked: u32,
    /// The text, or why there is none: `NO_FILE` where there is no file, `FAILED` where the first byte is
    /// within a character.
    pub text: Result<String, Fault>,
}

/// Which of a program's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output; with `redirect_stderr` both.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The end of a program's log. Its text is the program's own and may hold secrets: Debug hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The last bytes; empty for a log that is not there.
    pub text: String,
    /// Whether it may begin within the log.
    pub is_cut: bool,
}

impl fmt::Debug for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogTail")
            .field("text", &format_args!("({} bytes)", self.text.len()))
            .field("is_cut", &self.is_cut)
            .finish()
    }
}

/// A program's configuration, as far as this release of supervisord shows it (`getAllConfigInfo`).
///
/// It is the file as last read, not what runs. Up to 3.3 only the first four fields are there; no
/// release shows `autorestart`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Its names.
    pub program: ProgramName,
    /// Whether its group runs; false for one that was added to the file and not yet taken up.
    pub in_use: Option<bool>,
    /// Whether it is started with supervisord.
    pub autostart: Option<bool>,
    /// Its command line.
    pub command: Option<String>,
    /// Its working directory.
    pub directory: Option<String>,
    /// The exit codes that count as expected.
    pub exit_codes: Option<Vec<i32>>,
    /// Whether stderr goes into the log of stdout.
    pub redirect_stderr: Option<bool>,
    /// How often supervisord tries again before it gives up.
    pub start_retries: Option<u32>,
    /// How long it must stay up to count as started, in seconds.
    pub start_seconds: Option<u32>,
    /// The number of the signal that stops it.
    pub stop_signal: Option<i32>,
    /// How long it may take to stop before it is killed, in seconds.
    pub stop_wait_seconds: Option<u32>,
    /// The file that takes its standard output.
    pub stdout_log: Option<String>,
    /// The file that takes its standard error.
    pub stderr_log: Option<String>,
}
