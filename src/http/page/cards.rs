//! The parts of the page: each view in words.

use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;

use super::super::{api::counts, words::Language};
use crate::model::{
    ChannelView, Incident, ProcessState, ProcessView, ProgramName, ServerView, Severity, Transition,
};

/// Programs of one supervisord on the page; the rest is in the API. A thousand of them are about
/// half a megabyte.
const MAX_PROGRAMS: usize = 1000;

/// In whose words and from when the page looks.
pub(super) struct Context<'a> {
    /// The language.
    pub(super) language: Language,
    /// The present.
    pub(super) now: Timestamp,
    /// The reader's time zone.
    pub(super) zone: &'a TimeZone,
}

impl Context<'_> {
    /// How long ago that was, or zero.
    pub(super) fn since(&self, time: Timestamp) -> String {
        self.language.span(between(time, self.now))
    }

    /// How long until then, or zero.
    fn until(&self, time: Timestamp) -> Duration {
        between(self.now, time)
    }

    /// The time on the reader's clock.
    pub(super) fn clock(&self, time: Timestamp) -> String {
        let local = time.to_zoned_datetime(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// As [`Self::clock`], short.
    fn short_clock(&self, time: Timestamp) -> String {
        let local = time.to_zoned_datetime(self.zone.clone());
        local.strftime("%m-%d %H:%M:%S").to_string()
    }
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// An open incident.
pub(super) struct IncidentCard<'a> {
    pub(super) class: &'static str,
    pub(super) severity: &'static str,
    pub(super) subject: String,
    pub(super) kind: &'static str,
    pub(super) since: String,
    pub(super) opened: String,
    pub(super) exit: Option<String>,
    pub(super) why: &'a str,
    pub(super) attempts: u32,
    pub(super) next: String,
    pub(super) log_tail: &'a [String],
    pub(super) runbook: Option<&'a str>,
}

impl<'a> IncidentCard<'a> {
    pub(super) fn of(incident: &'a Incident, context: &Context<'_>) -> Self {
        let language = context.language;
        let wait = incident.next_attempt_at().map(|at| context.until(at));
        Self {
            class: match incident.severity {
                Severity::Critical => "bad",
                Severity::Warning => "warn",
                Severity::None => "idle",
            },
            severity: language.severity(incident.severity),
            subject: incident
                .key()
                .map_or_else(|| incident.server.to_string(), |key| key.to_string()),
            kind: language.kind(incident.kind),
            since: context.since(incident.opened_at),
            opened: context.clock(incident.opened_at),
            exit: incident.exit.map(|exit| language.exit(exit)),
            why: &incident.spawn_error,
            attempts: incident.attempts,
            next: language.next(&incident.next, wait),
            log_tail: &incident.log_tail,
            runbook: incident.runbook.as_deref(),
        }
    }

    /// Whether the runbook may be a link; any other scheme is shown as text.
    pub(super) fn runbook_is_link(&self) -> bool {
        self.runbook
            .is_some_and(|it| it.starts_with("https://") || it.starts_with("http://"))
    }
}

/// A supervisord with its programs.
pub(super) struct ServerCard<'a> {
    pub(super) name: &'a str,
    pub(super) url: &'a str,
    pub(super) class: &'static str,
    pub(super) state: &'static str,
    pub(super) version: Option<&'a str>,
    pub(super) pid: Option<u32>,
    pub(super) uptime: Option<String>,
    pub(super) error: Option<&'a str>,
    /// How old the states are, where they are not the present.
    pub(super) stale: Option<String>,
    pub(super) counts: Vec<(&'static str, usize)>,
    pub(super) programs: Vec<ProgramRow<'a>>,
    pub(super) hidden: usize,
}

impl<'a> ServerCard<'a> {
    pub(super) fn of(server: &'a ServerView, context: &Context<'_>) -> Self {
        let words = context.language.words();
        let (class, state) = match (server.up, server.unreachable, server.last_success_at) {
            (true, _, _) => ("ok", words.reachable),
            (false, true, _) => ("bad", words.unreachable),
            (false, false, Some(_)) => ("warn", words.not_answering),
            (false, false, None) => ("warn", words.never_answered),
        };
        let identity = server.identity.as_ref();
        let mut programs: Vec<_> = server
            .processes
            .iter()
            .map(|process| ProgramRow::of(process, context))
            .collect();
        programs.sort_by_key(|row| row.rank);
        programs.truncate(MAX_PROGRAMS);
        Self {
            name: server.name.as_str(),
            url: &server.url,
            class,
            state,
            version: identity.map(|identity| identity.version.as_str()),
            pid: identity.map(|identity| identity.pid),
            uptime: server
                .started_at
                .filter(|_| server.up)
                .map(|time| context.since(time)),
            error: server.error.as_deref(),
            stale: server
                .last_success_at
                .filter(|_| !server.up)
                .map(|time| context.since(time)),
            counts: counts(&server.processes)
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .collect(),
            hidden: server.processes.len() - programs.len(),
            programs,
        }
    }
}

/// How far up the page a program belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Something is wrong.
    Bad,
    /// On its way, or odd.
    Warn,
    /// It rests, and that is fine.
    Idle,
    /// It runs.
    Ok,
}

