//! What people asked for: nobody to be told, or a program to be left alone; and who asked when.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ProgramKey,
    transition::{millis, optional_millis},
};

/// A silence's identity: a ULID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SilenceId(pub String);

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nobody is told of what matches, until it is over. It goes on being seen, started and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its identity.
    pub id: SilenceId,
    /// A glob over `name`, `group:name` and `server/group:name`; of a supervisord itself, over `server/`.
    pub pattern: String,
    /// From when on.
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    /// Until when.
    #[serde(serialize_with = "millis")]
    pub until: Timestamp,
    /// Who asked for it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// supervigil starts nothing of a program. Its incidents are told as ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The program.
    pub key: ProgramKey,
    /// From when on.
    pub since: Timestamp,
    /// Until when; none: until it is released.
    pub until: Option<Timestamp>,
    /// Who asked for it.
    pub author: String,
    /// Why; it may be empty.
    pub reason: String,
}

/// What was done about silences and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A silence began.
    Silence,
    /// Somebody ended a silence before its time.
    EndSilence,
    /// A silence's time was over.
    SilenceOver,
    /// A hold began, or took another's place.
    Hold,
    /// Somebody ended a hold.
    Release,
    /// A hold's time was over.
    HoldOver,
}

impl Action {
    /// The name in JSON and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::EndSilence => "end_silence",
            Self::SilenceOver => "silence_over",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::HoldOver => "hold_over",
        }
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    #[serde(serialize_with = "millis")]
    pub time: Timestamp,
    /// Who; `supervigil` for what ends by itself.
    pub author: String,
    /// What.
    pub action: Action,
    /// About what: a silence's pattern, or a program.
    pub subject: String,
    /// Until when it was to last.
    #[serde(serialize_with = "optional_millis")]
    pub until: Option<Timestamp>,
    /// Why it began.
    pub reason: String,
}

/// A maintenance window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenWindow {
    /// The pattern of what nobody is told of.
    #[serde(rename = "match")]
    pub pattern: String,
    /// When it closes.
    #[serde(serialize_with = "millis")]
    pub until: Timestamp,
    /// Whether nothing is started that matches.
    pub pause_retries: bool,
}
