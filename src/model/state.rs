//! The eight states that supervisord knows (states.py of supervisor), and whatever else it may say.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A program's state, by supervisord's own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessState {
    /// 0: not started yet, or stopped by somebody.
    Stopped,
    /// 10: spawned, not yet up for `startsecs`.
    Starting,
    /// 20: up.
    Running,
    /// 30: died while starting; supervisord will try again.
    Backoff,
    /// 40: being stopped.
    Stopping,
    /// 100: ended by itself after it had been up.
    Exited,
    /// 200: supervisord gave up on it.
    Fatal,
    /// 1000: supervisord lost control of it (a kill failed).
    Unknown,
    /// A code that no release of supervisord is known to use.
    Unrecognised(i32),
}

impl ProcessState {
    /// The eight known states, in the order of their codes.
    pub const KNOWN: [Self; 8] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Backoff,
        Self::Stopping,
        Self::Exited,
        Self::Fatal,
        Self::Unknown,
    ];

    /// The state of a code, as `getAllProcessInfo` gives it in `state`.
    pub fn from_code(code: i32) -> Self {
        Self::KNOWN
            .into_iter()
            .find(|state| state.code() == code)
            .unwrap_or(Self::Unrecognised(code))
    }

    /// supervisord's code of the state.
    pub fn code(self) -> i32 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 10,
            Self::Running => 20,
            Self::Backoff => 30,
            Self::Stopping => 40,
            Self::Exited => 100,
            Self::Fatal => 200,
            Self::Unknown => 1000,
            Self::Unrecognised(code) => code,
        }
    }

    /// supervisord's name of the state (`RUNNING`); `UNRECOGNISED` for a code that has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
            Self::Unrecognised(_) => "UNRECOGNISED",
        }
    }

    /// Whether a process is alive in this state.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Stopping => true,
            Self::Stopped
            | Self::Backoff
            | Self::Exited
            | Self::Fatal
            | Self::Unknown
            | Self::Unrecognised(_) => false,
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Unrecognised(code) = self {
            write!(f, "UNRECOGNISED({code})")
        } else {
            f.write_str(self.name())
        }
    }
}

impl Serialize for ProcessState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProcessState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Self::KNOWN.into_iter().find(|state| state.name() == text);
        let code = text
            .strip_prefix("UNRECOGNISED(")
            .and_then(|rest| rest.strip_suffix(')'));
        known
            .or_else(|| {
                code.and_then(|code| code.parse().ok())
                    .map(Self::Unrecognised)
            })
            .ok_or_else(|| serde::de::Error::custom(format_args!("unknown state {text:?}")))
    }
}