/// One program.
pub(super) struct ProgramRow<'a> {
    rank: Rank,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) state_in_words: &'static str,
    pub(super) uptime: Option<String>,
    pub(super) since: String,
    pub(super) exit: Option<String>,
    pub(super) why: &'a str,
    pub(super) pid: u32,
    pub(super) tags: Vec<Tag>,
    pub(super) attempts: u32,
    pub(super) next_attempt: Option<String>,
}

impl<'a> ProgramRow<'a> {
    fn of(process: &'a ProcessView, context: &Context<'_>) -> Self {
        let retry = process.retry.as_ref();
        let failed = process.state != ProcessState::Running;
        Self {
            rank: rank(process),
            name: process.program.to_string(),
            state: process.state.to_string(),
            state_in_words: context.language.state(process.state),
            uptime: process.started_at.map(|time| context.since(time)),
            since: context.since(process.state_since),
            exit: process
                .exit
                .filter(|_| means_something(process.state))
                .map(|exit| context.language.exit(exit)),
            why: if failed { &process.spawn_error } else { "" },
            pid: process.pid,
            tags: tags(process, context.language),
            attempts: retry.map_or(0, |retry| retry.attempts),
            next_attempt: retry
                .and_then(|retry| retry.next_attempt_at)
                .map(|at| context.language.span(context.until(at))),
        }
    }

    pub(super) fn class(&self) -> &'static str {
        match self.rank {
            Rank::Bad => "bad",
            Rank::Warn => "warn",
            Rank::Idle => "idle",
            Rank::Ok => "ok",
        }
    }
}

/// A short remark on a program.
pub(super) struct Tag {
    pub(super) class: &'static str,
    pub(super) text: &'static str,
}

fn tags(process: &ProcessView, language: Language) -> Vec<Tag> {
    let words = language.words();
    let exhausted = process.retry.as_ref().is_some_and(|retry| retry.exhausted);
    [
        (process.incident.is_some(), "bad", words.incident),
        (process.crash_looping, "bad", words.crash_looping),
        (exhausted, "bad", words.exhausted),
        (process.held, "", words.held),
        (!process.expected_up, "", words.any_state),
    ]
    .into_iter()
    .filter(|(applies, ..)| *applies)
    .map(|(_, class, text)| Tag { class, text })
    .collect()
}

/// Whether the process's exit is told in that state; in BACKOFF and FATAL supervisord gives a 0 that
/// means nothing.
fn means_something(state: ProcessState) -> bool {
    match state {
        ProcessState::Exited | ProcessState::Stopped => true,
        ProcessState::Starting
        | ProcessState::Running
        | ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => false,
    }
}

fn rank(process: &ProcessView) -> Rank {
    let wrong = process.incident.is_some() || process.crash_looping;
    match process.state {
        ProcessState::Fatal if process.expected_up => Rank::Bad,
        ProcessState::Running if wrong => Rank::Warn,
        ProcessState::Running => Rank::Ok,
        ProcessState::Starting | ProcessState::Stopping if !wrong => Rank::Warn,
        ProcessState::Backoff | ProcessState::Unknown | ProcessState::Unrecognised(_) if !wrong => {
            Rank::Warn
        }
        ProcessState::Stopped | ProcessState::Exited | ProcessState::Fatal if !wrong => Rank::Idle,
        ProcessState::Starting
        | ProcessState::Stopping
        | ProcessState::Backoff
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_)
        | ProcessState::Stopped
        | ProcessState::Exited
        | ProcessState::Fatal => Rank::Bad,
    }
}

/// A channel.
pub(super) struct ChannelCard<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) class: &'static str,
    pub(super) state: &'static str,
    pub(super) error: Option<&'a str>,
    pub(super) length: usize,
    pub(super) frozen_until: Option<String>,
    pub(super) last_success: Option<String>,
}

impl<'a> ChannelCard<'a> {
    pub(super) fn of(channel: &'a ChannelView, context: &Context<'_>) -> Self {
        let words = context.language.words();
        let (class, state) = if channel.up {
            ("ok", words.works)
        } else {
            ("bad", words.fails)
        };
        Self {
            name: &channel.name,
            kind: channel.kind,
            class,
            state,
            error: channel.error.as_deref(),
            length: channel.length,
            frozen_until: channel
                .frozen_until
                .filter(|until| *until > context.now)
                .map(|until| context.short_clock(until)),
            last_success: channel.last_success_at.map(|time| context.since(time)),
        }
    }
}

/// A transition.
pub(super) struct TransitionRow<'a> {
    pub(super) time: String,
    pub(super) subject: String,
    pub(super) from: ProcessState,
    pub(super) to: ProcessState,
    pub(super) exit: Option<String>,
    pub(super) why: &'a str,
}

impl<'a> TransitionRow<'a> {
    pub(super) fn of(transition: &'a Transition, context: &Context<'_>) -> Self {
        let program = ProgramName::new(&transition.group, &transition.name);
        Self {
            time: context.short_clock(transition.time),
            subject: format!("{}/{program}", transition.server),
            from: transition.from,
            to: transition.to,
            exit: transition.exit.map(|exit| context.language.exit(exit)),
            why: &transition.spawn_error,
        }
    }
}
