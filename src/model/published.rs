//! The one picture of everything, as HTTP and the metrics show it.
//!
//! The daemon makes a new one after each change and publishes it whole; readers never wait and never
//! touch supervisord.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuditEntry, Exit, Feed, Hold, Identity, Incident, IncidentId, Notice, OpenWindow, ProcessState,
    ProgramName, ServerName, Silence, Transition,
};

/// How metrics are written down; the series are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
}

/// Everything there is to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// When supervigil started.
    pub started_at: Timestamp,
    /// The supervisords, by name.
    pub servers: Vec<Arc<ServerView>>,
    /// The latest incidents, newest first; all open ones are among them.
    pub incidents: Vec<Arc<Incident>>,
    /// The latest transitions, newest first.
    pub transitions: Arc<[Arc<Transition>]>,
    /// The latest notices, newest first: those of this run, and what waited from an earlier one.
    pub notices: Arc<[Arc<NoticeView>]>,
    /// The channels, in the order of the configuration.
    pub channels: Vec<ChannelView>,
    /// The silences, from the newest.
    pub silences: Vec<Silence>,
    /// The holds, by program.
    pub holds: Vec<Hold>,
    /// The maintenance windows that are open.
    pub windows: Vec<OpenWindow>,
    /// The latest lines of the audit log, newest first.
    pub audit: Arc<[AuditEntry]>,
    /// The database.
    pub store: StoreView,
    /// The configuration.
    pub config: ConfigView,
}

/// One supervisord.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerView {
    /// Its name.
    pub name: ServerName,
    /// Its address, without credentials.
    pub url: String,
    /// Whether the last poll succeeded.
    pub up: bool,
    /// Whether an `unreachable` incident is open.
    pub unreachable: bool,
    /// Why the last poll failed, in one sentence.
    pub error: Option<String>,
    /// Who answered last.
    pub identity: Option<Identity>,
    /// When it started, or when this run of it was first seen.
    pub started_at: Option<Timestamp>,
    /// How many restarts and reloads of it were seen.
    pub restarts: u64,
    /// When a poll last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// The interval of polls, as stretched at present.
    pub poll_interval: Duration,
    /// Whether each of the feeds of hints works.
    pub feeds_up: [(Feed, bool); 2],
    /// Its programs, sorted; those of the last poll that succeeded.
    pub processes: Vec<ProcessView>,
}

/// One thing to tell, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeView {
    /// The notice, as it was last told or queued.
    pub notice: Notice,
    /// How far it got, by channel; empty where no channel is told such.
    pub deliveries: BTreeMap<String, DeliveryState>,
}

/// How far a notice got in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits, or is on its way.
    Waiting,
    /// The receiver took it.
    Taken,
    /// It was given up.
    Dropped,
}

/// One program.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessView {
    /// Its names.
    pub program: ProgramName,
    /// Its state.
    pub state: ProcessState,
    /// Its pid, 0 for none.
    pub pid: u32,
    /// When its process was started, where one is alive.
    pub started_at: Option<Timestamp>,
    /// Since when it has been in this state.
    pub state_since: Timestamp,
    /// How it ended, in EXITED and STOPPED.
    pub exit: Option<Exit>,
    /// supervisord's `spawnerr`.
    pub spawn_error: String,
    /// Whether it is expected to run (`expect = "running"`).
    pub expected_up: bool,
    /// Whether somebody told supervigil to leave it alone.
    pub held: bool,
    /// Its open incident.
    pub incident: Option<IncidentId>,
    /// Whether it is in a crash loop.
    pub crash_looping: bool,
    /// What was counted of it.
    pub counters: Counters,
    /// How far its retries got; none where retry is off for it.
    pub retry: Option<RetryView>,
}

/// What is counted of a program since it was first seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Times that it was started, by whomever.
    pub starts: u64,
    /// Its ends, by (expected, kind), kind being `code`, `signal` or `unknown`.
    pub exits: Exits,
    /// Transitions, by the name of the state that they led to.
    pub transitions: BTreeMap<String, u64>,
    /// Deaths that polling alone would not have shown.
    pub missed_by_poll: u64,
}

/// A program's ends, by how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exits {
    /// Expected, with a code.
    pub expected_code: u64,
    /// Expected, by a signal.
    pub expected_signal: u64,
    /// Expected or not held against it, in an unknown way.
    pub expected_unknown: u64,
    /// Unexpected, with a code.
    pub unexpected_code: u64,
    /// Unexpected, by a signal.
    pub unexpected_signal: u64,
    /// Unexpected, in an unknown way.
    pub unexpected_unknown: u64,
}

/// A program's retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryView {
    /// Attempts made since the budget was last full.
    pub attempts: u32,
    /// When the next one is due.
    pub next_attempt_at: Option<Timestamp>,
    /// Whether the budget is used up.
    pub exhausted: bool,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// Its kind: `dingtalk`, `log`, ...
    pub kind: &'static str,
    /// Whether the last attempt was taken, or none was made yet.
    pub up: bool,
    /// Why the last attempt failed, or which members of a cluster did not take it, in one sentence.
    pub error: Option<String>,
    /// Notices that wait.
    pub length: usize,
    /// How many may wait.
    pub capacity: usize,
    /// When the oldest of those that wait came about.
    pub oldest_at: Option<Timestamp>,
    /// Until when the receiver wants to hear nothing.
    pub frozen_until: Option<Timestamp>,
    /// When the receiver last took a message.
    pub last_success_at: Option<Timestamp>,
}

/// The database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreView {
    /// Why the last commit failed; none when it did not.
    pub error: Option<String>,
    /// Changes that wait for the disk to take them.
    pub unsaved: usize,
}

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigView {
    /// Whether the last reload, or else the start, succeeded.
    pub last_reload_ok: bool,
    /// When the configuration in force was read.
    pub loaded_at: Timestamp,
}
