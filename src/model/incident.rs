//! Something is wrong with a program, or with a supervisord, from when it was noticed to its end.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Exit, Kind, NoticeReason, OomKill, Outcome, ProcessState, ProgramKey, ProgramName, ServerName,
    Severity,
    transition::{millis, optional_millis, stored_exit},
};

/// An incident's identity: a ULID, so that ids sort by the time of opening.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub String);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What supervigil does next about a failed program, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum Next {
    /// Nothing: retry is not configured for it, or the incident needs none.
    Nothing,
    /// It starts the program: attempt `number` of `of`.
    Attempt {
        /// Which attempt it will be, from 1.
        number: u32,
        /// How many there are.
        of: u32,
        /// When.
        at: Timestamp,
    },
    /// It is being started: attempt `number` of `of` is under way.
    Starting {
        /// Which attempt it is, from 1.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// The attempts are used up; one more is made now and then.
    Probe {
        /// How many were made.
        attempts: u32,
        /// When the next is made; none where `probe_interval` is `never`.
        at: Option<Timestamp>,
    },
    /// The command is missing or not executable: no attempt can help before somebody mends it.
    NeedsHuman {
        /// supervisord's fault, in its words.
        why: String,
        /// When it is tried all the same.
        at: Option<Timestamp>,
    },
    /// So many programs failed at once that it is the host's trouble: starts wait.
    HostGuard {
        /// How many programs went FATAL within the window.
        fatal: u32,
        /// How many programs that supervisord has.
        programs: u32,
        /// Until when.
        until: Timestamp,
    },
    /// supervisord is shutting down.
    Suspended,
    /// It is to be left alone.
    Held {
        /// Who asked for that; none: a maintenance window does.
        by: Option<String>,
        /// Until when; none: until it is released.
        until: Option<Timestamp>,
    },
    /// It runs again; the incident is over when that lasts.
    Runs,
}

/// How often a program was started again after it had died, lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// How often.
    pub count: u32,
    /// Within how many seconds.
    pub within_seconds: u64,
}

/// Something wrong, opened once and closed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its identity.
    pub id: IncidentId,
    /// The supervisord.
    pub server: ServerName,
    /// The program; none for [`Kind::Unreachable`].
    pub program: Option<ProgramName>,
    /// What is wrong.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whether it was there already when supervigil first looked.
    pub baseline: bool,
    /// The state that the program left when the incident was opened, where that was seen.
    pub from: Option<ProcessState>,
    /// The state that the program went to.
    pub to: Option<ProcessState>,
    /// How long the failed process had been up, in seconds.
    pub uptime_seconds: Option<u64>,
    /// How the process ended.
    #[serde(serialize_with = "stored_exit")]
    pub exit: Option<Exit>,
    /// Whether the kernel's out-of-memory killer was at work when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill: Option<OomKill>,
    /// supervisord's `spawnerr`; for [`Kind::Unreachable`] the error of the poll.
    pub spawn_error: String,
    /// How many times supervigil started the program in this incident.
    pub attempts: u32,
    /// How often supervisord started it again lately; for [`Kind::CrashLoop`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// What supervigil does next.
    pub next: Next,
    /// The last lines of the program's log, redacted.
    pub log_tail: Vec<String>,
    /// Where the configuration says how to mend it.
    pub runbook: Option<String>,
    /// Whom the configuration wants mentioned for this program, beside the channel's own.
    pub at_mobiles: Vec<String>,
    /// When people were told of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// As what they were told of it, before it ended; worse things may be withheld since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_as: Option<(Kind, Severity)>,
    /// How often they were reminded of it since it was opened or became worse.
    #[serde(default)]
    pub reminders: u32,
    /// What they were not told because of a silence, and are to be told after it: that it was opened, or
    /// that it got worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<NoticeReason>,
}

