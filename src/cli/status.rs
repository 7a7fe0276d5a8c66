//! `status`: every program once, straight from supervisord.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::{clients, console};
use crate::{
    config::Config,
    daemon::with_causes,
    engine::{Settings, exit_of, expected_up},
    model::{Exit, Identity, Process, ProcessState, ProgramName, ServerName, Snapshot},
    supervisord::CallError,
};

/// Something is not as expected.
const NOT_AS_EXPECTED: u8 = 3;
/// A supervisord cannot be reached.
const UNREACHABLE: u8 = 4;

/// The forms of the answer.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Output {
    /// A table for people
    Table,
    /// One JSON object
    Json,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Status {
    supervisords: Vec<Supervisord>,
    processes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Supervisord {
    server: ServerName,
    url: String,
    up: bool,
    error: Option<String>,
    #[serde(flatten)]
    identity: Option<Identity>,
}

#[derive(Debug, Serialize)]
struct Row {
    server: ServerName,
    group: String,
    name: String,
    state: ProcessState,
    pid: u32,
    started_at: Option<Timestamp>,
    uptime_seconds: Option<u64>,
    exit: Option<Exit>,
    spawn_error: String,
    expect: &'static str,
    as_expected: bool,
    why: String,
}

pub(super) async fn status(config: &Config, output: Output) -> anyhow::Result<ExitCode> {
    let mut status = Status {
        supervisords: Vec::new(),
        processes: Vec::new(),
    };
    for (server, client) in clients(config) {
        let outcome = client.snapshot().await;
        status.take(&server, client.url(), outcome, &config.engine);
    }
    match output {
        Output::Json => {
            console::say(&serde_json::to_string_pretty(&status)?);
        }
        Output::Table => {
            for line in status.table() {
                console::say(&line);
            }
            for supervisord in status.supervisords.iter().filter(|one| !one.up) {
                let error = supervisord.error.as_deref().unwrap_or_default();
                console::complain(&format!("{}: {error}", supervisord.server));
            }
        }
    }
    Ok(status.exit_code())
}

impl Status {
    fn take(
        &mut self,
        server: &ServerName,
        url: String,
        outcome: Result<Snapshot, CallError>,
        settings: &Settings,
    ) {
        let error = outcome.as_ref().err().map(|error| with_causes(error));
        let snapshot = outcome.ok();
        self.supervisords.push(Supervisord {
            server: server.clone(),
            url,
            up: snapshot.is_some(),
            error,
            identity: snapshot.as_ref().map(|snapshot| snapshot.identity.clone()),
        });
        let processes = snapshot.into_iter().flat_map(|snapshot| snapshot.processes);
        self.processes
            .extend(processes.map(|process| Row::new(server, process, settings)));
    }

    fn exit_code(&self) -> ExitCode {
        if self.supervisords.iter().any(|supervisord| !supervisord.up) {
            ExitCode::from(UNREACHABLE)
        } else if self.processes.iter().any(|row| !row.as_expected) {
            ExitCode::from(NOT_AS_EXPECTED)
        } else {
            ExitCode::SUCCESS
        }
    }

    fn table(&self) -> Vec<String> {
        if self.processes.is_empty() {
            return Vec::new();
        }
        let several = self.supervisords.len() > 1;
        let header = ["PROGRAM", "STATE", "PID", "UPTIME", "EXIT", "WHY"].map(str::to_owned);
        let rows = self.processes.iter().map(|row| row.cells(several));
        let table: Vec<_> = std::iter::once(header).chain(rows).collect();
        let mut widths = [0; 6];
        for row in &table {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |row: &[String; 6]| {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        table.iter().map(line).collect()
    }
}

impl Row {
    fn new(server: &ServerName, process: Process, settings: &Settings) -> Self {
        let up = expected_up(settings, &process.program);
        let alive = process.state.is_alive();
        let uptime = u64::try_from(process.now.saturating_sub(process.start)).ok();
        let exit = exit_of(&process);
        let (as_expected, why) = judge(&process, up, exit);
        Self {
            server: server.clone(),
            group: process.program.group.to_string(),
            name: process.program.name.to_string(),
            state: process.state,
            pid: process.pid,
            started_at: process.started_at(),
            uptime_seconds: uptime.filter(|_| alive),
            exit,
            spawn_error: process.spawn_error,
            expect: if up { "running" } else { "any" },
            as_expected,
            why,
        }
    }

    fn cells(&self, with_server: bool) -> [String; 6] {
        let program = ProgramName::new(&self.group, &self.name).to_string();
        let dash = || "-".to_owned();
        [
            if with_server {
                format!("{}/{program}", self.server)
            } else {
                program
            },
            self.state.to_string(),
            if self.pid == 0 {
                dash()
            } else {
                self.pid.to_string()
            },
            self.uptime_seconds.map_or_else(dash, uptime),
            self.exit.map_or_else(dash, exit_text),
            self.why.clone(),
        ]
    }
}

/// Whether a program is as it should be, and why it is as it is.
fn judge(process: &Process, expected_up: bool, exit: Option<Exit>) -> (bool, String) {
    let (well, why) = match process.state {
        ProcessState::Running => (true, String::new()),
        ProcessState::Starting => (true, "starting".to_owned()),
        ProcessState::Stopped if process.start == 0 => (true, "never started".to_owned()),
        ProcessState::Stopped => (false, "stopped by somebody".to_owned()),
        ProcessState::Stopping => (false, "being stopped".to_owned()),
        ProcessState::Exited if process.spawn_error.is_empty() => {
            (true, "ended as it is expected to".to_owned())
        }
        ProcessState::Exited => match exit {
            Some(Exit::UnknownSignal) => (false, "killed by a signal".to_owned()),
            Some(Exit::Code(_) | Exit::Signal { .. }) | None => {
                (false, "ended unexpectedly".to_owned())
            }
        },
        ProcessState::Backoff => (false, format!("failing to start: {}", process.spawn_error)),
        ProcessState::Fatal => (false, format!("given up: {}", process.spawn_error)),
        ProcessState::Unknown => (false, "supervisord lost control of it".to_owned()),
        ProcessState::Unrecognised(code) => (
            false,
            format!("a state that supervigil does not know: {code}"),
        ),
    };
    (well || !expected_up, why)
}

fn exit_text(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => code.to_string(),
        Exit::Signal { number, .. } => exit
            .signal_name()
            .map_or_else(|| format!("signal {number}"), str::to_owned),
        Exit::UnknownSignal => "signal".to_owned(),
    }
}

/// `3d 04:05:06`, or without the days.
fn uptime(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days == 0 {
        clock
    } else {
        format!("{days}d {clock}")
    }
}
