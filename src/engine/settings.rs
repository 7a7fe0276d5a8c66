//! What the engine is told about people's wishes.

use std::time::Duration;

use globset::GlobMatcher;

use super::{HeartbeatSettings, Window};
use crate::model::{ProgramName, ServerName, Severity};

/// Everything the engine goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The supervisords.
    pub servers: Vec<ServerSettings>,
    /// How FATAL programs are started; none: never.
    pub retry: Option<RetrySettings>,
    /// When something is an incident, and when it is over.
    pub alert: AlertSettings,
    /// What is special about some programs; the first match wins.
    pub programs: Vec<ProgramRule>,
    /// When nobody is told of some of them.
    pub maintenance: Vec<Window>,
    /// When people are told each day that supervigil watches; none: never.
    pub heartbeat: Option<HeartbeatSettings>,
}

/// One supervisord, as far as the engine cares.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Its name.
    pub name: ServerName,
    /// Whether it is a mistake that it does not answer before it ever did. Not so for a socket that
    /// is looked for at the usual places.
    pub must_answer: bool,
    /// The wait between polls, unless it is stretched.
    pub poll_interval: Duration,
    /// supervigil's own name under this supervisord, which it never starts and never alerts on.
    pub itself: Option<ProgramName>,
}

/// `[retry]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    /// Whether FATAL programs are started.
    pub on_fatal: bool,
    /// Whether programs are started that ended unexpectedly and were left down.
    pub on_exited: bool,
    /// Attempts before giving up.
    pub max_attempts: u32,
    /// The delay of the first attempt; it doubles with each.
    pub backoff: Duration,
    /// The longest delay.
    pub backoff_max: Duration,
    /// The share of a delay by which it varies at random, up or down.
    pub jitter: f64,
    /// How long a program must run before its budget is full again.
    pub reset_after: Duration,
    /// The delay between attempts after giving up; none: no more.
    pub probe_interval: Option<Duration>,
    /// Starts under way at once, for one supervisord.
    pub max_concurrent: u32,
    /// Starts in any minute, for one supervisord.
    pub max_per_minute: u32,
}

/// The part of `[alert]` that says when something is an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSettings {
    /// How long a program must run, on one pid, for its incident to be over.
    pub resolve_after: Duration,
    /// The waits between reminders; the last one repeats.
    pub reminders: Vec<Duration>,
    /// Deaths that make a crash loop.
    pub crash_loop_restarts: u32,
    /// The time within which they must happen.
    pub crash_loop_within: Duration,
    /// Incidents that make flapping.
    pub flapping_cycles: u32,
    /// The time within which they must happen.
    pub flapping_within: Duration,
    /// How long a supervisord must not answer.
    pub unreachable_after: Duration,
}

/// `[[program]]`.
#[derive(Debug, Clone)]
pub struct ProgramRule {
    /// Matches `group:name` or the bare name.
    pub matcher: GlobMatcher,
    /// Overrides the severity that the incident's kind has.
    pub severity: Option<Severity>,
    /// Whether the program is expected to run (`expect = "running"`); else any rest is fine.
    pub expected_up: bool,
    /// How this program is retried.
    pub retry: RetryRule,
    /// Whether a crash that autorestart healed is an incident too.
    pub alert_on_crash: bool,
    /// Where it is written how to mend it.
    pub runbook: Option<String>,
    /// Whom to mention beside the channel's own.
    pub at_mobiles: Vec<String>,
}

/// `[[program]] retry`.
#[derive(Debug, Clone, PartialEq)]
pub enum RetryRule {
    /// As `[retry]` says.
    Inherit,
    /// Never.
    Never,
    /// In its own way.
    Own(RetrySettings),
}
