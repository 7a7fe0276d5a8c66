//! One program as the engine follows it.
//!
//! Owns what is remembered of a program between looks at it, and says whether something is wrong with
//! it at present ([`Program::condition`]). Opening and closing incidents is the business of
//! `incident.rs`, starting programs that of `retry.rs`.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    retry::Retry,
    tracker::{self, Circumstances, Step},
};
use crate::model::{
    Cause, Counters, Exit, Incident, Kind, Moment, Process, ProcessState, ProgramKey,
    ProgramRecord, SeenBy, Transition,
};

/// How long a program must rest in EXITED for supervisord to be done with it: under autorestart it
/// starts the program again within one pass of its loop, which takes a second at most.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// How often it must have been seen so.
const SETTLED_LOOKS: u32 = 2;
/// How long a program may fail to start before that is an incident: supervisord's own retries take
/// six seconds at its defaults, and growing waits mean many `startretries`.
pub(super) const BACKOFF_AFTER: Duration = Duration::from_secs(60);

/// A program, its open incident and its retries.
#[derive(Debug)]
pub(super) struct Program {
    pub process: Process,
    pub state_since: Timestamp,
    pub counters: Counters,
    pub incident: Option<Incident>,
    pub retry: Retry,
    /// How its last life ended, as far as supervisord shows it at present.
    pub exit: Option<Exit>,
    /// Whether its end in EXITED was one that its configuration expects.
    pub expected_exit: bool,
    /// What it fails with, from leaving RUNNING or failing to start until it runs again.
    pub trouble: Option<Trouble>,
    /// Since when its present pid has been RUNNING.
    pub running_since: Option<Moment>,
    /// `start` and `stop` as they were when supervigil first looked at this supervisord.
    pub baseline: Option<(i64, i64)>,
    /// Who started the life that goes on, or that ended last.
    pub started_by: Cause,
    /// What was written down of it last.
    saved: Option<ProgramRecord>,
    saved_incident: Option<Incident>,
    rest_since: Moment,
    rest_looks: u32,
}

/// The way into a failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trouble {
    pub since: Moment,
    pub from: ProcessState,
    pub uptime_seconds: Option<u64>,
    pub exit: Option<Exit>,
}

impl Program {
    /// A program at the first look at it.
    pub(super) fn first_seen(process: Process, retry: Retry, now: Moment) -> Self {
        let state_since = since(&process, now);
        Self::resting(process, state_since, Counters::default(), retry, now)
    }

    /// A program as an earlier run of supervigil left it.
    pub(super) fn restored(record: ProgramRecord, now: Moment) -> Self {
        let retry = Retry::restored(record.retry);
        Self::resting(
            record.process,
            record.state_since,
            record.counters,
            retry,
            now,
        )
    }

    fn resting(
        process: Process,
        state_since: Timestamp,
        counters: Counters,
        retry: Retry,
        now: Moment,
    ) -> Self {
        let running_since = (process.state == ProcessState::Running).then_some(now);
        Self {
            exit: tracker::exit_of(&process),
            expected_exit: process.spawn_error.is_empty(),
            trouble: None,
            running_since,
            baseline: None,
            started_by: Cause::Unknown,
            saved: None,
            saved_incident: None,
            rest_since: now,
            rest_looks: 1,
            process,
            state_since,
            counters,
            incident: None,
            retry,
        }
    }

    /// Takes a new look at the program in and returns the steps that led to it.
    pub(super) fn observe(
        &mut self,
        later: Process,
        same_supervisord: bool,
        now: Moment,
    ) -> Vec<Step> {
        let about = Circumstances {
            same_supervisord,
            retrying: self.retry.may_have_started(),
            settled: self.is_settled(now),
            started_by: self.started_by,
        };
        let steps = tracker::infer(&self.process, &later, about);
        self.count_look(&later, same_supervisord, now);
        let new_life = later.pid != self.process.pid;
        self.process = later;
        for step in &steps {
            self.take(step, now);
        }
        if self.process.state != ProcessState::Running {
            self.running_since = None;
        } else if new_life || self.running_since.is_none() {
            self.running_since = Some(now);
        }
        if matches!(
            self.process.state,
            ProcessState::Running | ProcessState::Stopped
        ) {
            self.trouble = None;
        }
        self.exit = tracker::exit_of(&self.process);
        self.expected_exit = self.process.spawn_error.is_empty();
        steps
    }

