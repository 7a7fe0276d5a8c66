//! How the engine's knowledge looks from outside.

use std::time::Duration;

use jiff::Timestamp;

use super::{Engine, program::Program, quiet, rules, server::Server, step::Step};
use crate::model::{
    Feed, Hold, Incident, Moment, OpenWindow, Process, ProcessState, ProcessView, ProgramKey,
    ProgramName, RetryView, ServerName, ServerView, Silence, Transition,
};

/// The feeds that are shown: a listener says nothing of its coming and going.
const FEEDS: [Feed; 2] = [Feed::Log, Feed::Pidfd];

impl Engine {
    /// Every supervisord, by name; address and interval are for the daemon to say.
    pub fn views(&self, about: impl Fn(&ServerName) -> (String, Duration)) -> Vec<ServerView> {
        self.servers
            .values()
            .map(|server| {
                let (url, poll_interval) = about(server.name());
                self.server_view(server, url, poll_interval)
            })
            .collect()
    }

    /// The silences, from the newest.
    pub fn silences(&self) -> Vec<Silence> {
        let mut silences: Vec<_> = self.quiet.silences().cloned().collect();
        silences.reverse();
        silences
    }

    /// The holds, by program.
    pub fn holds(&self) -> Vec<Hold> {
        self.quiet.holds().cloned().collect()
    }

    /// The maintenance windows that are open.
    pub fn open_windows(&self, now: Moment) -> Vec<OpenWindow> {
        quiet::open_windows(&self.settings.maintenance, now)
    }

    /// Every open incident, in no particular order.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.servers.values().flat_map(|server| {
            let programs = server
                .programs
                .values()
                .filter_map(|program| program.incident.as_ref());
            programs.chain(server.silence.incident.as_ref())
        })
    }

    fn server_view(&self, server: &Server, url: String, poll_interval: Duration) -> ServerView {
        ServerView {
            name: server.name().clone(),
            url,
            up: server.gate.reachable,
            unreachable: server.silence.incident.is_some(),
            error: server.silence.error.clone(),
            identity: server.identity.clone(),
            started_at: server.seen_since,
            restarts: server.restarts,
            last_success_at: server.last_success_at,
            poll_interval,
            feeds_up: FEEDS.map(|feed| (feed, server.feeds.is_up(feed))),
            processes: server
                .programs
                .iter()
                .map(|(name, program)| self.process_view(server.name(), name, program))
                .collect(),
        }
    }

    fn process_view(
        &self,
        server: &ServerName,
        name: &ProgramName,
        program: &Program,
    ) -> ProcessView {
        let process = &program.process;
        let retry = rules::retry(&self.settings, name).map(|_| RetryView {
            attempts: program.retry.record.attempts,
            next_attempt_at: program.retry.record.next_attempt_at,
            exhausted: program.retry.record.exhausted,
        });
        ProcessView {
            program: name.clone(),
            state: process.state,
            pid: process.pid,
            started_at: process.started_at(),
            state_since: program.state_since,
            exit: program.exit,
            spawn_error: process.spawn_error.clone(),
            expected_up: rules::expected_up(&self.settings, name),
            held: self.quiet.is_held(&ProgramKey::new(server, name)),
            incident: program
                .incident
                .as_ref()
                .map(|incident| incident.id.clone()),
            crash_looping: program.cycles.crash_loop(&self.settings.alert).is_some(),
            counters: program.counters.clone(),
            retry,
        }
    }
}

/// The public form of a step.
pub(super) fn transition(
    key: &ProgramKey,
    step: &Step,
    process: &Process,
    now: Moment,
) -> Transition {
    Transition {
        time: now.wall,
        server: key.server.clone(),
        group: key.program.group.to_string(),
        name: key.program.name.to_string(),
        from: step.from,
        to: step.to,
        pid: step.pid,
        uptime_seconds: step.uptime_seconds,
        exit: step.exit,
        expected: step.expected,
        cause: step.cause,
        seen_by: step.seen_by,
        spawn_error: if step.to == process.state {
            process.spawn_error.clone()
        } else {
            String::new()
        },
    }
}

/// Since when a program has been in the state that a first look shows: as far as supervisord's own
/// times tell, else the present.
pub(super) fn since(process: &Process, now: Moment) -> Timestamp {
    let at = match process.state {
        ProcessState::Running | ProcessState::Starting => process.start,
        ProcessState::Stopped | ProcessState::Exited => process.stop,
        ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => process.start.max(process.stop),
    };
    match Timestamp::from_second(at) {
        Ok(time) if at != 0 => time,
        Ok(_) | Err(_) => now.wall,
    }
}
