//! What is written to disk so that a restart loses nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuditEntry, Counters, Hold, Identity, Incident, Notice, NoticeId, Process, ProgramKey,
    ServerName, Silence, SilenceId, Transition, Trouble,
};

/// One change to what the store keeps. A batch of them is committed whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A transition took place.
    Transition(Transition),
    /// An incident was opened, changed or closed: its state from here on.
    Incident(Incident),
    /// A supervisord was seen: its state from here on.
    Server(ServerRecord),
    /// A program was seen: its state from here on.
    Program(ProgramRecord),
    /// A program is not configured any more.
    ProgramRemoved(ProgramKey),
    /// A notice waits for a channel.
    NoticeQueued {
        /// The channel's name.
        channel: String,
        /// The notice.
        notice: Notice,
    },
    /// A notice is done with, as far as a channel goes.
    NoticeDone {
        /// The channel's name.
        channel: String,
        /// The notice.
        id: NoticeId,
    },
    /// What a channel is doing, from here on.
    Channel(ChannelRecord),
    /// A silence began.
    Silence(Silence),
    /// A silence is over.
    SilenceEnded(SilenceId),
    /// A program is held, from here on in this way.
    Hold(Hold),
    /// A program is held no longer.
    HoldEnded(ProgramKey),
    /// What was done about silences and holds.
    Audit(AuditEntry),
}

/// What is remembered of a supervisord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its name in the configuration.
    pub server: ServerName,
    /// Who answered last.
    pub identity: Identity,
    /// When this run of it was first seen.
    pub seen_since: Timestamp,
    /// How many restarts and reloads of it were seen.
    pub restarts: u64,
}

/// What is remembered of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramRecord {
    /// Its names.
    pub key: ProgramKey,
    /// How it was seen last.
    pub process: Process,
    /// Since when it has been in that state.
    pub state_since: Timestamp,
    /// What was counted of it.
    pub counters: Counters,
    /// How far its retries got.
    pub retry: RetryRecord,
    /// What counts towards a crash loop and flapping.
    #[serde(default)]
    pub cycles: CycleRecord,
}

/// What counts towards a crash loop and flapping, as far back as they look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleRecord {
    /// When supervisord started it again after a crash.
    pub restarts: Vec<Timestamp>,
    /// When its incidents were opened.
    pub openings: Vec<Timestamp>,
}

/// A program's spent budget of starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRecord {
    /// How many attempts were made since the budget was last full.
    pub attempts: u32,
    /// When the last one was made.
    pub last_attempt_at: Option<Timestamp>,
    /// When the next one is due.
    pub next_attempt_at: Option<Timestamp>,
    /// When attempts were made, as far back as the limit per minute looks.
    pub recent: Vec<Timestamp>,
    /// Whether the last one was begun and its outcome is not known yet.
    pub under_way: bool,
    /// Whether the budget is used up and that was told.
    pub exhausted: bool,
    /// The fault that only a person can mend, in supervisord's words.
    pub needs_human: Option<String>,
}

/// What is remembered of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRecord {
    /// Its name in the configuration.
    pub channel: String,
    /// The kind of receiver that all of this is about; empty where it was not written down.
    #[serde(default)]
    pub kind: String,
    /// The message that is on its way, or that may have arrived.
    pub delivery: Option<Delivery>,
    /// When messages were sent, as far back as the rate limit looks.
    pub sent_at: Vec<Timestamp>,
    /// Until when the receiver wants to hear nothing.
    pub frozen_until: Option<Timestamp>,
    /// When the receiver last took a message.
    pub last_success_at: Option<Timestamp>,
    /// What the other channels were told of it.
    #[serde(default)]
    pub trouble: Trouble,
}

/// One message to one channel, rendered once: its bytes stay the same for as long as an earlier
/// attempt may have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The `msgUuid`, the same for every attempt of these bytes.
    pub uuid: String,
    /// The notices that it carries.
    pub notices: Vec<NoticeId>,
    /// The request's body.
    pub body: String,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When the first was begun.
    pub first_at: Timestamp,
    /// When the next one is due; none while one is under way.
    pub retry_at: Option<Timestamp>,
    /// How much detail it carries: a refusal for size or content takes some away.
    pub brevity: u8,
}

/// What the store gives back at the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saved {
    /// Every supervisord that was ever seen.
    pub servers: Vec<ServerRecord>,
    /// Every program that is not removed.
    pub programs: Vec<ProgramRecord>,
    /// Every open incident and the latest closed ones, oldest first.
    pub incidents: Vec<Incident>,
    /// The latest transitions, oldest first.
    pub transitions: Vec<Transition>,
    /// Notices that wait, with their channel's name, oldest first.
    pub queued: Vec<(String, Arc<Notice>)>,
    /// The channels.
    pub channels: Vec<ChannelRecord>,
    /// The silences that were not over, from the oldest.
    pub silences: Vec<Silence>,
    /// The holds that were not over.
    pub holds: Vec<Hold>,
    /// The latest lines of the audit log, oldest first.
    pub audit: Vec<AuditEntry>,
}