    fn count_look(&mut self, later: &Process, same_supervisord: bool, now: Moment) {
        let earlier = &self.process;
        let rests = same_supervisord
            && (earlier.state, earlier.start, earlier.stop)
                == (later.state, later.start, later.stop);
        if rests {
            self.rest_looks = self.rest_looks.saturating_add(1);
        } else {
            self.rest_since = now;
            self.rest_looks = 1;
        }
    }

    fn take(&mut self, step: &Step, now: Moment) {
        self.state_since = now.wall;
        self.count(step);
        if step.started() {
            self.started_by = step.cause;
        }
        let fails = match step.to {
            ProcessState::Exited | ProcessState::Backoff | ProcessState::Fatal => true,
            ProcessState::Stopped
            | ProcessState::Starting
            | ProcessState::Running
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => false,
        };
        if fails {
            let trouble = self.trouble.get_or_insert(Trouble {
                since: now,
                from: step.from,
                uptime_seconds: step.uptime_seconds,
                exit: None,
            });
            trouble.exit = step.exit.or(trouble.exit);
        }
    }

    fn count(&mut self, step: &Step) {
        let counters = &mut self.counters;
        let to = counters
            .transitions
            .entry(step.to.name().to_owned())
            .or_default();
        *to = to.saturating_add(1);
        if step.started() {
            counters.starts = counters.starts.saturating_add(1);
        }
        if !step.died {
            return;
        }
        let exits = &mut counters.exits;
        // An end that is not known to be unexpected is not held against the program.
        let count = match (step.expected.unwrap_or(true), step.exit) {
            (true, Some(Exit::Code(_))) => &mut exits.expected_code,
            (true, Some(Exit::Signal { .. } | Exit::UnknownSignal)) => &mut exits.expected_signal,
            (true, None) => &mut exits.expected_unknown,
            (false, Some(Exit::Code(_))) => &mut exits.unexpected_code,
            (false, Some(Exit::Signal { .. } | Exit::UnknownSignal)) => {
                &mut exits.unexpected_signal
            }
            (false, None) => &mut exits.unexpected_unknown,
        };
        *count = count.saturating_add(1);
    }

    /// Whether it has rested for so long that supervisord will not move it by itself.
    pub(super) fn is_settled(&self, now: Moment) -> bool {
        self.rest_looks >= SETTLED_LOOKS && now.since(self.rest_since) >= SETTLED_AFTER
    }

    /// Whether it is too early to say if it stays down.
    pub(super) fn is_undecided(&self, now: Moment) -> bool {
        self.process.state == ProcessState::Exited && !self.expected_exit && !self.is_settled(now)
    }

    /// What is wrong with it at present, for a program that should be up.
    pub(super) fn condition(&self, now: Moment) -> Option<Kind> {
        match self.process.state {
            ProcessState::Fatal => Some(Kind::Fatal),
            ProcessState::Exited if !self.expected_exit && self.is_settled(now) => {
                Some(Kind::UnexpectedExit)
            }
            ProcessState::Backoff | ProcessState::Starting => self
                .trouble
                .as_ref()
                .is_some_and(|trouble| now.since(trouble.since) >= BACKOFF_AFTER)
                .then_some(Kind::Backoff),
            ProcessState::Exited
            | ProcessState::Stopped
            | ProcessState::Running
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => None,
        }
    }

    /// What to write down of it; none when that is written already.
    pub(super) fn unsaved(&mut self, key: &ProgramKey) -> Option<ProgramRecord> {
        let record = ProgramRecord {
            key: key.clone(),
            // The clock's reading alone is no news.
            process: Process {
                now: 0,
                ..self.process.clone()
            },
            state_since: self.state_since,
            counters: self.counters.clone(),
            retry: self.retry.record.clone(),
        };
        if self.saved.as_ref() == Some(&record) {
            return None;
        }
        self.saved = Some(record.clone());
        Some(record)
    }

    /// Its open incident, when that has changed since it was written down last.
    pub(super) fn unsaved_incident(&mut self) -> Option<Incident> {
        if self.saved_incident == self.incident {
            return None;
        }
        self.saved_incident.clone_from(&self.incident);
        self.incident.clone()
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
        seen_by: SeenBy::Poll,
        spawn_error: if step.to == process.state {
            process.spawn_error.clone()
        } else {
            String::new()
        },
    }
}

/// Since when a program has been in the state that a first look shows: as far as supervisord's own
/// times tell, else the present.
fn since(process: &Process, now: Moment) -> Timestamp {
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
