//! A program going from one state to another, with what is known of why.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};

use super::{ProcessState, ServerName};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal killed it.
    Signal {
        /// The signal's number, by Linux's numbering.
        number: i32,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
    /// A signal killed it, and supervisord's API does not tell which.
    UnknownSignal,
}

impl Exit {
    /// The exit of a wait status, as wait(2) of Linux gives it: the code in the second byte, or the
    /// signal in the low seven bits and the core dump's flag above them. None for a process that has
    /// not ended.
    pub fn of_wait_status(status: i32) -> Option<Self> {
        match status & 0x7f {
            0 => Some(Self::Code((status >> 8) & 0xff)),
            0x7f => None,
            number => Some(Self::Signal {
                number,
                core_dumped: status & 0x80 != 0,
            }),
        }
    }

    /// The exit by a signal of that name: `SIGKILL`, or `SIG35` for one that has none.
    pub fn of_signal_name(name: &str, core_dumped: bool) -> Option<Self> {
        let known = SIGNALS.iter().find(|(_, known)| *known == name);
        let number = match known {
            Some((number, _)) => *number,
            None => name.strip_prefix("SIG")?.parse().ok()?,
        };
        Some(Self::Signal {
            number,
            core_dumped,
        })
    }

    /// The name of the signal (`SIGKILL`), where it is known.
    pub fn signal_name(self) -> Option<&'static str> {
        match self {
            Self::Signal { number, .. } => SIGNALS
                .iter()
                .find(|(known, _)| *known == number)
                .map(|(_, name)| *name),
            Self::Code(_) | Self::UnknownSignal => None,
        }
    }

    /// Whether it is an end that the kernel's out-of-memory killer brings: by SIGKILL, which a shell gives
    /// as 137 where it killed what the shell waited for.
    pub fn may_be_oom_kill(self) -> bool {
        match self {
            Self::Signal { number, .. } => number == SIGKILL,
            Self::Code(code) => code == 128 + SIGKILL,
            Self::UnknownSignal => false,
        }
    }

    /// The status as a shell gives it: the code, or 128 + the signal's number; none when unknown.
    pub fn status(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal { number, .. } => Some(128 + number),
            Self::UnknownSignal => None,
        }
    }
}

const SIGKILL: i32 = 9;

/// Where the kernel's out-of-memory killer killed something around the time of a death. No counter of the
/// kernel's names whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomKill {
    /// In the control group of the process.
    Group,
    /// On the host.
    Host,
}

/// signal(7), x86 and ARM.
const SIGNALS: [(i32, &str); 31] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
    (20, "SIGTSTP"),
    (21, "SIGTTIN"),
    (22, "SIGTTOU"),
    (23, "SIGURG"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (28, "SIGWINCH"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
];

/// `{"code":3}`, `{"signal":"SIGKILL","core_dumped":false}`, or null where the signal is unknown.
impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Code(code) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("code", &code)?;
                map.end()
            }
            Self::Signal {
                number,
                core_dumped,
            } => {
                let mut map = serializer.serialize_map(Some(2))?;
                match self.signal_name() {
                    Some(name) => map.serialize_entry("signal", name)?,
                    None => map.serialize_entry("signal", &format!("SIG{number}"))?,
                }
                map.serialize_entry("core_dumped", &core_dumped)?;
                map.end()
            }
            Self::UnknownSignal => serializer.serialize_none(),
        }
    }
}

/// What stands in place of a signal's name in the form that the store keeps, which tells an unknown
/// signal from an unknown exit; the public form does not.
const UNKNOWN_SIGNAL: &str = "unknown";

/// An exit in the form that the store keeps.
#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field's own reference"
)]
pub(super) fn stored_exit<S: Serializer>(
    exit: &Option<Exit>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if *exit == Some(Exit::UnknownSignal) {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("signal", UNKNOWN_SIGNAL)?;
        map.end()
    } else {
        exit.serialize(serializer)
    }
}

/// The written form of an [`Exit`], read back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExit {
    code: Option<i32>,
    signal: Option<String>,
    #[serde(default)]
    core_dumped: bool,
}

impl<'de> Deserialize<'de> for Exit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(written) = Option::<WrittenExit>::deserialize(deserializer)? else {
            return Ok(Self::UnknownSignal);
        };
        match (written.code, written.signal) {
            (Some(code), None) => Ok(Self::Code(code)),
            (None, Some(name)) if name == UNKNOWN_SIGNAL => Ok(Self::UnknownSignal),
            (None, Some(name)) => Self::of_signal_name(&name, written.core_dumped)
                .ok_or_else(|| serde::de::Error::custom(format_args!("unknown signal {name:?}"))),
            (None, None) | (Some(_), Some(_)) => Err(serde::de::Error::custom(
                "an exit is either a code or a signal",
            )),
        }
    }
}

/// Why a program changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It ended in a way that its configuration does not expect.
    Crash,
    /// It ended with one of its `exitcodes`.
    ExpectedExit,
    /// It could not be spawned.
    SpawnError,
    /// Somebody stopped, started or restarted it.
    Operator,
    /// supervisord itself was reloaded or restarted.
    SupervisordRestart,
    /// supervisord started it again by itself.
    Autorestart,
    /// supervigil started it.
    Retry,
    /// It cannot be told.
    Unknown,
}

impl Cause {
    /// The name in JSON and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::ExpectedExit => "expected_exit",
            Self::SpawnError => "spawn_error",
            Self::Operator => "operator",
            Self::SupervisordRestart => "supervisord_restart",
            Self::Autorestart => "autorestart",
            Self::Retry => "retry",
            Self::Unknown => "unknown",
        }
    }
}

/// Which feed brought a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The poll of supervisord's API.
    Poll,
    /// supervisord's main log.
    Log,
    /// The kernel's word on the pid.
    Pidfd,
}

/// One change of one program's state, as `watch` and `/api/v1/transitions` give it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When it became known, to the millisecond.
    #[serde(serialize_with = "millis")]
    pub time: Timestamp,
    /// The supervisord.
    pub server: ServerName,
    /// The program's group.
    pub group: String,
    /// The program's own name.
    pub name: String,
    /// The state it left.
    pub from: ProcessState,
    /// The state it is in.
    pub to: ProcessState,
    /// The process that the transition is about; 0 where there is none.
    pub pid: u32,
    /// How long that process had been alive; null where there is none.
    pub uptime_seconds: Option<u64>,
    /// How it ended; null where it did not end, or where that is unknown.
    pub exit: Option<Exit>,
    /// Whether the program's configuration expects such an exit; null where nothing ended or where
    /// it cannot be told.
    pub expected: Option<bool>,
    /// Why.
    pub cause: Cause,
    /// Which feed brought it.
    pub seen_by: SeenBy,
    /// supervisord's `spawnerr`.
    pub spawn_error: String,
}

impl Transition {
    /// The form that the store keeps: the public one, with an unknown signal told from an unknown
    /// exit. It reads back as a transition.
    pub fn stored(&self) -> serde_json::Result<serde_json::Value> {
        let mut form = serde_json::to_value(self)?;
        if let Some(exit) = form.get_mut("exit") {
            *exit = stored_exit(&self.exit, serde_json::value::Serializer)?;
        }
        Ok(form)
    }
}

/// RFC 3339 with milliseconds, in UTC.
pub(super) fn millis<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// As [`millis`]; null for none.
#[expect(clippy::ref_option, reason = "serde hands the field's own reference")]
pub(super) fn optional_millis<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, serializer),
        None => serializer.serialize_none(),
    }
}
