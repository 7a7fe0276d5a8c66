//! How the engine's knowledge looks from outside.

use std::time::Duration;

use jiff::Timestamp;

use super::{Engine, program::Program, rules, server::Server};
use crate::model::{Incident, ProcessView, ProgramName, RetryView, ServerName, ServerView};

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

    /// Every open incident, in no particular order.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.servers.values().flat_map(|server| {
            let programs = server
                .programs
                .values()
                .filter_map(|program| program.incident.as_ref());
            programs.chain(server.unreachable.as_ref())
        })
    }

    fn server_view(&self, server: &Server, url: String, poll_interval: Duration) -> ServerView {
        ServerView {
            name: server.name().clone(),
            url,
            up: server.gate.reachable,
            unreachable: server.unreachable.is_some(),
            error: server.error.clone(),
            identity: server.identity.clone(),
            started_at: server.seen_since,
            restarts: server.restarts,
            last_success_at: server.last_success_at,
            poll_interval,
            processes: server
                .programs
                .iter()
                .map(|(name, program)| self.process_view(name, program))
                .collect(),
        }
    }

    fn process_view(&self, name: &ProgramName, program: &Program) -> ProcessView {
        let process = &program.process;
        let alive = process.state.is_alive();
        let retry = rules::retry(&self.settings, name).map(|_| RetryView {
            attempts: program.retry.record.attempts,
            next_attempt_at: program.retry.record.next_attempt_at,
            exhausted: program.retry.record.exhausted,
        });
        ProcessView {
            program: name.clone(),
            state: process.state,
            pid: process.pid,
            started_at: if alive {
                Timestamp::from_second(process.start).ok()
            } else {
                None
            },
            state_since: program.state_since,
            exit: program.exit,
            spawn_error: process.spawn_error.clone(),
            expected_up: rules::expected_up(&self.settings, name),
            held: false,
            incident: program
                .incident
                .as_ref()
                .map(|incident| incident.id.clone()),
            crash_looping: false,
            counters: program.counters.clone(),
            retry,
        }
    }
}
