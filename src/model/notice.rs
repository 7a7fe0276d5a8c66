//! Something that people are to be told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Incident, Severity};

/// A notice's identity: a ULID, the same on every attempt to deliver it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(pub String);

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeReason {
    /// An incident began.
    Opened,
    /// It became worse, or its attempts are used up.
    Escalated,
    /// It goes on.
    Reminder,
    /// It ended.
    Closed,
    /// What was already down when supervigil first looked.
    Digest,
}

impl NoticeReason {
    /// The name in JSON and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Reminder => "reminder",
            Self::Closed => "closed",
            Self::Digest => "digest",
        }
    }

    /// Whether it is worth a mention that makes a phone ring.
    pub fn mentions(self) -> bool {
        match self {
            Self::Opened | Self::Escalated => true,
            Self::Reminder | Self::Closed | Self::Digest => false,
        }
    }
}

/// One thing to tell, with its incidents as they were at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its identity.
    pub id: NoticeId,
    /// Why it is told.
    pub reason: NoticeReason,
    /// When it came about.
    pub time: Timestamp,
    /// What it is about; one, but for a digest.
    pub incidents: Vec<Incident>,
    /// The other channel that it is about, in place of incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Box<ChannelTrouble>>,
    /// That supervigil watches, in place of incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Box<Heartbeat>>,
}

impl Notice {
    /// A notice about incidents.
    pub fn of(
        id: NoticeId,
        reason: NoticeReason,
        time: Timestamp,
        incidents: Vec<Incident>,
    ) -> Self {
        Self {
            id,
            reason,
            time,
            incidents,
            channel: None,
            heartbeat: None,
        }
    }

    /// The severest of its incidents. Whoever relies on a channel that takes nothing is told nothing, and
    /// whoever is told anything wants to know that there is somebody to tell it.
    pub fn severity(&self) -> Severity {
        let incidents = self.incidents.iter().map(|incident| incident.severity);
        let others = (!self.is_of_incidents()).then_some(Severity::Critical);
        incidents.chain(others).max().unwrap_or(Severity::None)
    }

    /// Gives back the room that was set aside for more than came: thousands of notices may wait.
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.incidents.shrink_to_fit();
        for incident in &mut self.incidents {
            incident.log_tail.shrink_to_fit();
        }
        self
    }

    /// Whether it is about incidents, which machines understand, too.
    pub fn is_of_incidents(&self) -> bool {
        self.channel.is_none() && self.heartbeat.is_none()
    }
}

/// That supervigil watches, and what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Since when it counts: since the one before, or since supervigil started.
    pub since: Timestamp,
    /// How many supervisords there are.
    pub supervisords: usize,
    /// How many of them do not answer.
    pub silent: usize,
    /// How many programs they have.
    pub programs: usize,
    /// How many of those have an open incident.
    pub failing: usize,
    /// Deaths that were seen.
    pub deaths: u64,
    /// Incidents that were told.
    pub opened: u64,
    /// How often supervigil started a program.
    pub starts: u64,
}

/// What is the matter with a channel, as far as the other channels were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing: it takes messages.
    #[default]
    None,
    /// Its receiver wants to hear nothing for some time.
    Frozen,
    /// It takes no message before somebody mends it.
    Broken,
}

/// A channel that takes no messages, or that takes them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTrouble {
    /// The channel's name.
    pub name: String,
    /// What its receiver answered and what to do, in one sentence; none once it takes messages again.
    pub why: Option<String>,
    /// Until when its receiver wants to hear nothing; none where somebody has to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