impl Incident {
    /// One that begins, and of which nothing more is known.
    pub fn opened(
        id: IncidentId,
        server: ServerName,
        program: Option<ProgramName>,
        (kind, severity): (Kind, Severity),
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            server,
            program,
            kind,
            severity,
            opened_at: now,
            closed_at: None,
            outcome: None,
            baseline: false,
            from: None,
            to: None,
            uptime_seconds: None,
            exit: None,
            oom_kill: None,
            spawn_error: String::new(),
            attempts: 0,
            restarts: None,
            next: Next::Nothing,
            log_tail: Vec::new(),
            runbook: None,
            at_mobiles: Vec::new(),
            told_at: None,
            told_as: None,
            reminders: 0,
            withheld: None,
        }
    }

    /// People are told of it.
    pub fn tell(&mut self, reason: NoticeReason, now: Timestamp) {
        self.told_at = Some(now);
        if reason != NoticeReason::Closed {
            self.told_as = Some((self.kind, self.severity));
        }
        self.withheld = None;
        self.reminders = match reason {
            NoticeReason::Reminder => self.reminders.saturating_add(1),
            NoticeReason::Opened
            | NoticeReason::Escalated
            | NoticeReason::Closed
            | NoticeReason::Digest => 0,
        };
    }

    /// People are not told of it, as they wished. A reminder is not made up for later.
    pub fn withhold(&mut self, reason: NoticeReason) {
        self.withheld = match reason {
            NoticeReason::Opened | NoticeReason::Digest => Some(NoticeReason::Opened),
            NoticeReason::Escalated => self.withheld.or(Some(NoticeReason::Escalated)),
            NoticeReason::Reminder | NoticeReason::Closed => self.withheld,
        };
    }

    /// As people know it.
    #[must_use]
    pub fn as_told(&self) -> Self {
        let (kind, severity) = self.told_as.unwrap_or((self.kind, self.severity));
        Self {
            kind,
            severity,
            ..self.clone()
        }
    }

    /// Whether people know nothing of it, because of a silence.
    pub fn is_unknown(&self) -> bool {
        self.withheld == Some(NoticeReason::Opened)
    }

    /// Whether it is still going on.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// The program, with its supervisord; none for [`Kind::Unreachable`].
    pub fn key(&self) -> Option<ProgramKey> {
        self.program
            .as_ref()
            .map(|program| ProgramKey::new(&self.server, program))
    }

    /// When the program is started next, as far as that is planned.
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        match &self.next {
            Next::Attempt { at, .. } => Some(*at),
            Next::Probe { at, .. } | Next::NeedsHuman { at, .. } => *at,
            Next::HostGuard { until, .. } => Some(*until),
            Next::Nothing
            | Next::Starting { .. }
            | Next::Suspended
            | Next::Held { .. }
            | Next::Runs => None,
        }
    }

    /// The public form.
    pub fn view(&self) -> IncidentView<'_> {
        IncidentView {
            id: &self.id.0,
            server: self.server.as_str(),
            group: self.program.as_ref().map_or("", |program| &program.group),
            name: self.program.as_ref().map_or("", |program| &program.name),
            kind: self.kind,
            severity: self.severity,
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            outcome: self.outcome,
            exit: self.exit,
            spawn_error: &self.spawn_error,
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at(),
            log_tail: &self.log_tail,
        }
    }
}

/// An incident as the HTTP API and webhooks give it.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentView<'a> {
    id: &'a str,
    server: &'a str,
    group: &'a str,
    name: &'a str,
    kind: Kind,
    severity: Severity,
    #[serde(serialize_with = "millis")]
    opened_at: Timestamp,
    #[serde(serialize_with = "optional_millis")]
    closed_at: Option<Timestamp>,
    outcome: Option<Outcome>,
    exit: Option<Exit>,
    spawn_error: &'a str,
    attempts: u32,
    #[serde(serialize_with = "optional_millis")]
    next_attempt_at: Option<Timestamp>,
    log_tail: &'a [String],
}
